"""Other sampling rates: brings them to the 250 samples/s that the detector works at."""

import micropython
from micropython import const

FILL = const(0)  # samples in the sum so far
SUM = const(1)
LAST = const(2)  # the last sample, for 125 samples/s
MADE = const(3)  # samples made by this call


@micropython.viper
def fold(x: ptr32, span: int, out: ptr32, y: ptr32, ratio: int) -> int:
    """Means of `ratio` samples (2 or 4), at most 16 of them; returns where it stopped."""
    i = span & 0xFFFF
    n = span >> 16
    f = y[FILL]
    z = y[SUM]
    k = 0
    while i < n and k < 16:
        z += (x[i] & 0xFFFFFF) ^ 0x800000
        i += 1
        f += 1
        if f == ratio:
            z = z // ratio
            out[k] = z ^ 0x800000
            k += 1
            f = 0
            z = 0
    y[FILL] = f
    y[SUM] = z
    y[MADE] = k
    return i


@micropython.viper
def unfold(x: ptr32, span: int, out: ptr32, y: ptr32) -> int:
    """A sample halfway before each; at most 8 read; returns where it stopped."""
    i = span & 0xFFFF
    n = span >> 16
    z = (y[LAST] & 0xFFFFFF) ^ 0x800000
    k = 0
    while i < n and k < 16:
        v = (x[i] & 0xFFFFFF) ^ 0x800000
        out[k] = ((z + v) >> 1) ^ 0x800000
        out[k + 1] = v ^ 0x800000
        z = v
        i += 1
        k += 2
    y[LAST] = z ^ 0x800000
    y[MADE] = k
    return i
