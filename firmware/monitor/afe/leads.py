"""Electrodes: their names and colours in both codes, and which input each one is wired to.

    wired = inputs("ADS1292R", 2)      # {"RA": input bits, "LA": ...}
    name("RA", "IEC")                  # "R (red)"

IEC 60601-2-25 (Europe) and AHA (America) use the same colours for different places: a technician
is always shown name and colour. Input bits: INnP = bit n-1, INnN = bit 7+n, right-leg drive = 16.
"""

from micropython import const

# In the order of the bits in `Quality.off` and in signal records.
ELECTRODES = ("RA", "LA", "LL", "RL", "V1", "V2", "V3", "V4", "V5", "V6")

# name: (AHA colour, IEC name, IEC colour)
_CODES = {
    "RA": ("white", "R", "red"),
    "LA": ("black", "L", "yellow"),
    "LL": ("red", "F", "green"),
    "RL": ("green", "N", "black"),
    "V1": ("red", "C1", "red"),
    "V2": ("yellow", "C2", "yellow"),
    "V3": ("green", "C3", "green"),
    "V4": ("blue", "C4", "brown"),
    "V5": ("orange", "C5", "black"),
    "V6": ("purple", "C6", "violet"),
}
RLD = const(0x10000)


def name(electrode, code="AHA"):
    """`RA (white)` or, in the IEC code, `R (red)`."""
    aha, iec, colour = _CODES[electrode]
    if code == "AHA":
        return "%s (%s)" % (electrode, aha)
    if code == "IEC":
        return "%s (%s)" % (iec, colour)
    raise ValueError('the colour code must be "AHA" or "IEC", not %r' % (code,))


def p(channel):
    """Bit of INnP of a channel counted from 0."""
    return 1 << channel


def n(channel):
    return 0x100 << channel


def wiring(channels):
    """{electrode: input bits} of the limb arrangement; more channels are chest leads.

    CH1 = lead I (LA - RA), CH2 = lead II (LL - RA), CH3.. = V1.. against Wilson's terminal.
    One-channel parts have lead I alone.
    """
    if channels == 1:
        return {"RA": n(0), "LA": p(0), "RL": RLD}
    wired = {"RA": n(0) | n(1), "LA": p(0), "LL": p(1), "RL": RLD}
    for channel in range(2, min(channels, 8)):
        wired["V%d" % (channel - 1)] = p(channel)
    return wired


def needed(channels):
    """For each channel the electrodes without which it shows nothing."""
    pairs = [("LA", "RA"), ("LL", "RA")]
    for channel in range(2, channels):
        pairs.append(
            ("V%d" % (channel - 1), "RA", "LA", "LL")
        )  # Wilson's terminal needs all three
    return pairs[:channels]
