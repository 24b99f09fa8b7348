"""What a beat gets points for, by which `rhythm` calls it wide: names, limits, and the points.

Fitted by `python -m heartlog.evaluation.rhythm`; logarithms are in 1/32 octave.
"""

# What the points are given for (the words of `seen`), the limits of each, and the points for one
# unit.
UNUSUAL = const(0)  # log2: distance from the nearest accepted template / what is usual
CLASS_UNUSUAL = const(1)  # the same for the beat's own template, if it is not accepted
EARLY = const(2)  # 1 - RR / median, in 1/256
CLASS_EARLY = const(3)  # mean of the own template's beats, if it is not accepted
WIDER = const(4)  # log2: width / that of the nearest accepted template
CLASS_WIDER = const(5)  # log2: own template's width / that of the normal, if it is not accepted
STRANGE = const(6)  # 1 if the own template is not accepted
REPEATED = const(7)  # 1 if it is not accepted and has had 3 beats
NOISE = const(8)  # before the beat, against its slope, in 1/256
CLASS_PAUSE = const(9)  # how much longer than the median the RR after its beats are, in 1/256
SINGLE = const(10)
# Products of two: what one is worth depends on the other. The RR is in 1/256 s.
NOISE_RR = const(10)  # NOISE and the RR interval, in 1/256
NOISY_RR = const(11)  # mean noise of the last 8 beats and RR, in 1/256
RR_RR = const(12)  # RR squared, in 1/256
WIDER_BOTH = const(13)  # WIDER of this beat and of the one before, in 1/32
EARLY_LIKE = const(14)  # EARLY, if the own template is accepted
UNUSUAL_LEVEL = const(15)  # UNUSUAL and log2: area / mean of the last 16 beats, in 1/32
UNUSUAL_RR = const(16)  # UNUSUAL and RR, in 1/32
NOISY_WIDER = const(17)  # mean noise and WIDER of the beat before, in 1/256
SEEN = const(18)
LOW = (-32, -32, -26, -26, -16, -16, 0, 0, 0, -26)
HIGH = (96, 96, 90, 90, 29, 29, 1, 1, 154, 90)
POINTS = (
    800,
    372,
    85,
    40,
    388,
    21,
    -16748,
    10238,
    -92,
    127,  # one by one
    -58,
    -24,
    20,
    -368,
    126,
    155,
    -500,
    -24,  # products
)
OFFSET = -47939


# 32 log2(1 + i / 32)
_LOG2 = (
    b"\x00\x01\x03\x04\x05\x07\x08\x09\x0a\x0b\x0d\x0e\x0f\x10\x11\x12"
    b"\x13\x14\x15\x16\x16\x17\x18\x19\x1a\x1b\x1b\x1c\x1d\x1e\x1f\x1f"
)


def log2(value):
    """32 log2(value) of a positive integer, rounded."""
    octave = 0
    while value >> (octave + 1):
        octave += 1
    rest = value - (1 << octave)
    return (octave << 5) + _LOG2[(rest << 5) >> octave]
