"""What the last changes of a value were followed by so far, as a guess at its next one.

    taps = array("i", bytes(4 * TAPS))
    fine = expected + (guess(taps, AT[0], RR_TAPS) >> 10)
    lean(taps, AT[0], RR_TAPS, error, 60)        # when the value is known, by what was off
    shift(taps, AT[0], RR_TAPS, change)

Intervals and amplitudes of the same heart sway with its breath, three to six beats long: eight
changes of the one and six of the other foretell enough of it to save 2 to 3 % of a beat's bits.
All of it is small integers, the same on every board and on the host.
"""

from .coder import micropython

# Of RR, then of the amplitude of normal and of wide beats. Weights (1 is 1 << 14), then what they
# weigh: changes of RR; sixteenths of a code from the mean.
RR_TAPS, LEVEL_TAPS = 8, 6
AT = (0, 2 * RR_TAPS, 2 * RR_TAPS + 2 * LEVEL_TAPS)
TAPS = AT[2] + 2 * LEVEL_TAPS
PACE = 983  # what is added to a weight that alone explains all of an error of 1: 0.06


@micropython.native
def guess(taps, at, count):
    """The weighed sum, in 1/16384."""
    total = 0
    for i in range(at, at + count):
        total += taps[i] * taps[i + count]
    return total


@micropython.native
def lean(taps, at, count, error, least):
    """Weights that would have made `error` smaller: normalised least mean squares (Widrow and
    Hoff 1960; Nagumo and Noda 1967). Small integers on every board: below 1 << 30."""
    power = least
    for i in range(at + count, at + 2 * count):
        power += taps[i] * taps[i]
    for i in range(at, at + count):
        weight = taps[i]
        taps[i] = weight - (weight >> 10) + error * taps[i + count] // power


@micropython.native
def shift(taps, at, count, value):
    """The newest value to be weighed; the oldest goes."""
    for i in range(at + 2 * count - 1, at + count, -1):
        taps[i] = taps[i - 1]
    taps[at + count] = value


def within(value, most):
    """The value, no further from 0 than `most`."""
    if value > most:
        return most
    return value if value > -most else -most
