"""The ring of flash blocks under the journal: which page comes next, what must go for it.

A page's number tells its place, in units of 256 bytes: slot = number modulo (blocks x 16). Numbers
only rise, and skip slots that can't be used, or are lent (lending.py). Block layout (4096 bytes):
header (32 bytes), then a page of 992 bytes (its number is a multiple of 16) and three of 1024
(four numbers on each), written in order. (Format 1: a page in each unit, of 256 bytes, the first
of a block 224.)

  header  u16 magic | u8 format | u8 0 | u32 journal | u32 seq when erased | u32 erase count of
          this block | u32 acknowledged seq | u16 block | 8 bytes 0xFF | u16 crc of all before

The header is written when the erase has succeeded: a block without a good one is erased (again)
before it is used. Its first 12 bytes keep their meaning in every format, so that a later version
that can't read the pages still never uses a number twice. Blocks of formats 1 and 2 stay until
they are the oldest; their records are still delivered.
"""

from array import array
from struct import pack_into, unpack_from

from .link.pack import PAGE, PAGE_KIND, PAGE_KIND_1, UNIT, crc_hqx, page_head
from .media import FENCE

FORMAT = 3
READABLE = (1, 2, 3)
UNITS = 16  # in a block
PAGE_UNITS = PAGE // UNIT
HEAD = 32
_MAGIC = 0x4C48


