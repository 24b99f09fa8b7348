"""What the self-test measures: names, units and digits, for the monitor and for the host alike.

    name, unit, digits = MEASURED[NOISE]

A number goes over the air as a whole one, multiplied by 10^digits. Codes keep their meaning; a
later version may add some, which an older host shows by their number.
"""

ID, BITS, WALK, NOISE, PEAK, OFFSET, RATE = 1, 2, 3, 4, 5, 6, 7
GAIN, SIGNAL, SUPPLY, TEMPERATURE, LEADS, DRIVE = 8, 9, 10, 11, 12, 13

MEASURED = {
    ID: ("identity", "", 0),
    BITS: ("SPI bit errors", "bits", 0),
    WALK: ("register walk, wrong", "", 0),
    NOISE: ("input-short noise", "uV rms", 3),
    PEAK: ("input-short peak", "uVpp", 2),
    OFFSET: ("offset", "uV", 1),
    RATE: ("DRDY rate", "ppm", 0),
    GAIN: ("gain error", "%", 3),
    SIGNAL: ("test signal", "Hz", 3),
    SUPPLY: ("analog supply", "V", 3),
    TEMPERATURE: ("die temperature", "C", 1),
    LEADS: ("lead-off flags", "", 0),
    DRIVE: ("right-leg drive", "mV", 1),
}

# What hangs on the inputs while the lead-off loop is tested.
OPEN, CONNECTED = 0, 1
ELECTRODES = ("open", "connected")


def name_of(code, channel):
    """The name of a measurement; `channel` from 1, 0: of the whole part."""
    name = MEASURED[code][0] if code in MEASURED else "measurement %d" % code
    return "%s CH%d" % (name, channel) if channel else name
