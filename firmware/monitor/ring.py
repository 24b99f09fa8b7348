"""The ring of flash blocks under the journal: which page comes next, what must go for it.

A page's number tells its place: slot = number modulo (blocks x 16). Numbers only rise, and skip
slots that can't be used. Block layout (4096 bytes): header (32 bytes), then page 0 (224 bytes)
and pages 1 to 15 (256 bytes each), written in order.

  header  u16 magic | u8 format | u8 0 | u32 journal | u32 seq when erased | u32 erase count of
          this block | u32 acknowledged seq | u16 block | 8 bytes 0xFF | u16 crc of all before

The header is written when the erase has succeeded: a block without a good one is erased (again)
before it is used. Its first 12 bytes keep their meaning in every format, so that a later version
that can't read the pages still never uses a number twice.
"""

from array import array
from struct import pack_into, unpack_from

from .link.pack import crc_hqx, page_head

FORMAT = 1
PAGES = 16  # in a block
HEAD = 32
_MAGIC = 0x4C48
_PAGE = 256


class Ring:
    """Places pages on media; see the module's text. `first`: seq of each block's first page, or
    0xFFFFFFFF where there is none."""

    NONE = 0xFFFFFFFF

    def __init__(self, media):
        self.media = media
        self.slots = media.blocks * PAGES
        self.first = array("I", bytes(4 * media.blocks))
        self.journal = 0
        self.acked = 0
        self.erases = 0  # the highest count of a block
        self.newest = -1  # number of the newest page, -1: none
        self.seq_floor = 0  # no seq below this may be used
        self.bad = 0  # blocks that could not be erased or written since boot
        self._head = bytearray(HEAD)
        self._page = bytearray(_PAGE)
        self._ready = -1  # block that is erased and has its header

    def _read_head(self, block):
        """Reads a block's header; False unless it is one of ours."""
        head = self._head
        self.media.read(block, 0, head)
        if head[0] | head[1] << 8 != _MAGIC:
            return False
        return crc_hqx(head[:30], 0xFFFF) == head[30] | head[31] << 8

    def mount(self, new_journal):
        """Finds what is there. `new_journal()` makes the number of a journal that has none.

        Returns the number of pages found."""
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
                if self._head[2] == FORMAT:
                    vote[2] = max(vote[2], acked)
                else:  # pages that this version can't read: 65536 is more than a block can hold
                    vote[1] = max(vote[1], seq + 0x10000)
                self.erases = max(self.erases, erases)
        if not votes:
            self.journal = new_journal()
            return 0
        self.journal = max(votes, key=lambda j: votes[j][0])
        self.seq_floor = votes[self.journal][1]
        self.acked = votes[self.journal][2]
        return self._find_pages()

    def _find_pages(self):
        found = 0
        for block in range(self.media.blocks):
            for page in range(PAGES):
                head = self.head_at(block * PAGES + page)
                if head is None:
                    continue
                found += 1
                if head[0] > self.newest:
                    self.newest = head[0]
                if head[1] < self.first[block]:
                    self.first[block] = head[1]
        return found

    def head_at(self, slot):
        """Page header (number, seq, sample, boot) in a slot, None when there is none."""
        head = self._head
        self.media.read(slot // PAGES, self._offset(slot), head)
        found = page_head(head, self.journal)
        if found is None or found[0] % self.slots != slot:
            return None
        return found

    def _offset(self, slot):
        page = slot % PAGES
        return page * _PAGE if page else HEAD

    def limit(self, number):
        """Bytes that the page may have: the first of a block shares its place with the header."""
        return _PAGE if number % PAGES else _PAGE - HEAD

    def read(self, number, offset, buffer):
        slot = number % self.slots
        self.media.read(slot // PAGES, self._offset(slot) + offset, buffer)

    def blank(self, slot):
        """Whether nothing was ever written into the slot since its block was erased."""
        page = self._page
        size = self.limit(slot)
        view = memoryview(page)[:size]
        self.media.read(slot // PAGES, self._offset(slot), view)
        for i in range(size):
            if page[i] != 0xFF:
                return False
        return True

    def clean(self, number):
        """Whether the block of page `number` was prepared, and nothing written into it since."""
        block = number % self.slots // PAGES
        if not self._read_head(block):
            return False
        for slot in range(block * PAGES, (block + 1) * PAGES):
            if not self.blank(slot):
                return False
        return True

    def program(self, number, image, start, end):
        """Writes bytes start..end of the page `image`; False when they don't read back."""
        slot = number % self.slots
        shift = 0 if slot % PAGES else HEAD
        page = self._page
        for i in range(_PAGE):
            page[i] = 0xFF
        for i in range(start, end):
            page[i + shift] = image[i]
        try:
            self.media.program(slot // PAGES, slot % PAGES, page)
            view = memoryview(page)[: end - start]
            self.media.read(slot // PAGES, self._offset(slot) + start, view)
        except OSError:
            return False
        for i in range(end - start):
            if page[i] != image[start + i]:
                return False
        return True

    def ready(self, number):
        """Whether the block of page `number` was erased and can be written from its start."""
        return self._ready == number % self.slots // PAGES

    def prepare(self, number, seq):
        """Erases the block of page `number`; True, or False when the block is bad."""
        block = number % self.slots // PAGES
        erases = 0
        if self._read_head(block):
            erases = unpack_from("<I", self._head, 12)[0]
        if not erases:
            erases = self.erases
        self.first[block] = self.NONE
        page = self._page
        try:
            self.media.erase(block)
            for i in range(_PAGE):
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
        self._ready = block
        return True
