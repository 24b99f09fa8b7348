"""Codes of a 16-bit part as large as a 24-bit part's, for what finds and measures beats.

    wide = Widen()
    codes = wide.block(codes, n)        # n codes, 256 times as large
    nv_per_code /= wide.factor

The detector's filters drop the last four bits of 24 (noise) and pass over what is smaller than
25 uV. A code of an ADS119x is 12 uV: unwidened, a QRS of 1 mV is five steps to them, and no beat.
"""

from array import array

import micropython
from monitor.sampler import BLOCK


@micropython.viper
def widen(codes, out, n: int):
    """n codes times 256; negative ones stay so (x64 loads ptr32 without sign)."""
    c = ptr32(codes)
    o = ptr32(out)
    i = 0
    while i < n:
        o[i] = (((int(c[i]) & 0xFFFF) ^ 0x8000) - 0x8000) << 8
        i += 1


class Widen:
    """Owns the block that it fills; nothing is allocated once it is made."""

    factor = 256

    def __init__(self):
        self._block = array("i", bytes(4 * BLOCK))

    def block(self, codes, n):
        """The first n of `codes`, wide: valid until the next call."""
        widen(codes, self._block, n)
        return self._block
