"""Measures a peak of the energy: what the decision needs to know about a possible beat.

    measure(s, m, v, c)     # the record `c` and the shape v[0:25] from the delay lines
    locate(s, m, c)         # R peak, amplitude, width and polarity from the samples
    glance(s, m, c)         # what has followed since, for a beat that is held

Levels are logarithms, 32 to the octave (6 dB), the mantissa taken as a straight line (error at
most 2.8), so that every rule on them is blind to gain.
"""

import micropython
from micropython import const

# State words and delay lines of scan.py.
TICK = const(0)
PEAK = const(9)
AGE = const(10)
Y = const(128)
G = const(192)

# The record of a possible beat; its first eight words are kept when it is put aside.
TIME = const(0)  # the middle of its energy, in samples
LEVEL = const(1)  # log of the energy's peak
NARROW = const(2)  # log of the largest |y|
REST = const(3)  # log of the energy 80 to 104 ms before and after
R = const(4)  # the R peak, in samples
DISTANCE = const(5)  # of its shape from the nearest template, 0..99
AMPLITUDE = const(6)  # the R peak over what lies 68 to 96 ms before, in 16 codes
WIDTH = const(7)  # of the QRS, in ms; 256 is added when the R peak points down
FIRST_DISTANCE = const(8)
SECOND_DISTANCE = const(9)
NEXT_LEVEL = const(11)  # `glance`: log of the energy's highest since
NEXT_NARROW = const(12)  # and of the largest |y| since


@micropython.viper
def measure(s: ptr32, m: ptr32, v: ptr8, c: ptr32):
    q = s[TICK] - 26  # the middle of the energy's peak is 25 ticks behind: LOOK and the filters
    c[TIME] = q + q + 1
    c[R] = q + q + 1
    c[AMPLITUDE] = 0
    c[WIDTH] = 0
    c[LEVEL] = s[PEAK]
    # The largest |y| within 64 ms of the middle; y comes three ticks late.
    k = q - 5
    e = 0
    t = q
    while k <= q + 11:
        a = m[Y + (k & 63)] >> 1
        if a > e:
            e = a
            t = k
        k += 1
    if e == 0:
        t = q + 3
    c[NARROW] = e
    # The energy around it: G of the middle is at q + 12.
    a = 0
    k = 10
    while k <= 13:
        a += (m[G + ((q + 12 - k) & 31)] + m[G + ((q + 12 + k) & 31)]) >> 3
        k += 1
    c[REST] = a
    # The shape: y from 96 ms before its largest value to 96 ms after, scaled to +-64 there.
    q = 0
    while e >= 0x8000:
        e >>= 1
        q += 1
    if e < 1:
        e = 1
    e = 0x8000000 // e
    k = 0
    t -= 12
    while k < 25:
        a = m[Y + (t & 63)]
        if a & 1:
            v[k] = 128 - ((a >> 1 >> q) * e >> 21)
        else:
            v[k] = 128 + ((a >> 1 >> q) * e >> 21)
        t += 1
        k += 1
    # Logarithms of LEVEL, NARROW and REST.
    k = LEVEL
    while k <= REST:
        a = c[k]
        e = 0
        if a > 0:
            e = 128
            while a >= 64:
                a >>= 1
                e += 32
            while a < 32:
                a <<= 1
                e -= 32
            e += a
        c[k] = e
        k += 1


@micropython.viper
def locate(s: ptr32, m: ptr32, c: ptr32):
    q = s[TICK] * 2 - 52
    # R: the largest second difference, 32 ms to either side, of the mean of five samples.
    j = q - 17
    a = 0
    k = j - 2
    while k <= j + 2:
        a += m[k & 127] + m[k & 127] - m[(k - 8) & 127] - m[(k + 8) & 127]
        k += 1
    t = j
    p = 0
    z = 0
    while j <= q + 19:
        v = a
        if v < 0:
            v = 0 - v
        if v > z:
            z = v
            t = j
            p = a
        j += 1
        k = m[(j + 2) & 127] - m[(j - 3) & 127]
        a += k + k - m[(j - 6) & 127] + m[(j - 11) & 127] - m[(j + 10) & 127] + m[(j + 5) & 127]
    c[R] = t
    # Amplitude: the mean of three samples against the mean of eight.
    a = m[(t - 1) & 127] + m[t & 127] + m[(t + 1) & 127]
    v = 0
    k = t - 24
    while k < t - 16:
        v += m[k & 127]
        k += 1
    a = (a << 3) - v - v - v
    if a < 0:
        a = 0 - a
    c[AMPLITUDE] = a // 24
    # Width: out to where the slope over 16 ms stays under a sixth of the steepest for 16 ms.
    z = 0
    k = t - 16
    while k <= t + 16:
        v = m[(k + 2) & 127] - m[(k - 2) & 127]
        if v < 0:
            v = 0 - v
        if v > z:
            z = v
        k += 2
    z = z // 6
    k = t
    j = 0
    while k > t - 30:
        v = m[(k + 2) & 127] - m[(k - 2) & 127]
        if v < 0:
            v = 0 - v
        if v > z:
            j = t - k
        elif t - k > j + 4:
            break
        k -= 2
    q = j
    k = t
    j = 0
    while k < t + 30:
        v = m[(k + 2) & 127] - m[(k - 2) & 127]
        if v < 0:
            v = 0 - v
        if v > z:
            j = k - t
        elif k - t > j + 4:
            break
        k += 2
    k = (q + j) << 2
    if p < 0:
        k += 256
    c[WIDTH] = k


@micropython.viper
def glance(s: ptr32, m: ptr32, c: ptr32):
    """What followed `c`, 120 to 288 ms after its middle; to be asked 340 ms after it."""
    q = (c[TIME] - 1) >> 1
    c[NEXT_LEVEL] = 0
    if s[AGE] != 0xFF:
        c[NEXT_LEVEL] = s[PEAK]
    e = 0
    k = q + 18
    while k <= q + 39:
        a = m[Y + (k & 63)] >> 1
        if a > e:
            e = a
        k += 1
    c[NEXT_NARROW] = e
    k = NEXT_LEVEL
    while k <= NEXT_NARROW:
        a = c[k]
        e = 0
        if a > 0:
            e = 128
            while a >= 64:
                a >>= 1
                e += 32
            while a < 32:
                a <<= 1
                e -= 32
            e += a
        c[k] = e
        k += 1
