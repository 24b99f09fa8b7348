"""Decides whether a peak of the energy is a beat.

    verdict = judge(d, p, c, live)     # NO, YES, WAIT or LATE

`d` are the words of the decision (levels, rhythm, what was put aside), `p` the parameters of
`parameters.py`, `c` the record of measure.py. Everything is in logarithms, 32 to the octave.
"""

import micropython
from micropython import const

# The record.
TIME = const(0)
LEVEL = const(1)
NARROW = const(2)
REST = const(3)
DISTANCE = const(5)
MARGIN = const(10)  # by how much it passed, plus 512

# The decision.
BEAT_LEVEL = const(0)  # of the beats: a slow mean
NOISE_LEVEL = const(1)  # of the peaks that were no beats
UPPER_LEVEL = const(2)  # of the larger beats: rises at once, falls slowly
WARY = const(3)  # beats for which smaller ones are held, since P waves were seen to pass
INTERVAL = const(4)  # median RR, samples
BEATS = const(6)  # counts 1..8, then 5..8 again; 0: none yet
LAST_TIME = const(11)  # of the last beat
LAST_NARROW = const(12)
LAST_LEVEL = const(13)

# Parameters, in the order of parameters.py.
REFRACTORY = const(0)
T_SLOPE = const(1)
BELOW = const(2)
EARLY = const(3)
EARLY_SLOPE = const(4)
OVER_NOISE = const(5)
NEAR = const(6)
CLEAR = const(7)
CLEAR_SLOPE = const(8)
NOISY = const(9)
LIKE = const(10)
UNLIKE_SLOPE = const(11)
LIKE_SLOPE = const(12)
SMALLER = const(14)
HELD_EARLY = const(15)
HELD_UNLIKE = const(16)
HELD_UNLIKE_LEVEL = const(17)
FOLLOWER = const(18)
WARY_BEATS = const(19)
HUGE = const(35)
HUGE_STEP = const(36)

NO = const(0)
YES = const(1)
WAIT = const(2)
LATE = const(3)  # too soon after the last beat to be anything


@micropython.viper
def judge(d: ptr32, p: ptr32, c: ptr32, live: int) -> int:
    since = c[TIME] - d[LAST_TIME]
    level = c[LEVEL]
    top = d[BEAT_LEVEL]
    if d[BEATS]:
        if level > top + p[HUGE]:
            # No heart grows eightfold in a beat: an electrode moved. If it stays, get used to it.
            d[BEAT_LEVEL] = top + p[HUGE_STEP]
            d[UPPER_LEVEL] = d[UPPER_LEVEL] + p[HUGE_STEP]
            return LATE
        if since < 60:
            # Larger and steeper than the beat just taken: that one was a P wave. Be wary.
            if level - d[LAST_LEVEL] + c[NARROW] - d[LAST_NARROW] > p[FOLLOWER]:
                d[WARY] = p[WARY_BEATS]
        if since < p[REFRACTORY]:
            return LATE
    r = since
    if r > 4000:
        r = 4000
    r = (r << 6) // d[INTERVAL]
    # Below the beats' level by so much; less when early;
    line = top - p[BELOW]
    if r < p[EARLY]:
        a = r
        if a < 24:
            a = 24
        line += (p[EARLY] - a) * p[EARLY_SLOPE] >> 4
    # but above the noise, unless that would be nearly the beats' level;
    a = d[NOISE_LEVEL] + p[OVER_NOISE]
    if a > top - p[NEAR]:
        a = top - p[NEAR]
    if line < a:
        line = a
    # clear of what lies around it;
    a = p[CLEAR] - level + c[REST]
    if a > 0:
        line += a * p[CLEAR_SLOPE] >> 4
    # and of a known shape, which matters more the noisier the signal is.
    if level > top - 96:
        a = c[DISTANCE] - p[LIKE]
        if a > 0:
            noisy = p[NOISY] - top + d[NOISE_LEVEL]
            if noisy > 0:
                if noisy > 64:
                    noisy = 64
                line += a * p[UNLIKE_SLOPE] * noisy >> 10
        else:
            line -= (0 - a) * p[LIKE_SLOPE] >> 4
    c[MARGIN] = level - line + 512
    if level <= line:
        return NO
    if d[BEATS]:
        # A T wave: within 360 ms of a beat, and blunt beside it.
        if since < 90:
            if c[NARROW] < d[LAST_NARROW] - p[T_SLOPE]:
                return NO
        if live:
            # A P wave may look like this: wait for what follows.
            if level < d[UPPER_LEVEL] - p[SMALLER]:
                if r < p[HELD_EARLY]:
                    return WAIT
                if d[WARY]:
                    return WAIT
            if c[DISTANCE] > p[HELD_UNLIKE]:
                if r < 56:
                    if level < top + p[HELD_UNLIKE_LEVEL]:
                        return WAIT
    return YES
