"""The board's flash as a block device: `flash.Flash()`, as `rp2.Flash()` is on a Pico."""

from models.flash import FlashDevice as _FlashDevice

_nor = None  # set by the boot program
_card = None


def Flash(start=0, len=None):
    """The whole chip, or `len` bytes of it from `start`; both multiples of 4096."""
    return _FlashDevice(_nor, start, _nor.size - start if len is None else len)


def card():
    """The memory card, None where none is fitted: what `sdcard.SDCard(spi, cs)` would be."""
    return _card
