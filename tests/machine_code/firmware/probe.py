# Viper functions with known answers, one for each thing that the harness must get right.
from array import array

import micropython


@micropython.viper
def add(x: int, y: int) -> int:
    return x + y


@micropython.viper
def divide(x: int, y: int) -> int:
    return x // y * 1000 + x % y


@micropython.viper
def below(x: int, y: int) -> bool:
    return x < y


@micropython.viper
def nothing(x: int):
    pass


@micropython.viper
def fill(target: ptr32, count: int, value: int) -> int:
    i = 0
    while i < count:
        target[i] = value + i
        i += 1
    return i


@micropython.viper
def sum_bytes(source: ptr8, count: int) -> int:
    total = 0
    for i in range(count):
        total += source[i]
    return total


@micropython.viper
def peek(source: ptr32, index: int) -> int:
    return source[index]


@micropython.viper
def allocate(x: int):
    return [x]


@micropython.viper
def far(x: int) -> int:
    # A body so long that ARMv6-M reaches its end only by a long jump.
    y = 0
    while x > 0:
        if x & 1:
            y = y * 3 + 1
            y = y ^ (y >> 3)
            y = y * 5 + 7
            y = y ^ (y >> 5)
            y = y & 0xFFFFFF
            y = y * 3 + 1
            y = y ^ (y >> 3)
            y = y * 5 + 7
            y = y ^ (y >> 5)
            y = y & 0xFFFFFF
            y = y * 3 + 1
            y = y ^ (y >> 3)
            y = y * 5 + 7
            y = y ^ (y >> 5)
            y = y & 0xFFFFFF
        else:
            y = y * 7 + 3
            y = y ^ (y >> 7)
            y = y * 11 + 1
            y = y & 0xFFFFF
        x -= 1
    return y


class Counter:
    """Python around viper, with a comprehension so that scopes are told apart."""

    SIZES = [n * 2 for n in (1, 2, 3)]

    def __init__(self):
        self.data = array("i", bytes(40))

    def run(self):
        return fill(self.data, 10, -5)


@micropython.viper
def after_a_class(x: int) -> int:
    return x ^ 0x55
