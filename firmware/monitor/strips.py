"""Strips: the raw ECG around a button press or an alarm, kept in flash until the host has it.

    strips = Strips(media, ring, app)
    number = strips.trigger(sample, wire.EVENT_BUTTON)   # for the EVENT record; 0: no room for one
    strips.step()                                        # every turn: copies at most one block

The blocks come from the last minute in RAM (ecgring.py) and go on, packed as they are, into a
ring of flash blocks of their own. They are numbered through, also over boots, so that a host can
fetch any part of them again. A STRIP record tells which blocks a strip has: once when what came
before the event is in flash, and again when the strip is whole (the later record holds).

Flash block (4096 bytes): u16 magic | u8 format | u8 0 | u32 number of the first ECG block | u32
0xFFFFFFFF | u16 0xFFFF | u16 crc of the 14 bytes before; then each ECG block behind its u16 size.
Enough blocks for a strip stay erased, so that the samples around an event never suffer from an
erase (45 ms in which no interrupt runs).
"""

import time
from array import array
from struct import pack_into, unpack_from

from .link import wire
from .link.pack import crc_hqx

_MAGIC = 0x5348
_FORMAT = 1
_HEAD = 16
_BLOCK = 4096
_PAGE = 256
_ERASE_EVERY_MS = 300000
_LONGEST_S = 300  # presses that follow each other make one strip, up to this


