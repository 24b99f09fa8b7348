"""ECG blocks in flash or on a card: a ring of its own, numbered through, safe against power cuts.

    flash = EcgFlash(media, journal_number)
    number = flash.append(data, size)        # 0: no erased block is left, see `erase_next`
    flash.flush()                            # what is in the open page, too
    flash.find(number); flash.size(number); flash.read(number, offset, buffer)
    flash.acknowledge(number)                # a host has committed everything up to it

What lies where, and how it is read, is in ecgblocks.py. Each page is programmed once only.

A number is never used twice: _LEFT_OUT are left out at each boot, for those that a host may have
heard of and that never reached the flash. Numbers that no block has are skipped by `find`.
"""

from array import array
from struct import pack_into, unpack_from

from micropython import const

from .ecgblocks import FORMAT, HEAD, HEAD_FORMAT, MAGIC, MARK, MARK_SIZE, EcgBlocks
from .link.pack import crc_hqx
from .media import BLOCK, PAGE

_LEFT_OUT = const(256)
_SAMPLED = const(1024)  # headers that a boot looks at to find the newest block's neighbourhood
_HOLES = const(8)  # blocks in a row that may be unreadable
_TRIES = const(4)
_SPARE = const(32)  # what a seal may add to a block


class EcgFlash(EcgBlocks):
    """`first`, `next`: numbers of the ECG blocks that can be read; `acked`: those a host has;
    `erased`: blocks that can be written without an erase; `dropped`: numbers that went unfetched;
    `failures`: operations that the media refused."""

    def __init__(self, media, journal):
        self._media = media
        self._journal = journal
        self._page_size = getattr(media, "page", PAGE)
        self._page = bytearray(self._page_size)
        self._head = bytearray(HEAD)
        self._small = bytearray(MARK_SIZE)
        self.blocks = media.blocks
        self.turn = -1  # of the block that is written
        self._low = 0  # of the oldest one that can be read
        self._at = BLOCK  # where the next entry goes
        self.erased = 0
        self.first = self.next = 1
        self.gone = 0
        self.acked = 0
        self.dropped = 0
        self.failures = 0
        self.cover = None  # seals each block: cover.seal(number, data, size) -> size
        self._seen = array("I", (0, 0, 0))  # number, turn and place of the entry found last
        self._told = False  # a header of this boot is in flash
        self._clear()
        self._mount()

    # --- boot ----------------------------------------------------------------------------------
    def _mount(self):
        newest = -1
        for place in range(0, self.blocks, 1 + self.blocks // _SAMPLED):
            newest = max(newest, self._turn_at(place))
        if newest >= 0:
            self._go_on(newest)
        # A place that the media does not hold yet reads as erased, and can't be written.
        while (
            self.erased < min(self.blocks - 1, _SAMPLED)
            and self._media.held((self.turn + self.erased + 1) % self.blocks)
            and self._blank_head(self.turn + self.erased + 1)
        ):
            self.erased += 1

    def _go_on(self, newest):
        """Behind the newest block near the one found first."""
        ahead = 1
        while ahead <= _HOLES:
            if self._header(newest + ahead):
                newest += ahead
                ahead = 0
            ahead += 1
        first = self._header(newest)
        self.acked, self.gone = unpack_from("<II", self._head, 16)
        self.turn = newest
        last = self._walk(newest, first, 0xFFFFFFFF)
        self.next = last + _LEFT_OUT
        self.acked = min(self.acked, last)
        low, high = max(0, newest - self.blocks + 1), newest
        while low < high:  # what is erased ahead are the oldest ones
            middle = (low + high) // 2
            if self._header(middle):
                high = middle
            else:
                low = middle + 1
        self._low = low
        self._learn_first()

    def _blank(self, turn):
        """Whether all of a block is as it was erased: a power cut may have left part of it."""
        if not self._blank_head(turn):
            return False
        view = memoryview(self._page)
        for at in range(0, BLOCK, self._page_size):
            self._media.read(turn % self.blocks, at, view)
            for i in range(0 if at else HEAD, self._page_size):
                if view[i] != 0xFF:
                    self._clear()
                    return False
        self._clear()
        return True

    # --- writing -------------------------------------------------------------------------------
    def erase_next(self):
        """Erases one more block ahead; the oldest one goes with it."""
        self.erased += 1
        turn = self.turn + self.erased
        if turn - self.blocks >= self._low:
            self._low = turn - self.blocks + 1
            self._learn_first()
            before = self.first
            if before - 1 > self.acked:
                self.dropped += before - 1 - self.acked
                self.acked = before - 1
        try:
            self._media.erase(turn % self.blocks)
            if self._media.anonymous:
                page = bytearray(b"\xff" * self._page_size)
                page[:HEAD] = self._prepared(turn)
                self._media.program(turn % self.blocks, 0, page)
        except OSError:
            self.failures += 1  # found when its header does not read back

    def unfetched_next(self):
        """Whether the block that `erase_next` would take holds what no host has."""
        turn = self.turn + self.erased + 1 - self.blocks
        if turn < self._low or turn < 0:
            return False
        following = self.next if turn == self.turn else self._header(turn + 1)
        return following - 1 > self.acked and following > self.gone

    def fits(self, size):
        """Whether a block of so many bytes, sealed or not, goes into the flash block begun."""
        return self._at + size + 2 + _SPARE <= BLOCK

    def append(self, data, size):
        """Takes `size` bytes of an ECG block (a bytearray with 32 more behind them); returns its
        number, 0 when no block is erased."""
        cover = self.cover
        if not self._make_room(size + 2 + (cover.extra if cover is not None else 0)):
            return 0
        if cover is not None:
            size = cover.seal(self.next, data, size)
        self._length(size)
        self._put(data, size)
        self.next += 1
        return self.next - 1

    def mark(self, kind, strip, first):
        """Notes that a strip begins (its EVENT_*) or has ended (0), for the next boot."""
        if not self._make_room(MARK_SIZE + 2):
            return
        self._length(MARK | MARK_SIZE)
        small = self._small
        pack_into("<BHI", small, 0, kind, strip, first)
        crc = crc_hqx(memoryview(small)[:7], 0xFFFF)
        small[7], small[8] = crc & 255, crc >> 8
        self._put(small, MARK_SIZE)

    def _make_room(self, size):
        if self._at + size <= BLOCK:
            return True
        self.flush()
        for _ in range(_TRIES):
            if not self.erased:
                return False
            self.erased -= 1
            self.turn += 1
            if self._begin():
                return True
            self.failures += 1
        return False

    def _begin(self):
        """Writes the header of the block `turn`; False when it can't be used."""
        try:
            if not self._blank(self.turn):
                self._media.erase(self.turn % self.blocks)
            page = self._page
            pack_into(HEAD_FORMAT, page, 0, MAGIC, FORMAT, 0, self.turn, self.next,
                      self._journal, self.acked, self.gone)  # fmt: skip
            crc = crc_hqx(memoryview(page)[:30], 0xFFFF)
            page[30], page[31] = crc & 255, crc >> 8
            self._at = HEAD
            if not self._told:  # before a number is given that the next boot would give again
                self.flush()
                self._told = True
            if self._low >= self.turn:
                self._learn_first()
            return True
        except OSError:
            self._at = BLOCK
            return False

    def _length(self, size):
        small = memoryview(self._small)[:2]
        small[0], small[1] = size >> 8, size & 255
        self._put(small, 2)

    def _put(self, data, size):
        """Bytes into the open page; it is programmed when it is full."""
        data = memoryview(data)
        done = 0
        while done < size:
            into = self._at % self._page_size
            n = min(size - done, self._page_size - into)
            self._page[into : into + n] = data[done : done + n]
            done += n
            self._at += n
            if into + n == self._page_size:
                self._program(self._at - 1)

    def flush(self):
        """The open page into flash, full or not; the next entry begins the next page."""
        into = self._at % self._page_size
        if into:
            self._program(self._at)
            self._at += self._page_size - into

    def _program(self, at):
        try:
            self._media.program(self.turn % self.blocks, at // self._page_size, self._page)
        except OSError:
            self.failures += 1  # the blocks' checksums tell
        self._clear()

    def _clear(self):
        page = self._page
        for i in range(len(page)):
            page[i] = 0xFF

    # --- what a host says ----------------------------------------------------------------------
    def acknowledge(self, number):
        """A host has committed everything up to `number`; False when there is no such block."""
        if number >= self.next:
            return False
        self.acked = max(self.acked, number)
        return True

    def forget(self):
        """Everything is to be erased, and nothing of it is read any more; `wipe` does it."""
        if self.turn < 0:
            return
        self.gone = self.next
        self.acked = self.next - 1
        self._at = BLOCK  # a new block carries the news over a loss of power
        self._clear()
        if not self.erased:
            self.erase_next()
        if self._make_room(1):
            self.flush()
        self._learn_first()

    def wipe(self):
        """Erases one block of what was forgotten; False when nothing is left of it."""
        if self._low >= self.turn or not self._header(self._low) < self.gone:
            return False
        try:
            self._media.erase(self._low % self.blocks)
        except OSError:
            self.failures += 1
        self._low += 1
        self._learn_first()
        return True

    @property
    def media(self):
        return self._media

    def uses(self, place):
        """Whether a block of the media is one that can be read, or is being written."""
        return (place - self._low) % self.blocks <= self.turn - self._low
