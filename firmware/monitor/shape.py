"""The shape of beats: a ring of smoothed samples, and distances between a beat and templates.

Everything is at 125 samples/s, each the mean of 16 ms of signal, in units of 16 ADC codes. A beat
is the stretch from 120 ms before to 152 ms after its R peak, 18 points 16 ms apart, about its own
mean. Two shapes differ by sum|a - b| / (sum|a| + sum|b|): 0 for the same, 1 for opposites,
whatever the gain and the electrode offset (a normalised city-block distance: it needs no product).

Word lengths: a ring value is within +/-2^19 and kept with 2^19 added, a template's point within
+/-2^20 and kept with 2^21 added (so that loads need no sign extension); a sum of 18 is below
2^26; quotients are formed after both sides were shifted until the divisor has 16 bits.
"""

import micropython
from micropython import const

RING = const(512)
POINTS = const(18)
TEMPLATES = const(8)
BEFORE = const(15)
AFTER = const(19)
SHIFTS = const(5)
WORDS = const(672)  # RING + TEMPLATES * POINTS + TEMPLATES (areas), rounded up

_TEMPLATE = const(512)
_AREA = const(656)

# Words of the state array.
ACC, FILL, AT, DIVIDER, LAST, SHIFT = 0, 1, 2, 3, 4, 5
BEAT_AREA, BEAT_WIDTH, BEAT_NOISE = 6, 7, 8
DISTANCE, BEST_SHIFT, MEANS = 16, 24, 32
STATE = const(48)


@micropython.viper
def push(s: ptr32, m: ptr32, block: ptr32, count: int):
    # Codes into the ring: the mean of s[3] codes, then of two such means. 2^23 is added to each
    # code by turning its sign bit, and so 2^19 to each value in the ring.
    acc = s[0]
    n = s[1]
    i = 0
    while i < count:
        acc += (block[i] & 0xFFFFFF) ^ 0x800000
        i += 1
        n += 1
        if n == s[3]:
            acc = acc >> s[5]
            m[s[2]] = (acc + s[4]) >> 1
            s[2] = (s[2] + 1) & 511
            s[4] = acc
            acc = 0
            n = 0
    s[0] = acc
    s[1] = n


@micropython.viper
def measure(s: ptr32, m: ptr32, at: int):
    # Area, width and noise of the beat whose R peak is at ring place `at`, into the state.
    i = 0
    total = 0
    while i < 18:
        total += m[(at - 15 + 2 * i) & 511]
        i += 1
    mean = total // 18
    # The level around the QRS: of two points at either end the middle two.
    base = 0
    low = 0x1FFFFFFF
    high = 0 - 0x1FFFFFFF
    i = 0
    while i < 4:
        v = at - 15 + 2 * i
        if i > 1:
            v += 28
        v = m[v & 511]
        base += v
        if v < low:
            low = v
        if v > high:
            high = v
        i += 1
    base = (base - low - high) >> 1
    area = 0
    spread = 0
    peak = 1
    i = 0
    while i < 18:
        v = m[(at - 15 + 2 * i) & 511]
        d = v - mean
        if d < 0:
            d = 0 - d
        area += d
        i += 1
    i = at - 11
    while i <= at + 14:
        d = m[i & 511] - base
        if d < 0:
            d = 0 - d
        spread += d
        if d > peak:
            peak = d
        i += 1
    s[6] = area + 1
    s[7] = (spread << 3) // peak + 1
    # Noise: the largest mean |second difference| over 64 ms in the 224 ms before the P wave's end,
    # against the steepest slope of the beat.
    slope = 1
    before = m[(at - 15) & 511]
    i = at - 14
    while i <= at + 19:
        v = m[i & 511]
        d = v - before
        if d < 0:
            d = 0 - d
        if d > slope:
            slope = d
        before = v
        i += 1
    a = m[(at - 42) & 511]
    b = m[(at - 41) & 511]
    run = 0
    most = 0
    i = at - 40
    while i < at - 12:
        v = m[i & 511]
        d = v - 2 * b + a
        if d < 0:
            d = 0 - d
        run += d - (run >> 3)
        if run > most:
            most = run
        a = b
        b = v
        i += 1
    d = (most << 5) // slope
    s[8] = d if d < 255 else 255


@micropython.viper
def compare(s: ptr32, m: ptr32, at: int, used: int, last_shift: int):
    # The distance of the beat at `at` from each template in the bit set `used`, in 1/4096, and
    # the shift at which it is least (-5 .. last_shift, of 8 ms).
    j = -5
    while j <= last_shift:
        total = 0
        i = 0
        while i < 18:
            total += m[(at + j - 15 + 2 * i) & 511]
            i += 1
        s[37 + j] = total // 18
        j += 1
    k = 0
    while k < 8:
        if (used >> k) & 1:
            # Shifts 0, -3 and 3, then two to either side of the best of them.
            best = 0x1FFFFFFF
            shift = 0
            centre = 0
            n = 0
            while n < 7:
                if n < 3:
                    j = n * 3
                    if n == 2:
                        j = -3
                else:
                    if n == 3:
                        centre = shift
                    j = (n - 1) >> 1
                    if n & 1:
                        j = 0 - j
                    j += centre
                n += 1
                if j <= last_shift:
                    level = s[37 + j] - 0x200000
                    place = at + j - 15
                    t = 512 + 18 * k
                    end = t + 18
                    total = 0
                    while t < end:
                        d = m[place & 511] - level - m[t]
                        if d < 0:
                            d = 0 - d
                        total += d
                        if total >= best:
                            t = end
                        place += 2
                        t += 1
                    if total < best:
                        best = total
                        shift = j
            whole = s[6] + m[656 + k]
            while whole > 0xFFFF:
                whole = whole >> 1
                best = best >> 1
            if best > 2 * whole:
                best = 2 * whole
            s[16 + k] = (best << 12) // whole
            s[24 + k] = shift + 5
        k += 1


@micropython.viper
def learn(m: ptr32, at: int, k: int, weight: int):
    # Template k moves by weight/64 towards the beat at `at`; 64 makes it the beat.
    total = 0
    i = 0
    while i < 18:
        total += m[(at - 15 + 2 * i) & 511]
        i += 1
    mean = total // 18
    area = 1
    i = 0
    while i < 18:
        v = m[(at - 15 + 2 * i) & 511] - mean
        t = m[512 + 18 * k + i] - 0x200000
        if weight == 64:
            t = v
        else:
            t += ((v - t) * weight) >> 6
        m[512 + 18 * k + i] = t + 0x200000
        if t < 0:
            t = 0 - t
        area += t
        i += 1
    m[656 + k] = area


@micropython.viper
def between(m: ptr32, a: int, b: int) -> int:
    # The distance between two templates in 1/4096, the least of three shifts of 16 ms.
    best = 0x1FFFFFFF
    j = -1
    while j < 2:
        total = 0
        i = 1
        while i < 17:
            d = m[512 + 18 * a + i + j]
            d -= m[512 + 18 * b + i]
            if d < 0:
                d = 0 - d
            total += d
            i += 1
        if total < best:
            best = total
        j += 1
    whole = m[656 + a] + m[656 + b]
    while whole > 0xFFFF:
        whole = whole >> 1
        best = best >> 1
    if best > 2 * whole:
        best = 2 * whole
    return (best << 12) // whole
