"""Overwrites, in the background, what a wiped monitor has left on its memory card.

    card = start(settings, strips, fault)   # None: there is nothing to do, or no card to do it to
    card.step()                              # every turn: True while there is more of it

All of it is sealed, under keys that went before anything else (wipe.py), but for what was written
before the monitor was ever paired. A gigabyte takes some three hours at the 1.3 MHz of
MicroPython's `sdcard`, so it is done while nothing else is: not in a session, one block a turn. A
setting keeps how far it has come, in parts of the card, and every boot goes on from there. Each
block is read whole, since a power cut can have left one without its header; what is blank stays.
"""

from . import settings as _settings
from .media import BLOCK, PAGE, PartMedia

PARTS = 128
_GIVE_UP = 8  # blocks in a row that the card refuses: it is gone; the next boot tries again


def start(settings, strips, fault):
    """The CardWipe that a setting asks for; with a card that does not answer (`fault`: its errno)
    the next boot tries again."""
    if fault or not settings.get(_settings.CARD_WIPE):
        return None
    if strips is None or isinstance(strips.flash.media, PartMedia):  # it has none
        settings.set(_settings.CARD_WIPE, 0)
        return None
    return CardWipe(settings, strips.flash)


class CardWipe:
    """`place`: the next block of the media; `erased`: how many had something in them."""

    def __init__(self, settings, flash):
        self._settings = settings
        self._flash = flash
        self._media = flash.media
        self._part = settings.get(_settings.CARD_WIPE)
        self.place = self._begins(self._part)
        self.erased = 0
        self._refused = 0
        size = getattr(self._media, "page", PAGE)
        self._page = bytearray(size)
        self._erased = b"\xff" * size
        self._new = bytes(size)

    def _begins(self, part):
        """The first block of a part, from 1 on."""
        return (part - 1) * self._media.blocks // PARTS

    def step(self):
        """Looks at one block; False when there is nothing to do now, or ever."""
        if not self._part or self._settings.get(_settings.SESSION):
            return False
        if self.place >= self._media.blocks or self._refused >= _GIVE_UP:
            if not self._refused:
                self._settings.set(_settings.CARD_WIPE, 0)
            self._part = 0
            return False
        try:
            if not self._flash.uses(self.place) and self._written(self.place):
                self._media.erase(self.place)
                self.erased += 1
            self._refused = 0
        except OSError:
            self._refused += 1
        self.place += 1
        if not self._refused and self._part < PARTS and self.place >= self._begins(self._part + 1):
            self._part += 1
            self._settings.set(_settings.CARD_WIPE, self._part)
        return True

    def _written(self, place):
        size = len(self._page)
        for at in range(0, BLOCK, size):
            self._media.read(place, at, self._page)
            if self._page != self._erased and self._page != self._new:
                return True
        return False
