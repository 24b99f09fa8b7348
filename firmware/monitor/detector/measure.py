"""Measures a peak of the energy: what the decision needs to know about a possible beat.

`measure(s, m, c)` fills the record `c` from the delay lines; `locate(s, m, c)` finds the R peak in
the samples themselves. Levels are logarithms, 32 to the octave (6 dB), so that every rule on them
is blind to gain.
"""

import micropython
from micropython import const

TICK = const(0)
PEAK = const(9)
Y = const(128)
G = const(192)
ZSUM = const(224)

# The record of a possible beat (words of `c`).
TIME = const(0)  # the middle of its energy: sample index
NOW = const(1)  # sample index when it was seen
LEVEL = const(2)  # log of the energy's peak
NARROW = const(3)  # log of the largest |y|
REST = const(5)  # log of the energy around it, 80 to 104 ms off
HIGH = const(6)  # log of the summed second difference of the samples: muscle noise
R = const(7)  # sample index of the R peak
POLARITY = const(8)
AMPLITUDE = const(9)
SHAPE = const(20)  # 32 words: y around its largest value, +-64, plus 128

# How far the middle of the energy's peak lies behind the newest tick: 13 (LOOK) + 12 (filters).
BEHIND = const(25)


@micropython.viper
def log(v: int) -> int:
    """32 * log2(v), the mantissa taken as a straight line; 0 for v < 1."""
    e = 0
    if v < 1:
        return 0
    while v >= 64:
        v >>= 1
        e += 32
    while v < 32:
        v <<= 1
        e -= 32
    return e + 128 + v


@micropython.viper
def measure(s: ptr32, m: ptr32, c: ptr32):
    k = s[TICK] - 1
    q = k - 25
    c[TIME] = q + q + 1
    c[NOW] = k + k + 1
    # the largest |y| within 64 ms of the middle (y comes three ticks late)
    j = 0 - 8
    e = 0
    t = q
    while j <= 8:
        v = m[Y + ((q + 3 + j) & 63)] >> 1
        if v > e:
            e = v
            t = q + j
        j += 1
    c[NARROW] = e
    # its shape, scaled to the largest: y * 64 / e
    z = 0
    while e >= 0x8000:
        e >>= 1
        z += 1
    if e < 1:
        e = 1
    e = 0x8000000 // e
    j = 0
    while j < 32:
        v = m[Y + ((t + j - 12) & 63)]
        a = v >> 1
        a = (a >> z) * e >> 21
        if v & 1:
            a = 0 - a
        c[SHAPE + j] = a + 128
        j += 1
    # the energy around it
    q += 12
    e = 0
    j = 10
    while j <= 13:
        e += (m[G + ((q - j) & 31)] + m[G + ((q + j) & 31)]) >> 3
        j += 1
    c[REST] = e
    c[4] = m[ZSUM + (q & 15)]


@micropython.viper
def locate(s: ptr32, m: ptr32, c: ptr32):
    k = s[TICK] - 1
    q = k + k - 50
    # muscle noise: second differences over 48 samples
    j = q - 24
    a = m[(j - 2) & 127]
    e = m[(j - 1) & 127]
    z = 0
    while j < q + 24:
        v = m[j & 127]
        a = v - e - e + a
        if a < 0:
            a = 0 - a
        z += a
        a = e
        e = v
        j += 1
    c[HIGH] = z
    # R: the largest second difference, at a lag of 32 ms, of the mean of five samples
    j = q - 17
    a = 0
    k = 0 - 2
    while k <= 2:
        e = j - 1 + k
        a += m[e & 127] + m[e & 127] - m[(e - 8) & 127] - m[(e + 8) & 127]
        k += 1
    z = 0
    c[AMPLITUDE] = 0
    while j <= q + 19:
        k = m[(j + 2) & 127] - m[(j - 3) & 127]
        a += k + k - m[(j - 6) & 127] + m[(j - 11) & 127] - m[(j + 10) & 127] + m[(j + 5) & 127]
        v = a
        if v < 0:
            v = 0 - v
        if v > z:
            z = v
            c[R] = j
            c[POLARITY] = 1
            if a < 0:
                c[POLARITY] = 0
        j += 1
    c[AMPLITUDE] = z
