"""Measures a peak of the energy: what the decision needs to know about a possible beat.

    steepest = measure(k, m, c)      # levels of the record `c`; k: the newest tick
    shape(steepest, m, v)            # v[0:25]: the narrow filter's output around it
    distance = differ(v, v, at)      # from the template v[at : at + 12]
    glance(k, m, c, energy)          # what has followed since, for a beat that is held

Levels are logarithms, 32 to the octave (6 dB), the mantissa taken as a straight line (error at
most 2.8), so that every rule on them is blind to gain.
"""

import micropython
from micropython import const

Y = const(128)  # offsets in the delay lines, see scan.py
G = const(129)

# The record of a possible beat; its first eight words are kept when it is put aside.
TIME = const(0)  # the middle of its energy, in samples
LEVEL = const(1)  # log of the energy's peak (the peak itself until `measure` has seen it)
NARROW = const(2)  # log of the largest |y|
REST = const(3)  # log of the energy 72 to 96 ms before and after
R = const(4)  # the R peak, in samples
DISTANCE = const(5)  # of its shape from the nearest template, 0..99
AMPLITUDE = const(6)  # the R peak over what lies 68 to 96 ms before it, in 16 codes
WIDTH = const(7)  # of the QRS, in ms; 256 is added when the R peak points down
NEXT_LEVEL = const(11)  # `glance`: log of the energy's highest since
NEXT_NARROW = const(12)  # and of the largest |y| since


@micropython.viper
def measure(k: int, m: ptr32, c: ptr32) -> int:
    k -= 24  # the middle of the energy's peak: LOOK and the filters' delays
    c[TIME] = k + k + 1
    c[R] = k + k + 1
    c[AMPLITUDE] = 0
    c[WIDTH] = 0
    # The energy around it; that of the middle came 12 ticks later.
    n = 0
    z = 0
    while n < 8:
        z += m[G + ((k & 63) << 1)] >> 3
        k += 1
        n += 1
        if n == 4:
            k += 17
    c[REST] = z
    # The largest |y| within 64 ms of the middle; y came three ticks later.
    k -= 30
    n = k + 16
    e = 0
    t = k + 8
    while k <= n:
        z = m[Y + ((k & 63) << 1)]
        if z > e:
            e = z
            t = k
        k += 1
    c[NARROW] = e >> 1
    # Logarithms of LEVEL, NARROW and REST.
    k = LEVEL
    while k <= REST:
        z = c[k]
        e = 128
        while z >= 1024:
            z >>= 4
            e += 128
        while z >= 64:
            z >>= 1
            e += 32
        if z < 1:
            z = 1
        while z < 32:
            z <<= 1
            e -= 32
        c[k] = e + z
        k += 1
    return t


@micropython.viper
def shape(k: int, m: ptr32, v: ptr8):
    """y from 96 ms before tick `k` to 96 ms after, scaled to +-64 there, plus 128."""
    m = ptr32(int(m) + (Y << 2))
    e = m[(k & 63) << 1]
    n = 1
    while e >= 0x10000:
        e >>= 1
        n += 1
    e >>= 1
    if e < 1:
        e = 1
    # What stands farther out may be larger: cut at twice as large, so that it fits in a byte.
    top = e + e - 1
    e = 0x8000000 // e
    k -= 12
    j = 25
    while j:
        a = m[(k & 63) << 1]
        z = a >> n
        if z > top:
            z = top
        z = z * e >> 21
        if a & 1:
            z = 0 - z
        v[0] = z + 128
        v = ptr8(int(v) + 1)
        k += 1
        j -= 1


@micropython.viper
def differ(f: ptr8, g: ptr8, at: int) -> int:
    """A quarter of the summed difference at 12 points 16 ms apart, at the best of three lags."""
    g = ptr8(int(g) + at)
    best = 4000
    n = 3
    while n:
        z = 0
        a = f[0] - g[0]
        if a < 0:
            a = 0 - a
        z += a
        a = f[2] - g[1]
        if a < 0:
            a = 0 - a
        z += a
        a = f[4] - g[2]
        if a < 0:
            a = 0 - a
        z += a
        a = f[6] - g[3]
        if a < 0:
            a = 0 - a
        z += a
        a = f[8] - g[4]
        if a < 0:
            a = 0 - a
        z += a
        a = f[10] - g[5]
        if a < 0:
            a = 0 - a
        z += a
        a = f[12] - g[6]
        if a < 0:
            a = 0 - a
        z += a
        a = f[14] - g[7]
        if a < 0:
            a = 0 - a
        z += a
        a = f[16] - g[8]
        if a < 0:
            a = 0 - a
        z += a
        a = f[18] - g[9]
        if a < 0:
            a = 0 - a
        z += a
        a = f[20] - g[10]
        if a < 0:
            a = 0 - a
        z += a
        a = f[22] - g[11]
        if a < 0:
            a = 0 - a
        z += a
        if z < best:
            best = z
        f = ptr8(int(f) + 1)
        n -= 1
    return best >> 2


@micropython.viper
def glance(k: int, m: ptr32, c: ptr32, energy: int):
    """What followed `c`, 120 to 288 ms after its middle, asked 340 ms after it.

    `energy` is the highest since, or 0 when it only falls.
    """
    k -= 24
    n = k + 21
    e = 0
    while k <= n:
        z = m[Y + ((k & 63) << 1)]
        if z > e:
            e = z
        k += 1
    c[NEXT_LEVEL] = energy
    c[NEXT_NARROW] = e >> 1
    k = NEXT_LEVEL
    while k <= NEXT_NARROW:
        z = c[k]
        e = 128
        while z >= 64:
            z >>= 1
            e += 32
        if z < 1:
            z = 1
        while z < 32:
            z <<= 1
            e -= 32
        c[k] = e + z
        k += 1
