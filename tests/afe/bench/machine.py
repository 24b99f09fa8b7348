"""What the driver takes from `machine`; the objects themselves come from the bench's board."""


class Pin:
    IN = 0
    OUT = 1
    IRQ_FALLING = 4
    IRQ_RISING = 8
    PULL_UP = 1
    PULL_DOWN = 2


def idle():
    """Sleeps until something happens, a millisecond at most, as on rp2."""
    from bench import kernel

    due = kernel.next_time()
    most = kernel.now + 1000
    kernel.run_until(most if due is None else min(max(due, kernel.now + 1), most))
