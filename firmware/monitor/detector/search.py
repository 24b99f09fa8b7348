"""The search back: when a beat is overdue, the best of what was put aside.

at = search(d, p, c, now)    # its number (copied to `c`), or -1
take(d, c, i)                # copies record i of those put aside to `c`
"""

import micropython
from micropython import const

TIME = const(0)
LEVEL = const(1)
NARROW = const(2)
REST = const(3)
DISTANCE = const(5)
FIRST_DISTANCE = const(8)
SECOND_DISTANCE = const(9)
MARGIN = const(10)

BEAT_LEVEL = const(0)
NOISE_LEVEL = const(1)
INTERVAL = const(4)
COUNT = const(7)
LAST_TIME = const(11)
LAST_NARROW = const(12)
ASIDE = const(16)

T_SLOPE = const(1)
NEAR = const(6)
CLEAR = const(7)
CLEAR_SLOPE = const(8)
OVERDUE = const(20)
BACK_BELOW = const(21)
BACK_SINCE = const(22)
BACK_EARLY_SLOPE = const(23)
BACK_OVER_NOISE = const(24)
BACK_LIKE = const(25)
BACK_LIKE_SLOPE = const(26)


@micropython.viper
def search(d: ptr32, p: ptr32, c: ptr32, now: int) -> int:
    last = d[LAST_TIME]
    a = now - 52 - last
    if a < 5000:
        if (a << 6) < p[OVERDUE] * d[INTERVAL]:
            return 0 - 1
    n = d[COUNT]
    best = 0
    found = 0 - 1
    i = 0
    while i < n:
        at = ASIDE + (i << 3)
        since = d[at] - last
        level = d[at + LEVEL]
        if since < p[BACK_SINCE]:
            level = 0
        elif since < 90:
            if d[at + NARROW] < d[LAST_NARROW] - p[T_SLOPE]:
                level = 0
        if level:
            a = p[CLEAR] - level + d[at + REST]
            if a > 0:
                level -= a * p[CLEAR_SLOPE] >> 4
            if since < 5000:
                a = 40 - (since << 6) // d[INTERVAL]
                if a > 0:
                    level -= a * p[BACK_EARLY_SLOPE] >> 4
            a = p[BACK_LIKE] - d[at + DISTANCE]
            if a > 0:
                level += a * p[BACK_LIKE_SLOPE] >> 4
            if level > best:
                best = level
                found = i
        i += 1
    a = d[NOISE_LEVEL] + p[BACK_OVER_NOISE]
    if a > d[BEAT_LEVEL] - p[NEAR]:
        a = d[BEAT_LEVEL] - p[NEAR]
    if a < d[BEAT_LEVEL] - p[BACK_BELOW]:
        a = d[BEAT_LEVEL] - p[BACK_BELOW]
    if best <= a:
        return 0 - 1
    at = ASIDE + (found << 3)
    i = 0
    while i < 8:
        c[i] = d[at + i]
        i += 1
    c[MARGIN] = best - a + 512
    return found


@micropython.viper
def take(d: ptr32, c: ptr32, i: int):
    at = ASIDE + (i << 3)
    i = 0
    while i < 8:
        c[i] = d[at + i]
        i += 1
    c[FIRST_DISTANCE] = 999
    c[SECOND_DISTANCE] = 999
