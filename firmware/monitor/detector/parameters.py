"""The detector's parameters, in the order in which its modules number them.

Levels are in 1/32 octave (0.19 dB), slopes in sixteenths, times in samples (4 ms), intervals in
1/64 of the median RR. The README in this folder gives the reason and the source of each.
"""

from array import array

NAMES = (
    "REFRACTORY", "T_SLOPE", "BELOW", "EARLY", "EARLY_SLOPE", "OVER_NOISE", "NEAR", "CLEAR",
    "CLEAR_SLOPE", "NOISY", "LIKE", "UNLIKE_SLOPE", "LIKE_SLOPE", "SECOND", "SMALLER",
    "HELD_EARLY", "HELD_UNLIKE", "HELD_UNLIKE_LEVEL", "FOLLOWER", "WARY_BEATS", "OVERDUE",
    "BACK_BELOW", "BACK_SINCE", "BACK_EARLY_SLOPE", "BACK_OVER_NOISE", "BACK_LIKE",
    "BACK_LIKE_SLOPE", "CLIP", "GAIN", "NOISE_UP", "NOISE_DOWN", "PATIENCE", "START", "START_GAP",
    "FLOOR",
    "HUGE", "HUGE_STEP", "LOST",
)  # fmt: skip


def defaults():
    """The parameters shipped, as the array that the detector reads."""
    return array("i", (
        50, 56, 40, 48, 12, 36, 12, 32,
        12, 130, 24, 8, 6, 8, 16,
        50, 34, 40, 8, 16, 92,
        76, 75, 16, 20, 50,
        2, 32, 3, 1, 2, 1000, 400, 64,
        304, 96, 12, 1500,
    ))  # fmt: skip
