"""What the driver takes from `machine`; the objects themselves come from the bench's board."""


class Pin:
    IN = 0
    OUT = 1
    IRQ_FALLING = 4
    IRQ_RISING = 8
    PULL_UP = 1
    PULL_DOWN = 2