class Strips:
    """`first`, `next`: numbers of the ECG blocks that can be read; with `size` and `read` it is
    a source for link/ecgstream.py."""

    def __init__(self, media, ring, app, before_s, after_s, rate):
        self._media = media
        self._ring = ring
        self._app = app
        self._before = before_s * rate
        self._after = after_s * rate
        self._longest = _LONGEST_S * rate
        self._firsts = array("I", bytes(4 * media.blocks))  # first number of each flash block, 0
        # Erased ahead for 2.2 bytes a sample; a noisier signal erases as it goes.
        spare = (before_s + after_s) * rate * 11 // 5 // _BLOCK
        self._spare = max(1, min(media.blocks - 2, spare))
        self._erased_at = 0
        self._page = bytearray(_PAGE)
        self._small = bytearray(_HEAD)
        self._copy = bytearray(1024)
        self.first = self.next = 1
        self._block = 0  # the flash block that is written
        self._at = _BLOCK  # where its next entry goes
        self._written = 1  # number of the next ECG block to be written
        self._erased = 0  # blocks behind `_block` that are erased
        self._seen = (0, 0, 0)  # flash block, number, place: of the entry read last
        self.active = False
        self.lost = 0  # blocks that were gone from RAM before they could be copied
        self._mount()

    # --- boot ----------------------------------------------------------------------------------
    def _mount(self):
        newest = -1
        for block in range(self._media.blocks):
            head = self._small
            self._media.read(block, 0, head)
            if (
                head[0] | head[1] << 8 == _MAGIC
                and head[2] == _FORMAT
                and crc_hqx(head[:14], 0xFFFF) == head[14] | head[15] << 8
            ):
                self._firsts[block] = unpack_from("<I", head, 4)[0]
                if newest < 0 or self._firsts[block] > self._firsts[newest]:
                    newest = block
        if newest >= 0:
            self._block = newest
            self._written = self._firsts[newest] + self._entries(newest)
        self.next = self._written
        self._find_first()
        while self._erased < self._spare:
            self._erase_next()

    def _entries(self, block):
        """How many ECG blocks a flash block holds."""
        at, count = _HEAD, 0
        while at + 2 <= _BLOCK:
            size = self._size_at(block, at)
            if size == 0xFFFF or at + 2 + size > _BLOCK:
                break
            at += 2 + size
            count += 1
        return count

    def _size_at(self, block, at):
        view = memoryview(self._small)[:2]
        self._media.read(block, at, view)
        return view[0] | view[1] << 8

    def _find_first(self):
        self.first = self._written
        for number in self._firsts:
            if 0 < number < self.first:
                self.first = number

    def _erase_next(self):
        """Erases one more block ahead; the oldest strip goes with it."""
        block = (self._block + self._erased + 1) % self._media.blocks
        self._erased += 1
        self._firsts[block] = 0
        try:
            self._media.erase(block)
        except OSError:
            pass  # found when its header does not read back
        self._find_first()

    # --- events --------------------------------------------------------------------------------
    def trigger(self, sample, kind):
        """An event at this sample: the strip that will show it."""
        end = (sample + self._after) & 0xFFFFFFFF
        if self.active:
            if (end - self._start) & 0xFFFFFFFF <= self._longest:
                self._end = end
            return self.strip
        ring = self._ring
        self.active = True
        self._kind = kind
        self._start = (sample - self._before) & 0xFFFFFFFF
        self._event = sample
        self._end = end
        self._source = ring.first
        self._told = False
        self._strip_first = self._written
        self.strip = self._written & 0xFFFF or 1
        self._samples = 0
        self._first_sample = sample
        return self.strip

    def step(self):
        """Copies a block, or erases one; True when there was something to do."""
        if not self.active:
            return self._erase_in_time()
        ring = self._ring
        if self._source < ring.first:
            self.lost += ring.first - self._source
            self._source = ring.first
        if self._source >= ring.next:
            return False
        first, count = ring.begins(self._source)
        if self._behind(first, self._end):
            self._finish()
            return True
        if self._behind(first + count - 1, self._start):
            if not self._told and self._behind(first, self._event):
                self._told = True
                self._tell()
            if not self._samples:
                self._first_sample = first
            self._write(self._source)
            self._samples += count
        self._source += 1
        return True

    def _erase_in_time(self):
        """Erases a block ahead, when no heart is to be seen anyway, or once in five minutes."""
        if self._erased >= self._spare:
            return False
        now = time.ticks_ms()
        if self._app.acquisition.judging and (
            time.ticks_diff(now, self._erased_at) < _ERASE_EVERY_MS
        ):
            return False
        self._erased_at = now
        self._erase_next()
        return True

    def _behind(self, sample, edge):
        """Whether a sample index lies at or behind another, also over the wrap."""
        return (sample - edge) & 0xFFFFFFFF < 0x80000000

    def _finish(self):
        self.active = False
        self._erased_at = time.ticks_ms()
        if self._samples:
            self._tell()

    def _tell(self):
        """The STRIP record of what is in flash."""
        self._program()
        self.next = self._written
        count = self._written - self._strip_first
        if count:
            self._app.record_at(
                self._first_sample,
                wire.STRIP,
                self._samples,
                self.strip,
                self._kind,
                self._strip_first,
                count,
            )

    # --- flash ---------------------------------------------------------------------------------
    def _write(self, number):
        """Copies a block of the RAM ring behind the last one."""
        size = self._ring.size(number)
        if size > len(self._copy):
            self._copy = bytearray(size)  # only at more than 250 samples/s, once
        self._ring.read(number, 0, memoryview(self._copy)[:size])
        if self._at + 2 + size > _BLOCK:
            self._begin_block()
        page = self._at % _PAGE
        self._small[0], self._small[1] = size & 255, size >> 8
        for i in range(-2, size):
            self._page[page] = self._copy[i] if i >= 0 else self._small[i + 2]
            page += 1
            self._at += 1
            if page == _PAGE:
                self._program(self._at - 1)
                page = 0
        self._written += 1

    def _begin_block(self):
        self._program()
        if not self._erased:
            self._erase_next()
        self._block = (self._block + 1) % self._media.blocks
        self._erased -= 1
        page = self._page
        for i in range(_PAGE):
            page[i] = 0xFF
        pack_into("<HBBI", page, 0, _MAGIC, _FORMAT, 0, self._written)
        crc = crc_hqx(memoryview(page)[:14], 0xFFFF)
        page[14], page[15] = crc & 255, crc >> 8
        self._firsts[self._block] = self._written
        self._at = _HEAD

    def _program(self, at=None):
        """What is in the page image into flash; the image goes on with the next page."""
        if at is None:
            at = self._at
            if at % _PAGE == 0:
                return
        try:
            self._media.program(self._block, at // _PAGE, self._page)
        except OSError:
            pass  # the blocks' checksums tell
        page = self._page
        for i in range(_PAGE):
            page[i] = 0xFF

    # --- reading -------------------------------------------------------------------------------
    def _place(self, number):
        """(flash block, place, size) of an ECG block."""
        best = -1
        for block in range(self._media.blocks):
            first = self._firsts[block]
            if first and first <= number and (best < 0 or first > self._firsts[best]):
                best = block
        if best < 0:
            return 0, 0, 0
        current, at = self._firsts[best], _HEAD
        if self._seen[0] == best and current <= self._seen[1] <= number:
            _, current, at = self._seen
        while at + 2 <= _BLOCK:
            size = self._size_at(best, at)
            if size == 0xFFFF or at + 2 + size > _BLOCK:
                break
            if current == number:
                self._seen = (best, number, at)
                return best, at + 2, size
            current += 1
            at += 2 + size
        return 0, 0, 0

    def size(self, number):
        """Bytes of a block, 0 when it is not there."""
        if not self.first <= number < self.next:
            return 0
        return self._place(number)[2]

    def read(self, number, offset, buffer):
        """Bytes of a block from `offset` on into the buffer; returns how many."""
        if not self.first <= number < self.next:
            return 0
        block, at, size = self._place(number)
        n = min(len(buffer), size - offset)
        if n <= 0:
            return 0
        self._media.read(block, at + offset, memoryview(buffer)[:n])
        return n
