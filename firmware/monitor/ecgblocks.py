"""ECG blocks in a ring of flash blocks: how they lie there, and how they are found and read.

Media are divided into blocks of 4096 bytes (monitor/media.py); `media.page` bytes, 256 if it does
not say, are programmed at a time, and each page once only. `turn` numbers the blocks as they are
begun, place = turn modulo blocks, so what lies where needs no memory, however large a card is.

  header  u16 magic | u8 format | u8 0 | u32 turn | u32 number of the first ECG block | u32 journal
          | u32 acknowledged | u32 gone (lower numbers were erased on request) | 6 bytes 0xFF
          | u16 crc of all before
          As it is erased ahead, in media that find a block again by how it begins (fence.py), the
          first three numbers and the journal's only, with 0xFF instead of the 0: nothing else is
          in the block
  entry   u16 size, high byte first | the ECG block (link/ecg.py); or, with the highest bit set, a
          mark: u8 kind, u16 strip, u32 first number, u16 crc (strips.py tells what for)

0xFF where an entry would begin means that nothing follows in this page; at a page's start, in this
block. An ECG block has its own checksum, so one that a power cut left half written is known by it.
"""

from struct import pack_into, unpack_from

from micropython import const

from .link import ecg
from .link.pack import crc_hqx
from .media import BLOCK

HEAD = const(32)
MAGIC = const(0x5348)
FORMAT = const(2)
HEAD_FORMAT = "<HBBIIIII"
MARK = const(0x8000)
MARK_SIZE = const(9)
_BLANK = b"\xff" * 32
_SEARCHED = const(40)  # blocks in which a strip's mark is sought


