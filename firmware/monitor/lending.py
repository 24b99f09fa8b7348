"""The journal's flash lends the room of a second image while an update is written.

    lender = Lender(media, SETTINGS_BLOCKS, journal, "/slots")
    lender.lend(size)                       # whether so many bytes find room; then, for each 4 KiB
    lender.give()
    lender.end()                            # the update is over: the journal may have it again

A board with little flash (`SECOND_SLOT_LENT` in board.py) has no room for a second image beside
its journal. When an update comes, the journal gives up blocks one by one, as the image is written,
in the order in which it would write them next itself, but for those that it writes meanwhile: so
they hold nothing, or the oldest records. None goes that holds a record which no host has
acknowledged. The journal passes over what is lent until the update has failed, or the new image
has proved itself: then the image before goes (updating.py), and fences are made again. A power cut
anywhere finds a file system with the image that runs, and every record that was not acknowledged.
"""

import os

from . import ecgplace, media
from . import settings as _settings
from .journal import Journal
from .ring import UNITS

_ROOM = 16384  # left free beside an image: what the file system copies while it writes
_SPARE = 3  # blocks that the journal may want itself meanwhile
_NOW = 2  # the ring's first blocks: a boot makes their fences itself
_DATA = 4088  # bytes of a file in a block of it, or more (CTZ skip-lists, littlefs' DESIGN.md)


def lacking(folder, size):
    """Blocks that the file system lacks for so many bytes more, as it counts them itself: those
    of folders twice, so that a full one has less than nothing."""
    stat = os.statvfs(folder)
    free = stat[3] if stat[3] <= stat[2] else stat[3] - (1 << 32)
    return max(0, (size + _DATA - 1) // _DATA - (stat[0] * free - _ROOM) // media.BLOCK)


class Lender:
    """`journal` has the media's blocks from `first` on; an image goes into `folder`."""

    def __init__(self, media, first, journal, folder):
        self._media = media
        self._first = first
        self._journal = journal
        self._folder = folder
        self.lack = 0  # blocks that are still to be given

    def lend(self, size):
        """Whether so many bytes find room; if so nobody takes any until `end`."""
        journal = self._journal
        ring = journal.ring
        number = journal.number
        for _ in range(_SPARE):
            number = journal.following(number)
            if not ring.media.held(number % ring.slots // UNITS):
                ring.wipe(number % ring.slots // UNITS)  # it has a place from now on
        self._media.close()
        self.lack = lacking(self._folder, size)
        can = 0
        for number in self._may_go():
            if number % ring.slots // UNITS >= _NOW:
                can += 1
        if can >= self.lack:
            return True
        self.end()
        return False

    def give(self):
        """Gives a block, if one is lacking; False when each holds what is still wanted."""
        if not self.lack:
            return True
        journal = self._journal
        ring = journal.ring
        for number in self._may_go():
            block = number % ring.slots // UNITS
            journal.let_go(number)
            if block < _NOW:
                ring.wipe(block)
                continue
            ring.leave(block)
            self._media.give(self._first + block)
            self.lack -= 1
            return True
        return False

    def end(self):
        """The journal may have its room again."""
        self.lack = 0
        self._media.reopen()

    def _may_go(self):
        """The blocks that may go, by the page that would begin each next."""
        journal = self._journal
        ring = journal.ring
        number = journal.number
        end = (number // UNITS + ring.media.blocks - 1) * UNITS
        for _ in range(_SPARE):
            number = journal.following(number)
        while number < end:
            number += UNITS
            block = number % ring.slots // UNITS
            if journal.wanted(block):
                return
            if ring.media.held(block):
                yield number


def of(app):
    """The Lender of a monitor that runs."""
    folder = getattr(app.board, "ROOT", "/").rstrip("/") + "/slots"
    return Lender(app.media, _settings.BLOCKS, app.journal, folder)


def by_cable(board, size):
    """Makes room for an image of so many bytes while the monitor is held; how many blocks are
    still lacking because of records that no host has acknowledged."""
    folder = getattr(board, "ROOT", "/").rstrip("/") + "/slots"
    whole, problem = media.open_media(board)
    if problem is not None or not hasattr(whole, "give"):
        return lacking(folder, size)
    first = _settings.BLOCKS
    kept = _settings.Settings(media.PartMedia(whole, 0, first))
    room = ecgplace.record_blocks(board, whole, kept)
    journal = Journal(media.PartMedia(whole, first, room), _none)
    ring = journal.ring
    ring.mount(_none)  # not the journal: it would begin a page
    journal.number, journal.next_seq = max(ring.newest, 0), ring.NONE
    journal.delete(kept.get(_settings.DELETED))
    lender = Lender(whole, first, journal, folder)
    if lender.lend(size):
        while lender.lack and lender.give():
            pass
    return lacking(folder, size)


def _none():
    return 1
