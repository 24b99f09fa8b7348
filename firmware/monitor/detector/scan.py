"""The part of the detector that runs for every sample: two filters, their energy, its peaks.

`scan(s, m, x, span)` reads samples `x[span & 0xFFFF]` to `x[(span >> 16) - 1]` (ADC codes at
250 samples/s, signed 24 bit in int32 words; an even number of them) and returns the index of the
first sample that it has not read. It stops early at the end of its delay lines, and when something
must be looked at (`s[EVENT]`): a peak of the energy (bit 0), the tick set in `s[ALARM]` (bit 1).

A tick is a pair of samples: 8 ms. `s` are state words, `m` the delay lines. The filters' own
short delays are state words too, moved along one by one: on a Cortex-M0+ the first 32 words cost
one instruction to reach, a word of a ring a dozen.
"""

import micropython
from micropython import const

# State words that every tick uses.
PAIR = const(0)  # the sum of the last pair
PEAK = const(1)  # the largest energy since it began to rise; while it falls: the last one
AGE = const(2)  # ticks since then; FALLING: it still falls from the last peak
ENERGY = const(3)  # the running sum over 12 ticks
U1 = const(4)  # sums of four samples, one to five ticks ago
U2 = const(5)
U3 = const(6)
U4 = const(7)
U5 = const(8)
A1 = const(9)  # |y| one to three ticks ago
A2 = const(10)
A3 = const(11)
C1 = const(12)  # sums of three u, one to eight ticks ago
C2 = const(13)
C3 = const(14)
C4 = const(15)
C5 = const(16)
C6 = const(17)
C7 = const(18)
C8 = const(19)
E1 = const(20)  # the last twelve terms of ENERGY
E2 = const(21)
E3 = const(22)
E4 = const(23)
E5 = const(24)
E6 = const(25)
E7 = const(26)
E8 = const(27)
E9 = const(28)
E10 = const(29)
E11 = const(30)
E12 = const(31)
# Others.
TICK = const(32)  # pairs of samples since the start
EVENT = const(33)
ALARM = const(34)
FOUND = const(35)  # the peak of the energy that EVENT tells of

# Delay lines: offsets into `m`.
RAW = const(0)  # the last 128 samples, sample n at n & 127
Y = const(128)  # for the last 64 ticks, tick k at 2 * (k & 63): |y| << 1 | (y < 0),
G = const(129)  # and the energy

LOOK = const(12)  # ticks that a peak of the energy must stand: 96 ms
FALLING = const(0xFF)


@micropython.viper
def scan(s: ptr32, q: ptr32, x: ptr32, span: int) -> int:
    # As many ticks as there are samples for, up to the alarm and to the end of the delay lines.
    k = s[TICK]
    n = ((span >> 16) - (span & 0xFFFF)) >> 1
    u = 64 - (k & 63)
    if n > u:
        n = u
    u = s[ALARM] - k + 1
    if u > 0:
        if n > u:
            n = u
    q = ptr32(int(q) + ((k & 63) << 3))
    x = ptr32(int(x) + ((span & 0xFFFF) << 2))
    start = int(x)
    s[EVENT] = 0
    while n:
        n -= 1
        # 24-bit two's complement to offset binary: never negative, so that a 32-bit load needs no
        # sign extension on a 64-bit machine. Every filter below is blind to the offset.
        v = ((x[0] & 0xFFFFFF) ^ 0x800000) >> 4
        q[0] = v
        u = ((x[1] & 0xFFFFFF) ^ 0x800000) >> 4
        q[1] = u
        u += v
        x = ptr32(int(x) + 8)
        v = u + s[PAIR]
        s[PAIR] = u
        # Narrow: y = u[k] - u[k-2] - u[k-3] + u[k-5]. Wide: z = c[k] - 2 c[k-4] + c[k-8].
        c = v + s[U1] + s[U2]
        u = v - s[U2] - s[U3] + s[U5]
        s[U5] = s[U4]
        s[U4] = s[U3]
        s[U3] = s[U2]
        s[U2] = s[U1]
        s[U1] = v
        v = c - s[C4] - s[C4] + s[C8]
        s[C8] = s[C7]
        s[C7] = s[C6]
        s[C6] = s[C5]
        s[C5] = s[C4]
        s[C4] = s[C3]
        s[C3] = s[C2]
        s[C2] = s[C1]
        s[C1] = c
        if v < 0:
            v = 0 - v
        u += u
        if u < 0:
            u = 1 - u
        q[Y] = u
        # The energy: |y| of three ticks ago (the wide filter's longer delay) and a third of |z|.
        v = (v * 11 >> 5) + s[A3]
        s[A3] = s[A2]
        s[A2] = s[A1]
        s[A1] = u >> 1
        u = v + s[ENERGY] - s[E12]
        s[E12] = s[E11]
        s[E11] = s[E10]
        s[E10] = s[E9]
        s[E9] = s[E8]
        s[E8] = s[E7]
        s[E7] = s[E6]
        s[E6] = s[E5]
        s[E5] = s[E4]
        s[E4] = s[E3]
        s[E3] = s[E2]
        s[E2] = s[E1]
        s[E1] = v
        s[ENERGY] = u
        q[G] = u
        q = ptr32(int(q) + 8)
        # Its peaks: higher than anything since the last valley, and for LOOK ticks after.
        v = s[AGE]
        if u > s[PEAK]:
            s[AGE] = 0
            s[PEAK] = u
        elif v == FALLING:
            s[PEAK] = u
        else:
            v += 1
            s[AGE] = v
            if v == LOOK:
                s[FOUND] = s[PEAK]
                s[PEAK] = u
                s[AGE] = FALLING
                s[EVENT] = 1
                break
    k += (int(x) - start) >> 3
    s[TICK] = k
    if k == s[ALARM] + 1:
        if int(x) > start:
            s[EVENT] = s[EVENT] | 2
    return ((int(x) - start) >> 2) + (span & 0xFFFF)


@micropython.viper
def fill(s: ptr32, m: ptr32, code: int):
    """The state as if `code` had been there for ever."""
    v = ((code & 0xFFFFFF) ^ 0x800000) >> 4
    i = 0
    while i < Y:
        m[i] = v
        m[i + Y] = 0
        i += 1
    i = PEAK
    while i <= E12:
        s[i] = 0
        i += 1
    s[PAIR] = v + v
    s[AGE] = FALLING
    i = U1
    while i <= U5:
        s[i] = 4 * v
        i += 1
    i = C1
    while i <= C8:
        s[i] = 12 * v
        i += 1
