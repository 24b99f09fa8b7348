"""What a beat, and a peak that is none, teach the decision.

learn(d, p, v, c, shape)    # `c` is a beat; `shape`: v[0:25] is its shape
shelve(d, p, c, noise)      # it is none: put aside for the search back
"""

import micropython
from micropython import const

TIME = const(0)
LEVEL = const(1)
NARROW = const(2)
FIRST_DISTANCE = const(8)
SECOND_DISTANCE = const(9)

BEAT_LEVEL = const(0)
NOISE_LEVEL = const(1)
UPPER_LEVEL = const(2)
WARY = const(3)
INTERVAL = const(4)
INTERVALS = const(5)  # how many intervals have been seen, up to three
BEATS = const(6)
COUNT = const(7)  # records put aside
FIRST_COUNT = const(8)
SECOND_COUNT = const(9)
FADE = const(10)  # from when on the levels fade
LAST_TIME = const(11)
LAST_NARROW = const(12)
LAST_LEVEL = const(13)
ASIDE = const(16)  # nine records of eight words
ROOM = const(9)

LIKE = const(10)
CLIP = const(27)
GAIN = const(28)
NOISE_UP = const(29)
NOISE_DOWN = const(30)
PATIENCE = const(31)


@micropython.viper
def learn(d: ptr32, p: ptr32, v: ptr8, c: ptr32, shape: int):
    # The usual interval, slowly, no step over a quarter; intervals over two seconds left out.
    a = c[TIME] - d[LAST_TIME]
    if d[BEATS]:
        if a < 500:
            n = d[INTERVAL]
            a -= n
            z = n >> 2
            if a > z:
                a = z
            if a + z < 0:
                a = 0 - z
            if d[INTERVALS] < 3:
                d[INTERVALS] = d[INTERVALS] + 1
                n += a >> 1
            else:
                n += a >> 3
            if n < 75:
                n = 75
            if n > 400:
                n = 400
            d[INTERVAL] = n
    # Levels.
    a = c[LEVEL] - d[BEAT_LEVEL]
    if a > p[CLIP]:
        a = p[CLIP]
    if a + p[CLIP] < 0:
        a = 0 - p[CLIP]
    d[BEAT_LEVEL] = d[BEAT_LEVEL] + (a * p[GAIN] >> 4)
    a = c[LEVEL] - d[UPPER_LEVEL]
    if a > 32:
        a = 32
    if a > 0:
        a = (a + 1) >> 1
    else:
        a >>= 3
    d[UPPER_LEVEL] = d[UPPER_LEVEL] + a
    a = d[BEATS] + 1
    if a == 9:
        a = 5
    d[BEATS] = a
    if d[WARY]:
        d[WARY] = d[WARY] - 1
    # Templates: the first is of the commonest shape, the second of another.
    if shape:
        n = d[FIRST_COUNT]
        at = 0
        q = 0
        if n == 0:
            at = 25
            d[FIRST_COUNT] = 1
        elif c[FIRST_DISTANCE] < p[LIKE] + 16:
            at = 25
            q = 2
            if n < 4:
                q = 1
            if n < 100:
                d[FIRST_COUNT] = n + 1
        else:
            at = 37
            if c[SECOND_DISTANCE] < p[LIKE] + 16:
                q = 2
                d[SECOND_COUNT] = d[SECOND_COUNT] + 1
            else:
                d[SECOND_COUNT] = 1
        j = 0
        while j < 12:
            z = v[at + j]
            v[at + j] = z + ((v[j + j + 1] - z) >> q)
            j += 1
        if at == 37:
            if d[SECOND_COUNT] > n:
                d[FIRST_COUNT] = d[SECOND_COUNT]
                d[SECOND_COUNT] = n
                j = 25
                while j < 37:
                    z = v[j]
                    v[j] = v[j + 12]
                    v[j + 12] = z
                    j += 1
            n = d[FIRST_COUNT]
            if n > 1:
                if d[BEATS] & 3 == 0:
                    d[FIRST_COUNT] = n - 1
    # The last beat; what was put aside before it is out of date.
    a = c[TIME]
    d[LAST_TIME] = a
    d[LAST_NARROW] = c[NARROW]
    d[LAST_LEVEL] = c[LEVEL]
    d[FADE] = a + p[PATIENCE]
    n = d[COUNT]
    i = 0
    z = 0
    while i < n:
        if d[ASIDE + (i << 3)] > a:
            j = 0
            while j < 8:
                d[ASIDE + (z << 3) + j] = d[ASIDE + (i << 3) + j]
                j += 1
            z += 1
        i += 1
    d[COUNT] = z


@micropython.viper
def shelve(d: ptr32, p: ptr32, c: ptr32, noise: int):
    level = c[LEVEL]
    if noise:
        a = level - d[NOISE_LEVEL]
        if a > 48:
            a = 48
        if a > 0:
            a >>= p[NOISE_UP]
        else:
            a = 0 - a
            if a > 48:
                a = 48
            a = 0 - (a >> p[NOISE_DOWN])
        d[NOISE_LEVEL] = d[NOISE_LEVEL] + a
    n = d[COUNT]
    if n == ROOM:
        # Full: forget the weakest.
        z = 0
        i = 1
        while i < ROOM:
            if d[ASIDE + LEVEL + (i << 3)] < d[ASIDE + LEVEL + (z << 3)]:
                z = i
            i += 1
        if d[ASIDE + LEVEL + (z << 3)] > level:
            return
        i = ASIDE + (z << 3)
        while i < 80:
            d[i] = d[i + 8]
            i += 1
        n -= 1
    i = 0
    while i < 8:
        d[ASIDE + (n << 3) + i] = c[i]
        i += 1
    d[COUNT] = n + 1
