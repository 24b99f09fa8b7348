"""The detector's parameters, in the order in which its modules number them.

Levels are in 1/32 octave (0.19 dB), slopes in sixteenths, times in samples (4 ms), intervals in
1/64 of the usual RR. The README in this folder gives the reason and the source of each.
"""

from array import array

SHIPPED = (
    ("REFRACTORY", 50),
    ("T_SLOPE", 56),
    ("BELOW", 40),
    ("EARLY", 48),
    ("EARLY_SLOPE", 14),
    ("OVER_NOISE", 36),
    ("NEAR", 20),
    ("CLEAR", 32),
    ("CLEAR_SLOPE", 12),
    ("NOISY", 130),
    ("LIKE", 24),
    ("UNLIKE_SLOPE", 18),
    ("LIKE_SLOPE", 6),
    ("SECOND", 8),
    ("SMALLER", 16),
    ("HELD_EARLY", 46),
    ("HELD_UNLIKE", 34),
    ("HELD_UNLIKE_LEVEL", 40),
    ("FOLLOWER", 8),
    ("WARY_BEATS", 16),
    ("OVERDUE", 92),
    ("BACK_BELOW", 76),
    ("BACK_SINCE", 75),
    ("BACK_EARLY_SLOPE", 24),
    ("BACK_OVER_NOISE", 20),
    ("BACK_LIKE", 50),
    ("BACK_LIKE_SLOPE", 2),
    ("CLIP", 32),
    ("GAIN", 2),
    ("NOISE_UP", 1),
    ("NOISE_DOWN", 2),
    ("PATIENCE", 1000),
    ("START", 400),
    ("START_GAP", 64),
    ("FLOOR", 304),
    ("HUGE", 96),
    ("HUGE_STEP", 32),
    ("LOST", 1500),
)


def defaults():
    """The parameters shipped, as the array that the detector reads."""
    return array("i", [value for _, value in SHIPPED])
