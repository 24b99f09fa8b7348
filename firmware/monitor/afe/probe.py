"""Asks whether the front end is an ADS1293, before anything else is said on the bus.

    read = revid(bus)                  # three readings of REVID, in SPI mode 0
    if looks_like_1293(read): ...      # its own driver then resets it and asks again

It is asked first because what the ADS1x9x family is asked would hurt it: to an ADS1293 the three
bytes of an RREG are writes of zeros. The other way round nothing happens. The read is C0h 00h; a
part of the family samples at the other edge of the clock and sees that, or a bit early or late 80h
or 60h, and none of these is an opcode (commands lie below 20h, RREG is 001x xxxx, WREG 010x xxxx:
SPI command definitions of SBAS502, SBAS459, SBAS471, SBAS499). CS frames each read.

An ADS1293 answers 01h each time. The family clocks out a frame's second byte, or zeros.
"""

from monitor.afe.bus import REGISTER_BAUDRATE

_READ_REVID = 0x80 | 0x40
_ID = 0x01
_TIMES = 3


def revid(bus):
    """What REVID reads as, three times. Takes 300 us; the bus is left for the family's driver."""
    found = []
    tx, rx = bytearray((_READ_REVID, 0)), bytearray(2)
    spi = bus.board.spi(REGISTER_BAUDRATE, phase=0)
    try:
        for _ in range(_TIMES):
            bus.select(True)
            try:
                spi.write_readinto(tx, rx)
            finally:
                bus.select(False)
            found.append(rx[1])
    finally:
        bus.slow()
    return found


def looks_like_1293(found):
    """Whether every reading is an ADS1293's."""
    return all(value == _ID for value in found)
