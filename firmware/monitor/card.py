"""A memory card as media for the ECG: sectors of 512 bytes that are only written whole.

    media = CardMedia(sdcard.SDCard(spi, cs))     # MicroPython's `sdcard`: mip.install("sdcard")

Any block device of MicroPython with 512-byte blocks will do: readblocks(n, buffer),
writeblocks(n, buffer), ioctl(4) for their number. A card erases by itself when it is written, and
no interrupt waits for it; the bytes of a sector that is being written when the power goes may be
gone, so no sector is written twice but by `erase`, which fills a block with 0xFF from its first
sector on (a header that was there goes first).

The card's bus must not be the front end's: a write takes up to a quarter of a second.
"""

from .media import BLOCK, Media

_SECTOR = 512
_PER = BLOCK // _SECTOR


class CardMedia(Media):
    """Blocks of eight sectors; `page`: what is programmed at a time. OSError as the card has."""

    lasting = True
    page = _SECTOR

    def __init__(self, device):
        count = device.ioctl(4, 0)
        if not count or count < 2 * _PER:
            raise OSError("the card has no room: %s sectors" % count)
        self._device = device
        self.blocks = count // _PER
        self._sector = bytearray(_SECTOR)
        self._held = -1  # the sector that `_sector` holds

    def read(self, block, offset, buffer):
        done = 0
        while done < len(buffer):
            at = offset + done
            number = block * _PER + at // _SECTOR
            if number != self._held:
                self._held = -1
                self._device.readblocks(number, self._sector)
                self._held = number
            into = at % _SECTOR
            n = min(len(buffer) - done, _SECTOR - into)
            buffer[done : done + n] = self._sector[into : into + n]
            done += n

    def program(self, block, page, image):
        self._held = -1
        self._device.writeblocks(block * _PER + page, image)

    def erase(self, block):
        self._held = -1
        for i in range(_SECTOR):
            self._sector[i] = 0xFF
        for i in range(_PER):
            self._device.writeblocks(block * _PER + i, self._sector)
