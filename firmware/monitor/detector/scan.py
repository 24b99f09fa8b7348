"""The part of the detector that runs for every sample: two filters, their energy, its peaks.

`scan(s, m, x, span)` reads samples `x[span & 0xFFFF]` to `x[(span >> 16) - 1]` (ADC codes at
250 samples/s, signed 24 bit in int32 words) and returns the index of the first sample that it has
not read. It stops early when something must be looked at (`s[EVENT]`): a peak of the energy (bit
0), or the tick set in `s[ALARM]` (bit 1).

A tick is a pair of samples: 8 ms. `s` are state words, `m` the delay lines. The filters' own
short delays are state words too, moved along one by one: on a Cortex-M0+ a word at a fixed place
costs one instruction to reach, a word of a ring a dozen.
"""

import micropython
from micropython import const

# State words.
TICK = const(0)  # pairs of samples since the start
HALF = const(1)  # 1: the first sample of the next pair is here
PAIR = const(2)  # the sum of the last pair
PEAK = const(3)  # the largest energy since the energy began to rise
AGE = const(4)  # ticks since then; FALLING: it still falls from the last peak
LAST = const(5)  # the energy one tick ago
EVENT = const(6)
ALARM = const(7)
ENERGY = const(8)  # the running sum over 12 ticks
AT = const(9)  # where the oldest of those 12 is
U1 = const(10)  # sums of four samples, one to five ticks ago
U2 = const(11)
U3 = const(12)
U4 = const(13)
U5 = const(14)
A1 = const(15)  # |y| one to three ticks ago
A2 = const(16)
A3 = const(17)
C1 = const(18)  # sums of three u, one to eight ticks ago
C2 = const(19)
C3 = const(20)
C4 = const(21)
C5 = const(22)
C6 = const(23)
C7 = const(24)
C8 = const(25)
TERMS = const(26)  # 12: the terms of ENERGY

# Delay lines: offsets into `m`.
RAW = const(0)  # the last 128 samples, sample n at n & 127
Y = const(128)  # for the last 64 ticks, tick k at 2 * (k & 63): |y| << 1 | (y < 0),
G = const(129)  # and the energy

LOOK = const(12)  # ticks that a peak of the energy must stand: 96 ms
FALLING = const(0xFF)


@micropython.viper
def scan(s: ptr32, q: ptr32, x: ptr32, span: int) -> int:
    base = int(q)
    end = int(x) + ((span >> 16) << 2)
    x = ptr32(int(x) + ((span & 0xFFFF) << 2))
    s[EVENT] = 0
    while int(x) < end:
        k = s[TICK]
        q = ptr32(base + ((k & 63) << 3))
        # 24-bit two's complement to offset binary: never negative, so that a 32-bit load needs no
        # sign extension on a 64-bit machine. Every filter below is blind to the offset.
        v = ((x[0] & 0xFFFFFF) ^ 0x800000) >> 4
        x = ptr32(int(x) + 4)
        if s[HALF] == 0:
            q[0] = v
            if int(x) == end:
                s[HALF] = 1
                break
            v = ((x[0] & 0xFFFFFF) ^ 0x800000) >> 4
            x = ptr32(int(x) + 4)
        s[HALF] = 0
        q[1] = v
        v += q[0]
        u = v + s[PAIR]
        s[PAIR] = v
        # Narrow: y = u[k] - u[k-2] - u[k-3] + u[k-5]. Wide: z = c[k] - 2 c[k-4] + c[k-8].
        v = u - s[U2] - s[U3] + s[U5]
        c = u + s[U1] + s[U2]
        s[U5] = s[U4]
        s[U4] = s[U3]
        s[U3] = s[U2]
        s[U2] = s[U1]
        s[U1] = u
        z = c - s[C4] - s[C4] + s[C8]
        s[C8] = s[C7]
        s[C7] = s[C6]
        s[C6] = s[C5]
        s[C5] = s[C4]
        s[C4] = s[C3]
        s[C3] = s[C2]
        s[C2] = s[C1]
        s[C1] = c
        v += v
        if v < 0:
            v = 1 - v
        q[Y] = v
        if z < 0:
            z = 0 - z
        # The energy: |y| of three ticks ago (the wide filter's longer delay) and a third of |z|.
        z = (z * 11 >> 5) + s[A3]
        s[A3] = s[A2]
        s[A2] = s[A1]
        s[A1] = v >> 1
        c = s[AT]
        u = s[ENERGY] + z - s[TERMS + c]
        s[TERMS + c] = z
        c += 1
        if c == 12:
            c = 0
        s[AT] = c
        s[ENERGY] = u
        q[G] = u
        s[TICK] = k + 1
        # Its peaks: higher than anything since the last valley, and for LOOK ticks after.
        v = s[AGE]
        if v == FALLING:
            if u > s[LAST]:
                s[AGE] = 0
                s[PEAK] = u
            s[LAST] = u
        elif u > s[PEAK]:
            s[AGE] = 0
            s[PEAK] = u
        else:
            v += 1
            s[AGE] = v
            if v == LOOK:
                s[AGE] = FALLING
                s[LAST] = u
                s[EVENT] = 1
                if k == s[ALARM]:
                    s[EVENT] = 3
                break
        if k == s[ALARM]:
            s[EVENT] = 2
            break
    return ((int(x) - end) >> 2) + (span >> 16)


@micropython.viper
def fill(s: ptr32, m: ptr32, code: int):
    """The state as if `code` had been there for ever."""
    v = ((code & 0xFFFFFF) ^ 0x800000) >> 4
    i = 0
    while i < Y:
        m[i] = v
        m[i + Y] = 0
        i += 1
    s[HALF] = 0
    s[PAIR] = v + v
    s[PEAK] = 0
    s[AGE] = FALLING
    s[LAST] = 0
    i = ENERGY
    while i < TERMS + 12:
        s[i] = 0
        i += 1
    i = U1
    while i <= U5:
        s[i] = 4 * v
        i += 1
    i = C1
    while i <= C8:
        s[i] = 12 * v
        i += 1
