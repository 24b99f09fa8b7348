"""Simulated time for the driver under test: sleeping lets the models' events happen."""

from bench import handlers, kernel

_MASK = (1 << 30) - 1  # ticks wrap as on a 32-bit board


def sleep_us(us):
    kernel.run_until(kernel.now + us)


def sleep_ms(ms):
    kernel.run_until(kernel.now + ms * 1000)


def ticks_us():
    if not handlers:  # a handler holds the heap: the models' events wait until it is done
        kernel.run_until(kernel.now + 1)
    return kernel.now & _MASK


def ticks_ms():
    return kernel.now // 1000 & _MASK


def ticks_diff(a, b):
    return ((a - b + (1 << 29)) & _MASK) - (1 << 29)


def ticks_add(a, b):
    return (a + b) & _MASK
