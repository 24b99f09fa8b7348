"""What of the journal lies in flash, page by page, as the link takes it.

    number = journal.page_of(seq)               # None: nothing from there on is in flash
    count = journal.read(number, offset, buffer)
    number, first = journal.page_after(number)

A page goes out as it was written, sealed or not; the one that is open as far as it is in flash.
"""

from . import ring as _ring
from .link.pack import PAGE_KIND, page_head


class Shelf:
    """The reading half of `journal.Journal`, which keeps what is read here: `ring`, `vault`, the
    open `page` with its `number` and `length`, `oldest_page`, `flushed_seq`."""

    def __init__(self):
        self._sized = (-1, 0)  # the page that `remains` was asked for last, and its bytes
        self._percent = 0
        self._percent_of = (-1, 0, 0)  # what it was found for

    @property
    def percent(self):
        """How much of the ring holds records that no host has committed (0..100)."""
        ring = self.ring
        block = self.number // _ring.UNITS
        acked, changes, then = self._percent_of
        if acked != ring.acked or changes != ring.changes or then != block:
            # Asked for several times a second, of a thousand blocks.
            self._percent_of = (ring.acked, ring.changes, block)
            blocks = 0
            for first in ring.first:
                if first != ring.NONE and first > ring.acked:
                    blocks += 1
            self._percent = blocks * 100 // ring.media.blocks
        return self._percent

    def page_of(self, seq):
        """Number of the page that holds `seq`, or, when it is not kept, the first that holds a
        later one; None when there is nothing from `seq` on in flash."""
        if seq > self.flushed_seq:
            return None
        first = self.ring.first
        block = -1
        for i in range(len(first)):
            if first[i] <= seq and (block < 0 or first[i] > first[block]):
                block = i
        if block < 0:
            block = self._block_after(-1)
        while block >= 0:
            found = self._page_in(block, seq)
            if found is not None:
                return found
            block = self._block_after(block)  # nothing of it can be read: later ones can
        return None

    def _block_after(self, block):
        """The block whose records follow those of `block` (-1: the one with the oldest), or -1."""
        ring = self.ring
        begin = ring.first[block] if block >= 0 else 0
        best = -1
        for i in range(ring.media.blocks):
            first = ring.first[i]
            if first == ring.NONE or first < begin or (first == begin and i <= block):
                continue
            if best < 0 or first < ring.first[best]:
                best = i
        return best

    def _page_in(self, block, seq):
        """As `page_of`, of one block."""
        found = None
        for unit in range(_ring.UNITS):
            head = self._head(block * _ring.UNITS + unit)
            if head is None:
                continue
            if head[1] > seq and found is not None:
                break
            found = head[0]
        return found

    def _head(self, slot):
        if self._open and self.length and slot == self.number % self.ring.slots:
            return page_head(self.page, self.ring.journal)
        return self.ring.head_at(slot)

    def page_after(self, number):
        """(number, first seq) of the page that follows, None when `number` is the last one."""
        ring = self.ring
        last = self.number if self.length else self.number - 1
        number = max(number, self.oldest_page - 1)
        while number < last:
            number += 1
            head = self._head(number % ring.slots)
            if head is not None and head[0] == number:
                return number, head[1]
        return None

    def read(self, number, offset, buffer):
        """Bytes of a page from `offset` on into the buffer; returns how many there were."""
        count = min(len(buffer), self.remains(number, offset))
        if count <= 0:
            return 0
        if number == self.number:
            image = self.page if self.vault.cover is None else self.vault.image
            for i in range(count):
                buffer[i] = image[offset + i]
        else:
            self.ring.read(number, offset, memoryview(buffer)[:count])
        return count

    def remains(self, number, offset):
        """Bytes of a page that are in flash behind `offset`."""
        if number < self.oldest_page:
            return 0
        if number == self.number:
            return self.length - offset
        if number != self._sized[0]:
            head = self.ring.head_at(number % self.ring.slots)
            kind = head[4] if head is not None and head[0] == number else PAGE_KIND
            self._sized = (number, self.ring.size(number, kind))
        return self._sized[1] - offset