class EcgBlocks:
    """What EcgFlash reads by: see there for the attributes."""

    def _header(self, turn):
        """Number of the first ECG block of a turn's block, 0 when it is not there."""
        head = self._head
        try:
            self._media.read(turn % self.blocks, 0, head)
        except OSError:
            return 0
        return unpack_from("<I", head, 8)[0] if self._good(turn) else 0

    def _good(self, turn):
        head = self._head
        return (
            head[0] | head[1] << 8 == MAGIC
            and head[2] == FORMAT
            and not head[3]
            and crc_hqx(memoryview(head)[:30], 0xFFFF) == head[30] | head[31] << 8
            and unpack_from("<I", head, 12)[0] == self._journal
            and unpack_from("<I", head, 4)[0] == turn
        )

    def _turn_at(self, place):
        """The turn that a place's header tells, -1 when there is none."""
        head = self._head
        try:
            self._media.read(place, 0, head)
        except OSError:
            return -1
        turn = unpack_from("<I", head, 4)[0]
        return turn if turn % self.blocks == place and self._good(turn) else -1

    def _blank_head(self, turn):
        """Whether a block begins as one that was erased for this turn."""
        head = self._head
        try:
            self._media.read(turn % self.blocks, 0, head)
        except OSError:
            return False
        return head == _BLANK or head == self._prepared(turn)

    def _prepared(self, turn):
        """How a block begins that was erased for this turn, in media that ask for it."""
        head = bytearray(_BLANK)
        pack_into("<HBBI", head, 0, MAGIC, FORMAT, 0xFF, turn)
        pack_into("<I", head, 12, self._journal)
        return head

    def _learn_first(self):
        """`first` anew, after a block came or went."""
        begins = 0
        while self.turn >= 0:
            begins = self._begins(self._low)
            if begins or self._low >= self.turn:
                break
            self._low += 1  # it can't be read any more
        self.first = max(begins, self.gone) or self.next

    def _begins(self, turn):
        if turn == self.turn and HEAD <= self._at < self._page_size:
            return unpack_from("<I", self._page, 8)[0]  # its header is still in the open page
        return self._header(turn)

    def _get(self, turn, at, view):
        """Bytes of a block, also those in the page that is not programmed yet."""
        n = len(view)
        if turn == self.turn and self._at % self._page_size:
            flashed = self._at - self._at % self._page_size
            if at + n > flashed:
                start = max(at, flashed)
                view[start - at :] = memoryview(self._page)[start - flashed : at + n - flashed]
                n = start - at
                view = view[:n]
        if n:
            self._media.read(turn % self.blocks, at, view)

    def _entry(self, turn, at):
        """(place, size) of the entry at or behind a place in a block; size 0: there is none."""
        view = memoryview(self._small)[:2]
        while at + 2 <= BLOCK:
            self._get(turn, at, view[:1])
            if view[0] == 0xFF:
                into = at % self._page_size
                if not into:
                    break
                at += self._page_size - into
                continue
            self._get(turn, at, view)
            size = view[0] << 8 | view[1]
            if at + 2 + (size & ~MARK) > BLOCK or not size & ~MARK:
                break
            return at, size
        return BLOCK, 0

    def _walk(self, turn, number, wanted):
        """Goes to the entry of `wanted` in a block that begins with `number`; returns the number
        where it stopped: `wanted`, or the first that is not there. Sets `_seen`."""
        at = HEAD
        seen = self._seen
        if seen[1] == turn and number <= seen[0] <= wanted and seen[2]:
            number, at = seen[0], seen[2]
        while True:
            at, size = self._entry(turn, at)
            if not size:
                return number
            if not size & MARK:
                if number == wanted:
                    seen[0], seen[1], seen[2] = number, turn, at
                    return number
                number += 1
            at += 2 + (size & ~MARK)

    def find(self, number):
        """The lowest number from this one on that can be read; `next` when there is none."""
        number = max(number, self.first)
        if self.turn < 0 or number >= self.next:
            return self.next
        if self._seen[2] and number == self._seen[0] and self._low <= self._seen[1]:
            return number
        low, high = self._low, self.turn
        while low < high:
            middle = (low + high + 1) // 2
            begins = self._begins(middle)
            if begins and begins <= number:
                low = middle
            else:
                high = middle - 1
        while low <= self.turn:
            begins = self._begins(low)
            if begins:
                number = max(number, begins)
                if (
                    self._walk(low, begins, number) == number
                    and self._seen[0] == number
                    and (self._seen[1] == low)
                ):
                    return number
            low += 1
        return self.next

    def size(self, number):
        """Bytes of an ECG block, 0 when it is not there."""
        if self.find(number) != number or number >= self.next:
            return 0
        return self._entry(self._seen[1], self._seen[2])[1]

    def read(self, number, offset, buffer):
        """Bytes of an ECG block from `offset` on into the buffer; returns how many."""
        n = min(len(buffer), self.size(number) - offset)
        if n <= 0:
            return 0
        self._get(self._seen[1], self._seen[2] + 2 + offset, memoryview(buffer)[:n])
        return n

    def whole(self, number):
        """Samples of an ECG block; 0 when it is not there, or was left half written; -1 when it is
        sealed, and can't be opened here."""
        data = bytearray(self.size(number))
        self.read(number, 0, data)
        if data and data[0] >> 4 != ecg.VERSION:
            return -1
        try:
            return ecg.head(data)[4]
        except ValueError:
            return 0

    def open_mark(self):
        """(kind, strip, first number) of a strip that has begun and not ended, or None."""
        small = self._small
        for turn in range(self.turn, max(self._low, self.turn - _SEARCHED) - 1, -1):
            found = None
            at = HEAD if self._header(turn) else BLOCK
            while True:
                at, size = self._entry(turn, at)
                if not size:
                    break
                if size == MARK | MARK_SIZE:
                    self._get(turn, at + 2, memoryview(small))
                    if crc_hqx(memoryview(small)[:7], 0xFFFF) == small[7] | small[8] << 8:
                        found = unpack_from("<BHI", small, 0)
                at += 2 + (size & ~MARK)
            if found is not None:
                return found if found[0] else None
        return None
