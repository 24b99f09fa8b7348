"""The part of the detector that runs for every sample: two filters, their energy, its peaks.

`scan(s, m, x, span)` reads samples `x[span & 0xFFFF]` to `x[(span >> 16) - 1]` (ADC codes at
250 samples/s, signed 24 bit in int32 words) and returns the index of the first sample that it has
not read. It stops early (`s[EVENT]`) when something must be looked at first: a peak of the energy
(1), or the tick set in `s[ALARM]` (2).

A tick is a pair of samples: 8 ms. `s` are state words, `m` the delay lines.
"""

import micropython
from micropython import const

# State words (the first 32 of `s` cost one instruction to reach).
TICK = const(0)  # ticks since the start
HALF = const(1)  # 1: one sample of the pair is here already
FIRST = const(2)  # that sample
PAIR = const(3)  # the sum of the last pair
DIFF1 = const(4)  # u[k] - u[k-3] of the last tick and the one before, plus BIAS
DIFF2 = const(5)
WIDE = const(6)  # running sum of three u
NARROW_SUM = const(7)  # running sum of |y|
WIDE_SUM = const(8)  # running sum of |z|
PEAK = const(9)  # the largest energy since the energy began to rise
AGE = const(10)  # ticks since then; -1: the energy is still falling from the last peak
LAST = const(11)  # the energy one tick ago
EVENT = const(12)
ALARM = const(13)

# Delay lines (offsets into `m`), each a ring of the power of two given.
RAW = const(0)  # 128 samples
Y = const(128)  # 64: the narrow filter, |y| << 1 | (y < 0)
G = const(192)  # 32: the energy
Z = const(224)  # 16: |z|
B = const(240)  # 16: WIDE
F = const(256)  # 4: NARROW_SUM
U = const(260)  # 4: the sum of four samples

BIAS = const(0x1000000)
LOOK = const(13)  # ticks that a peak of the energy must stand


@micropython.viper
def scan(s: ptr32, m: ptr32, x: ptr32, span: int) -> int:
    i = span & 0xFFFF
    n = span >> 16
    s[EVENT] = 0
    while i < n:
        # 24-bit two's complement to offset binary: never negative, so that a 32-bit load needs no
        # sign extension on a 64-bit machine. Every filter below is blind to the offset.
        v = ((x[i] & 0xFFFFFF) ^ 0x800000) >> 4
        i += 1
        k = s[TICK]
        if s[HALF] == 0:
            m[(k + k) & 127] = v
            s[FIRST] = v
            s[HALF] = 1
        else:
            s[HALF] = 0
            m[(k + k + 1) & 127] = v
            v += s[FIRST]
            s[TICK] = k + 1
            # u, the sum of four samples; d = u[k] - u[k-3]
            d = v + s[PAIR]
            s[PAIR] = v
            a = (k - 3) & 3
            v = m[U + a]
            m[U + (k & 3)] = d
            d = d - v + BIAS
            # narrow: y = d[k] - d[k-2], a second difference; its rectified sum over 12 ticks
            v = d - s[DIFF2]
            s[DIFF2] = s[DIFF1]
            s[DIFF1] = d
            e = v
            v = v << 1
            if v < 0:
                e = 0 - e
                v = 1 - v
            m[Y + (k & 63)] = v
            e = s[NARROW_SUM] + e - (m[Y + ((k - 12) & 63)] >> 1)
            s[NARROW_SUM] = e
            m[F + (k & 3)] = e
            # wide: the sum of three u, its second difference at lag 4, rectified sum over 12 ticks
            d = s[WIDE] + d - BIAS
            s[WIDE] = d
            m[B + (k & 15)] = d
            d = d - (m[B + ((k - 4) & 15)] << 1) + m[B + ((k - 8) & 15)]
            if d < 0:
                d = 0 - d
            e = s[WIDE_SUM] + d - m[Z + ((k - 12) & 15)]
            m[Z + (k & 15)] = d
            s[WIDE_SUM] = e
            # the energy: narrow (three ticks ago: the wide filter's longer delay) and a third wide
            e = (m[F + a] + ((e >> 4) * 22 >> 2)) >> 2
            m[G + (k & 31)] = e
            # its peaks: higher than anything since the last valley, and for LOOK ticks after
            if s[AGE] == 0xFF:
                if e > s[LAST]:
                    s[AGE] = 0
                    s[PEAK] = e
            elif e > s[PEAK]:
                s[AGE] = 0
                s[PEAK] = e
            else:
                a = s[AGE] + 1
                s[AGE] = a
                if a == LOOK:
                    s[AGE] = 0xFF
                    s[EVENT] = 1
            s[LAST] = e
            if k == s[ALARM]:
                s[EVENT] = s[EVENT] | 2
            if s[EVENT]:
                return i
    return i


@micropython.viper
def fill(s: ptr32, m: ptr32, code: int):
    """The state as if `code` had been there for ever."""
    v = ((code & 0xFFFFFF) ^ 0x800000) >> 4
    i = 0
    while i < 128:
        m[i] = v
        i += 1
    while i < B:
        m[i] = 0
        i += 1
    while i < F:
        m[i] = 12 * v
        i += 1
    while i < U:
        m[i] = 0
        m[i + 4] = 4 * v
        i += 1
    s[PAIR] = v + v
    s[DIFF1] = BIAS
    s[DIFF2] = BIAS
    s[WIDE] = 12 * v
    s[NARROW_SUM] = 0
    s[WIDE_SUM] = 0
    s[PEAK] = 0
    s[AGE] = 0xFF
    s[LAST] = 0
