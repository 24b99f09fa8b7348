"""What can go wrong with a front end: each with a stable code, what happened, what to do.

    try:
        front_end = PoweredOff(board).power_up()
    except AfeError as error:
        journal.fault(error.code, str(error))

All are `OSError`s: the part is hardware, and a caller that knows nothing of it catches them too.
"""

from micropython import const

# Codes go into fault records and status reports, so they never change their meaning.
ABSENT = const(1)
WRONG_ID = const(2)
MISMATCH = const(3)
NO_DRDY = const(4)
OUT_OF_SYNC = const(5)
WRONG_RATE = const(6)
CHANGED = const(7)
BUSY = const(8)
UNSUITABLE = const(9)  # the part does not offer the rate or gain that is set


class AfeError(OSError):
    """A front end that does not do what it must; `code` is one of the constants above."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code
        self.text = text

    def __str__(self):
        return self.text


def asked(tried, whom, value):
    """`tried`, longer by one reading: "ADS1293, REVID in SPI mode 0: 0xFF 0xFF; ADS1x9x, ..."."""
    if whom in tried:
        return "%s 0x%02X" % (tried, value)
    return "%s%s%s: 0x%02X" % (tried, "; " if tried else "", whom, value)


def absent(tried):
    """Nothing drives MISO: it reads as all zeros or all ones. `tried`: as `asked` tells it."""
    return AfeError(
        ABSENT,
        "no front end answers (asked for: %s): check its supply, the RESET line, CS and MISO"
        % tried,
    )


def wrong_id(tried):
    return AfeError(
        WRONG_ID,
        "what answers has an ID of no known part, also after a pin reset (asked for: %s): check "
        "the SPI wiring, and the part that board.py names as AFE" % tried,
    )


def wrong_part(name, wanted):
    return AfeError(
        WRONG_ID,
        "the front end is an %s, this board's is an %s: fit that, or change the board's part"
        % (name, wanted),
    )


def mismatch(register, wrote, read):
    return AfeError(
        MISMATCH,
        "register %s was written 0x%02X (%s) and reads 0x%02X (%s): check SPI wiring and supply"
        % (register.name, wrote, register.text(wrote), read, register.text(read)),
    )


def no_drdy(waited_ms):
    return AfeError(
        NO_DRDY,
        "no DRDY within %d ms of START: check the DRDY and START lines and the clock (CLKSEL)"
        % waited_ms,
    )