class Ring:
    """Places pages on media; see the module's text. `first`: seq of each block's first page, or
    0xFFFFFFFF where there is none."""

    NONE = 0xFFFFFFFF

    def __init__(self, media):
        self.media = media
        self.slots = media.blocks * UNITS
        self.first = array("I", bytes(4 * media.blocks))
        self.journal = 0
        self.acked = 0
        self.erases = 0  # the highest count of a block
        self.newest = -1  # number of the newest page, -1: none
        self.seq_floor = 0  # no seq below this may be used
        self.unread = False  # there are blocks in use, and pages that none of them tells
        self.bad = 0  # blocks that could not be erased or written since boot
        self._head = bytearray(HEAD)
        self._page = bytearray(UNIT)
        self.changes = 0  # blocks that were erased since boot
        self._ready = -1  # block that is erased and has its header
        self.kept_ack = 0  # what the newest header says of `acked`

    def _read_head(self, block):
        """Reads a block's header; False unless it is one of ours."""
        head = self._head
        self.media.read(block, 0, head)
        if head[0] | head[1] << 8 != _MAGIC:
            return False
        return crc_hqx(head[:30], 0xFFFF) == head[30] | head[31] << 8

    def mount(self, new_journal):
        """Finds what is there. `new_journal()` makes the number of a journal that has none.

        Returns in how many blocks there are pages."""
        votes = {}
        for block in range(self.media.blocks):
            self.first[block] = self.NONE
            if self._read_head(block):
                journal, seq, erases, acked = unpack_from("<IIII", self._head, 4)
                if journal not in votes:
                    votes[journal] = [0, 0, 0]
                vote = votes[journal]
                vote[0] += 1
                vote[1] = max(vote[1], seq)
                if self._head[2] in READABLE:
                    vote[2] = max(vote[2], acked)
                else:  # pages that this version can't read: 65536 is more than a block can hold
                    vote[1] = max(vote[1], seq + 0x10000)
                self.erases = max(self.erases, erases)
        if not votes:
            self.journal = new_journal()
            return 0
        self.journal = max(votes, key=lambda j: votes[j][0])
        self.seq_floor = votes[self.journal][1]
        self.acked = self.kept_ack = votes[self.journal][2]
        found = self._find_pages()
        self.unread = not found and self._in_use()
        return found

    def _in_use(self):
        """Whether anything was written behind a block's header."""
        for block in range(self.media.blocks):
            if self._read_head(block) and not self.clean(block * UNITS):
                return True
        return False

    def _find_pages(self):
        """How many blocks have pages. A block's first page tells what a boot must know of it: the
        others are looked at only where that can't be read, and in the newest block."""
        found = 0
        for block in range(self.media.blocks):
            if not self.media.held(block):
                continue
            head = self.head_at(block * UNITS)
            if head is not None and head[4] != PAGE_KIND_1:
                self._seen(block, head)
                found += 1
            else:
                found += self._look(block)
        if found:
            self._look(self.newest % self.slots // UNITS)
        return found

    def _seen(self, block, head):
        self.newest = max(self.newest, head[0])
        self.first[block] = min(self.first[block], head[1])

    def _look(self, block):
        """Looks for pages all over a block; 1 if there are any."""
        later = self._read_head(block) and self._head[2] in (2, FORMAT)
        if self._head[: len(FENCE)] == FENCE:
            return 0
        # Only blocks of format 1 have a page in every unit.
        for page in range(0, UNITS, PAGE_UNITS if later else 1):
            head = self.head_at(block * UNITS + page)
            if head is not None:
                self._seen(block, head)
        return 1 if self.first[block] != self.NONE else 0

    def head_at(self, slot):
        """Page header (number, seq, sample, boot, kind) in a slot, None when there is none."""
        head = self._head
        self.media.read(slot // UNITS, self._offset(slot), head)
        found = page_head(head, self.journal)
        if found is None or found[0] % self.slots != slot:
            return None
        return found

    def _offset(self, slot):
        unit = slot % UNITS
        return unit * UNIT if unit else HEAD

    def size(self, number, kind=PAGE_KIND):
        """Bytes that a page may have: the first of a block shares its place with the header."""
        size = UNIT if kind == PAGE_KIND_1 else PAGE
        return size if number % UNITS else size - HEAD

    def read(self, number, offset, buffer):
        """Bytes of a page from `offset` on into the buffer."""
        slot = number % self.slots
        self.media.read(slot // UNITS, self._offset(slot) + offset, buffer)

    def blank(self, slot, units=PAGE_UNITS):
        """Whether nothing was written into so many units since their block was erased."""
        at, end = self._offset(slot), (slot % UNITS + units) * UNIT
        while at < end:
            view = memoryview(self._page)[: min(UNIT, end - at)]
            self.media.read(slot // UNITS, at, view)
            for byte in view:
                if byte != 0xFF:
                    return False
            at += len(view)
        return True

    def clean(self, number):
        """Whether the block of page `number` was prepared, and nothing written into it since."""
        block = number % self.slots // UNITS
        if not self._read_head(block):
            return False
        for slot in range(block * UNITS, (block + 1) * UNITS, PAGE_UNITS):
            if not self.blank(slot):
                return False
        return True

    def program(self, number, image, start, end):
        """Writes bytes start..end of the page `image`; False when they don't read back."""
        slot = number % self.slots
        first = self._offset(slot)
        at = start
        while at < end:  # what goes into one unit of the flash
            unit = (first + at) // UNIT
            stop = min(end, (unit + 1) * UNIT - first)
            if not self._program_unit(slot // UNITS, unit, image, at, stop, first):
                return False
            at = stop
        return True

    def _program_unit(self, block, unit, image, start, end, first):
        page = self._page
        shift = first - unit * UNIT
        for i in range(UNIT):
            page[i] = 0xFF
        for i in range(start, end):
            page[i + shift] = image[i]
        try:
            self.media.program(block, unit, page)
            view = memoryview(page)[: end - start]
            self.media.read(block, first + start, view)
        except OSError:
            return False
        for i in range(end - start):
            if page[i] != image[start + i]:
                return False
        return True

    def wipe(self, block):
        """Erases a block that is not wanted; it is prepared when its turn comes."""
        self.leave(block)
        try:
            self.media.erase(block)
        except OSError:
            self.bad += 1

    def leave(self, block):
        """A block holds nothing any more."""
        self.first[block] = self.NONE
        self.changes += 1

    def at_hand(self, number):
        """The page that begins a block, `number` or the first behind it whose block isn't lent."""
        for _ in range(self.media.blocks):
            if self.media.usable(number % self.slots // UNITS):
                break
            number += UNITS
        return number

    def ready(self, number):
        """Whether the block of page `number` was erased and can be written from its start."""
        return self._ready == number % self.slots // UNITS

    def begin(self):
        """The block that is ready is being written: it is not the next one any more."""
        self._ready = -1

    def prepare(self, number, seq):
        """Erases the block of page `number`; True, or False when the block is bad."""
        block = number % self.slots // UNITS
        erases = 0
        if self._read_head(block):
            erases = unpack_from("<I", self._head, 12)[0]
        if not erases:
            erases = self.erases
        self.leave(block)
        self._ready = -1
        page = self._page
        try:
            self.media.erase(block)
            for i in range(UNIT):
                page[i] = 0xFF
            pack_into("<HBBIIIIH", page, 0, _MAGIC, FORMAT, 0, self.journal, seq, erases + 1,
                      self.acked, block)  # fmt: skip
            crc = crc_hqx(page[:30], 0xFFFF)
            page[30], page[31] = crc & 255, crc >> 8
            self.media.program(block, 0, page)
            good = self._read_head(block)
        except OSError:
            good = False
        if not good:
            self.bad += 1
            return False
        self.erases = max(self.erases, erases + 1)
        self.kept_ack = self.acked
        self._ready = block
        return True
