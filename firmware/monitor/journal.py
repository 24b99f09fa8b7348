"""The journal: every record, numbered, in flash within ten seconds.

    journal = Journal(media, new_journal)
    journal.mount()                                  # finds what is there, repairs what must be
    seq = journal.append(wire.BEAT, body, size)      # numbered at once, in flash by step()
    journal.step(time.ticks_ms())

What is promised
  - A record that `flush` wrote is there after any loss of power; what was not flushed is at most
    FLUSH_MS old, and never more than MOST_OPEN records.
  - No number is used twice: after a boot the numbers go on MOST_OPEN above the last one found
    (those in between may have been heard by a host), and a DROPPED record says so.
  - When the ring is full the oldest block goes. Acknowledgement is cumulative, so acknowledged
    records always go before others; if unacknowledged ones had to go, a DROPPED record says which.
  - A block that can't be erased or written is left out, a page that doesn't read back is written
    again elsewhere. A journal without a usable block goes on in RAM and counts `lost_pages`; when
    one can be written again, a DROPPED record says what did not get there.
"""

import time
from struct import unpack_from

from . import ring as _ring
from .link import wire
from .link.pack import MOST_RECORDS, PAGE, PAGE_HEAD, PAGE_KIND, PAGE_KIND_1, SEALED, Packer
from .link.unpack import Unpacker
from .losses import Losses
from .shelf import Shelf
from .vault import Vault

FLUSH_MS = 9000  # plus a turn of the main loop, with two erases in it at most: ten seconds
_LATE = 4  # blocks
MOST_OPEN = 64  # records that may wait for the flush, and that `recent` holds
_ROW = 2 + wire.MAX_BODY
_TRIES = 16  # blocks in a row that can't be written: another page of them waits for another flush
_SLOW = (wire.BEAT, wire.SIGNAL, wire.BATTERY, wire.NOTE)  # these wait; others go at once


class Journal(Shelf):
    """Records in, pages out (shelf.py). `next_seq`: of the next record; `first_seq`: the oldest
    that is kept; `flushed_seq`: the last one in flash; `acked`: the last a host has committed."""

    def __init__(self, media, new_journal, vault=None):
        self.ring = _ring.Ring(media)
        self.vault = vault or Vault()  # without a key: pages in clear
        super().__init__()
        self._new_journal = new_journal
        self.page = bytearray(PAGE)
        self.next_seq = 1
        self.first_seq = 1
        self.flushed_seq = 0
        self.boot = 1
        self.number = 0  # of the page that is open
        self.oldest_page = 0  # pages with lower numbers are gone
        self.length = 0  # bytes of it that are in flash
        self.sample = 0  # of the last beat
        self.flushes = 0
        self.lost_pages = 0
        self.recent = bytearray(MOST_OPEN * _ROW)
        self.oldest_recent = 1
        self._since = None  # ticks when the oldest unflushed record came
        self._urgent = False
        self._open = False
        self.losses = Losses()
        self._usable = True  # the block of the open page could be erased
        self._tried = -1  # the block that was prepared ahead last, by its first page

    @property
    def journal(self):
        return self.ring.journal

    @property
    def acked(self):
        return self.ring.acked

    @property
    def waiting(self):
        """Whether a record is not in flash yet."""
        return self._since is not None

    # --- boot ----------------------------------------------------------------------------------
    def mount(self):
        """Finds the journal, and opens a page for this boot. Returns (first, count) of the
        numbers left out because they may have been used before the power went."""
        ring = self.ring
        pages = ring.mount(self._new_journal)
        last = ring.seq_floor - 1 if ring.seq_floor else 0
        boot = 0
        if pages:
            self.first_seq = min(s for s in ring.first if s != ring.NONE)
            head = ring.head_at(ring.newest % ring.slots)
            boot = head[3]
            seq, rest = self._last_seq(ring.newest, head[4])
            last = max(last, seq)
            # pages behind the newest good one that are neither good nor blank were written once
            self.number, skipped = self._next_blank(ring.newest, head[4])
            # and a next block that is not as it was prepared may have been full
            if self.number % _ring.UNITS == 0 and not ring.clean(ring.at_hand(self.number)):
                skipped += _ring.UNITS // _ring.PAGE_UNITS
            # A chunk has two bytes or more: more than the last one may lie behind a damaged one.
            left_out = min(MOST_OPEN * (rest // 2 + 1), MOST_RECORDS) + MOST_RECORDS * skipped
        else:
            left_out = MOST_OPEN if ring.seq_floor else 0
            if ring.unread:  # a block of them may have been written since the floor
                left_out += MOST_RECORDS * (_ring.UNITS // _ring.PAGE_UNITS)
            self.first_seq = last + left_out + 1
            self.number = 0
        self.boot = (boot + 1) & 0xFFFF
        self.flushed_seq = last
        self.next_seq = last + left_out + 1
        self.oldest_recent = self.next_seq
        self._packer = Packer(self.page, ring.journal)
        if pages:
            self.vault.begin(*self._sealed_by)
        else:
            self.vault.begin()
        if ring.acked > last:
            ring.acked = last
        # Erase what is needed soon while nobody waits for samples.
        self._open_page()
        self._prepare_next()
        return last + 1, left_out

    def _last_seq(self, number, kind):
        """(seq of the last good record in a page, bytes that are written behind it); the highest
        possible seq if its key is gone."""
        data = bytearray(self.ring.size(number, kind))
        self.ring.read(number, 0, data)
        self._sealed_by = ()
        if data[0] & SEALED:
            self._sealed_by = unpack_from("<HH", data, PAGE_HEAD)
            data = self.vault.unseal(data, self.ring.journal)
            if data is None:
                return self.ring.head_at(number % self.ring.slots)[1] + MOST_RECORDS - 1, 0
        reader = Unpacker(data, self.ring.journal)
        reader.records(0xFFFFFFFF)  # none of them: a page's worth would not fit into a small heap
        return reader.seq - 1, reader.rest()

    def _next_blank(self, number, kind):
        """(the next page number of the same block whose slot is blank, else the next block's;
        how many pages were passed over). A block of an older format is not gone on with."""
        ring = self.ring
        step = 1 if kind == PAGE_KIND_1 else _ring.PAGE_UNITS
        passed = 0
        number += step
        while number % _ring.UNITS:
            if not ring.blank(number % ring.slots, step):
                passed += 1
            elif kind == PAGE_KIND:
                break
            number += step
        return number, passed

    # --- writing -------------------------------------------------------------------------------
    def append(self, kind, body, size):
        """Takes a record (size bytes of body); returns its seq."""
        if kind != wire.DROPPED:
            self.losses.tell(self)
        if not self._open:
            self._open_page()
        if not self._packer.add(kind, body, size):
            self.flush()
            if self._open:
                self._next_page()
            self._open_page()
            self._packer.add(kind, body, size)
        seq = self.next_seq
        at = seq % MOST_OPEN * _ROW
        recent = self.recent
        recent[at], recent[at + 1] = kind, size
        for i in range(size):
            recent[at + 2 + i] = body[i]
        self.next_seq = seq + 1
        if self.next_seq - self.oldest_recent > MOST_OPEN:
            self.oldest_recent = self.next_seq - MOST_OPEN
        if kind == wire.BEAT:
            self.sample = body[0] | body[1] << 8 | body[2] << 16 | body[3] << 24
        if self._since is None:
            self._since = time.ticks_ms()
        if kind not in _SLOW:
            self._urgent = True
        if self._packer.count >= MOST_OPEN - 4:
            self.flush()
        return seq

    def step(self, now):
        """Flushes when it is time, and prepares the next block while there is time."""
        if self._since is not None and (
            self._urgent or time.ticks_diff(now, self._since) >= FLUSH_MS
        ):
            self.flush()
            return True
        if self._open and self.number % _ring.UNITS and self._prepare_next():
            return True
        return False

    def flush(self):
        """Everything appended so far into flash."""
        if not self._open:
            return
        start, end = self._packer.close_chunk()
        self._since = None
        self._urgent = False
        if start == end:
            return
        if self.length == 0:
            start = 0
        if not self._program(start, end):
            self._rewrite(start, end)
        self.flushed_seq = self.next_seq - 1
        self.flushes += 1
        if self._packer.full:
            self._next_page()

    def _program(self, start, end):
        """Bytes of the page into flash, sealed if there is a key; False: they don't read back."""
        if not self._usable:
            return False
        image, vault = self.page, self.vault
        if vault.cover is not None:
            image = vault.image
            start, end = vault.seal(self.page, start, end, self.ring.journal)
        if not self.ring.program(self.number, image, start, end):
            return False
        self.length = end
        self.losses.failing = False
        vault.settle()
        return True

    def _rewrite(self, start, end):
        """The chunk just closed did not read back: writes its records into another page."""
        reader = Unpacker(bytes(self.page[:end]), self.ring.journal)
        records = reader.records(self.flushed_seq)
        first = records[0][0] if records else self.next_seq
        for _ in range(1 if self.losses.failing else _ring.UNITS // _ring.PAGE_UNITS + 2):
            self._next_page()
            self._open_page(first)
            for _, kind, body in records:
                self._packer.add(kind, body, len(body))
            start, end = self._packer.close_chunk()
            if self._program(0, end):
                return
        self.lost_pages += 1
        self.losses.unwritten(first, self.next_seq - 1)
        ring = self.ring
        for block in range(ring.media.blocks):
            if ring.first[block] >= first:  # of a page that is not there
                ring.first[block] = ring.NONE

    # --- pages ---------------------------------------------------------------------------------
    def _next_page(self):
        self._open = False
        self.length = 0
        self.number += _ring.PAGE_UNITS if self._usable else _ring.UNITS

    def _open_page(self, seq=0):
        """Begins the page `number`; its block is erased first if that is not done yet."""
        ring = self.ring
        seq = seq or self.next_seq
        if self.number % _ring.UNITS == 0:
            self.vault.next_block()
            left = 1 if self.losses.failing else min(_TRIES, ring.media.blocks)
            self.number = ring.at_hand(self.number)
            self._usable = self._make_ready(self.number)
            while not self._usable and left > 1:
                left -= 1
                self.number = ring.at_hand(self.number + _ring.UNITS)
                self._usable = self._make_ready(self.number)
            if self._usable:
                ring.begin()
            else:
                self.losses.failing = True
            ring.first[self.number % ring.slots // _ring.UNITS] = seq
        elif ring.first[self.number % ring.slots // _ring.UNITS] == ring.NONE:
            ring.first[self.number % ring.slots // _ring.UNITS] = seq
        size = ring.size(self.number) - self.vault.extra
        self._packer.open_page(self.number, seq, self.sample & 0xFFFFFFFF, self.boot, size)
        self.length = 0
        self._open = True

    def _prepare_next(self):
        """Erases the block that follows the open one; True when there was something to do."""
        ring = self.ring
        number = self.following(self.number)
        if ring.ready(number) or number == self._tried:
            return False  # a bad one has another try when it is needed, not at every turn
        self._tried = number
        self._make_ready(number)
        return True

    def _make_ready(self, number):
        """Prepares the block of page `number`, noting what is lost by it."""
        ring = self.ring
        if ring.ready(number):
            return True
        self.let_go(number)
        return ring.prepare(number, self.next_seq)

    def following(self, number):
        """The first page of the block that is written after that of page `number`."""
        return self.ring.at_hand((number // _ring.UNITS + 1) * _ring.UNITS)

    def let_go(self, number):
        """What lies where page `number` would begin a block is gone from here on."""
        ring = self.ring
        block = number % ring.slots // _ring.UNITS
        goes = ring.first[block]
        if goes != ring.NONE:
            left = ring.NONE
            for i in range(ring.media.blocks):
                if i != block and ring.first[i] < left:
                    left = ring.first[i]
            if left == ring.NONE:
                left = self.flushed_seq + 1
            if left > goes:
                self.first_seq = max(self.first_seq, left)
                if left - 1 > ring.acked:
                    self.losses.went(max(goes, ring.acked + 1), left - 1)
        self.oldest_page = max(self.oldest_page, number + _ring.UNITS - ring.slots)

    def pressed(self):
        """Whether something that is wanted goes soon, for want of the blocks that are lent."""
        ring = self.ring
        number = self.following(self.following(self.number))
        if self.wanted(number % ring.slots // _ring.UNITS):
            for block in range(ring.media.blocks):
                if not ring.media.usable(block):
                    return True
        return False

    def wanted(self, block):
        """Whether a block holds a record that is still to be had, or not acknowledged."""
        ring = self.ring
        first = ring.first[block]
        return first != ring.NONE and self._end_of(first) > max(self.acked + 1, self.first_seq)

    def _end_of(self, first):
        """The record that begins the block behind the one that begins with `first`."""
        end = self.next_seq
        for other in self.ring.first:
            if first < other < end:
                end = other
        return end

    # --- what a host may forget ------------------------------------------------------------------
    def acknowledge(self, seq):
        """A host has committed everything up to `seq`; False when there is no such record."""
        if seq >= self.next_seq:
            return False
        if seq > self.ring.acked:
            self.ring.acked = seq
        return True

    def keep_acknowledged(self):
        """Writes down how far a host has the records when it has got many more of them: a header
        tells it, and the next one would come with the next block only."""
        ring = self.ring
        late = 0
        for first in ring.first:
            if ring.kept_ack < first <= ring.acked:
                late += 1
        if late >= _LATE:
            number = self.following(self.number)
            if ring.ready(number):
                ring.prepare(number, self.next_seq)

    def delete(self, seq):
        """Records up to `seq` are gone: none is sent any more, and none counts."""
        self.first_seq = max(self.first_seq, min(seq + 1, self.next_seq))

    def leave_block(self):
        """The next record begins another block: the one that is open can be erased then."""
        self.flush()
        if self._open:
            self._next_page()
        if self.number % _ring.UNITS:
            self.number += _ring.UNITS - self.number % _ring.UNITS

    def wipe(self):
        """Erases one block of which nothing is kept any more; False when there is none."""
        ring = self.ring
        held = self.number % ring.slots // _ring.UNITS
        for block in range(ring.media.blocks):
            if ring.first[block] >= self.first_seq or block == held:
                continue
            if self._end_of(ring.first[block]) <= self.first_seq:
                ring.wipe(block)
                return True
        return False

    def recent_at(self, seq):
        """Offset in `recent` of a record that is kept there: type, size, body."""
        return seq % MOST_OPEN * _ROW
