"""The records a connected host gets, in order, and the newest ones at once.

    stream.start(seq)                        # REPORT: from seq on
    stream.grant(taken, window)              # GRANT
    n = stream.frame(buffer, room, now)      # next frame of at most `room` bytes; 0: nothing
    stream.sent(n)                           # it was handed to the radio

`next` is the number that the host needs next. While that is among the journal's recent records
(the last 64), LIVE frames carry them in order. A host that is further behind gets pages as they
lie in flash, and between them each new record as it happens: the live ones first, one frame per
record, then pages with all the rest of the link.

`even`: a frame at each beat would tell the rhythm of the heart to whoever watches the radio,
however well it is sealed. LIVE frames then go once a second, whatever happened, and repeat older
records (which the host has, and passes over) so that they are as long at any rate up to 180/min.
"""

import time
from struct import pack_into

from . import wire

_IDLE_MS = 2000
_MOST_WINDOW = 32
_EVEN_MS = 1000
_EVEN_RECORDS = 3  # in each frame: what beats of up to 180/min need
_CATCH_UP = 8  # more than a second brings: these are sent at once


class RecordStream:
    """Frames for one host; counters start anew with each connection (`reset`)."""

    def __init__(self, journal):
        self._journal = journal
        self.even = False
        self.reset()

    def reset(self):
        """A new connection."""
        self.running = False
        self.counter = 0
        self.next = 0
        self._live = 0
        self._granted = 0
        self._page = None
        self._left_pages = False
        self._offset = 0
        self._kind = 0
        self._after = 0
        self._in_order = False
        self._quiet_since = 0
        self._live_at = None  # when a LIVE frame went last

    def start(self, seq):
        """Begins, or begins again, at `seq`; returns the first number that will come."""
        journal = self._journal
        self.next = seq if seq > journal.first_seq else journal.first_seq
        self._live = journal.next_seq
        self._page = None
        self._left_pages = True  # tell where it begins, should `seq` be gone
        self.running = True
        return self.next

    def grant(self, taken, window):
        """The host has taken the frames up to counter `taken`, and has room for `window` more."""
        under_way = (self.counter - taken) & 0xFFFF
        if under_way < 0x8000:  # not a counter that was never sent
            room = window if window < _MOST_WINDOW else _MOST_WINDOW
            self._granted = (taken + room) & 0xFFFF

    @property
    def window(self):
        """Frames that may still be sent."""
        left = (self._granted - self.counter) & 0xFFFF
        return left if left <= _MOST_WINDOW else 0

    @property
    def hurried(self):
        """Whether the host has not been sent more records than wait for their second."""
        return self.running and self._journal.next_seq - self.next > (
            _CATCH_UP if self.even else 0
        )

    def frame(self, buffer, room, now):
        """Builds the next frame; `sent` must follow when it went out."""
        if not self.running or not self.window:
            return 0
        journal = self._journal
        if self.next >= journal.oldest_recent:
            if self._left_pages:
                return self._skip(buffer, self.next)
            if self._due(self.next, now):
                seq = self._first_told(room)
                if seq < journal.next_seq:
                    return self._recent(buffer, room, seq, True)
        else:
            if self._live < journal.next_seq and self._due(self._live, now):
                if self._live < journal.oldest_recent:
                    self._live = journal.oldest_recent
                return self._recent(buffer, room, self._live, False)
            # two places of the window stay free for records that happen meanwhile
            return self._page_part(buffer, room) if self.window > 2 else 0
        if time.ticks_diff(now, self._quiet_since) < _IDLE_MS:
            return 0
        self._kind = wire.FRAME_IDLE
        pack_into(
            "<BHI", buffer, 0, wire.VERSION << 4 | wire.FRAME_IDLE, self.counter, journal.next_seq
        )
        return 7

    def sent(self, now):
        """The frame that `frame` built went out."""
        self.counter = (self.counter + 1) & 0xFFFF
        self._quiet_since = now
        if self._kind == wire.FRAME_LIVE:
            self._live_at = now
            if self._after > self._live:
                self._live = self._after
            if self._in_order and self._after > self.next:
                self.next = self._after
        elif self._kind == wire.FRAME_PAGE:
            self._offset = self._after
            self._page_done()
        elif self._kind == wire.FRAME_SKIP:
            self.next = self._after
            self._left_pages = False

    def _due(self, seq, now):
        """Whether it is time for a LIVE frame, with records from `seq` on to be told."""
        waiting = self._journal.next_seq - seq
        if not self.even or waiting > _CATCH_UP:
            return waiting > 0
        return self._live_at is None or time.ticks_diff(now, self._live_at) >= _EVEN_MS

    def _first_told(self, room):
        """Where a LIVE frame that goes on with `next` begins: with `even` before it, if there is
        room for that."""
        journal = self._journal
        seq = self.next
        if self.even:
            low = max(journal.oldest_recent, journal.first_seq, journal.next_seq - _EVEN_RECORDS)
            room -= wire.LIVE_HEAD
            for other in range(seq, journal.next_seq):
                room -= self._size(other)
            while seq > low and self._size(seq - 1) <= room:
                seq -= 1
                room -= self._size(seq)
        return seq

    def _size(self, seq):
        """Bytes of a recent record in a LIVE frame."""
        journal = self._journal
        return 2 + journal.recent[journal.recent_at(seq) + 1]

    def _recent(self, buffer, room, seq, in_order):
        """A LIVE frame from `seq` on, as many records as fit."""
        journal = self._journal
        recent = journal.recent
        pack_into("<BHI", buffer, 0, wire.VERSION << 4 | wire.FRAME_LIVE, self.counter, seq)
        at = wire.LIVE_HEAD
        while seq < journal.next_seq:
            row = journal.recent_at(seq)
            size = recent[row + 1]
            if at + 2 + size > room:
                break
            for i in range(2 + size):
                buffer[at + i] = recent[row + i]
            at += 2 + size
            seq += 1
        if at == wire.LIVE_HEAD:  # longer than a frame of this link: the pages carry it
            return self._page_part(buffer, room) if in_order else self._pass(seq)
        self._kind = wire.FRAME_LIVE
        self._after = seq
        self._in_order = in_order
        return at

    def _pass(self, seq):
        self._live = seq + 1
        return 0

    def _page_part(self, buffer, room):
        """A PAGE frame: the next bytes of the page that holds `next`."""
        journal = self._journal
        if self._page is None:
            self._page = journal.page_of(self.next)
            self._offset = 0
            if self._page is None:
                if self.next > journal.flushed_seq or self.next >= journal.oldest_recent:
                    return 0
                return self._skip(buffer, journal.oldest_recent)
        view = memoryview(buffer)[wire.PART_HEAD : room]
        n = journal.read(self._page, self._offset, view)
        if not n:
            self._page_done()
            return 0
        self._kind = wire.FRAME_PAGE
        self._after = self._offset + n
        pack_into(
            "<BHIH",
            buffer,
            0,
            wire.VERSION << 4 | wire.FRAME_PAGE,
            self.counter,
            self._page,
            self._offset,
        )
        return wire.PART_HEAD + n

    def _skip(self, buffer, following):
        """A SKIP frame: what the host has not got of the numbers before `following` can't be had.

        It closes the pages before LIVE frames go on, for numbers that no page held (lost with the
        power, or never used)."""
        self._kind = wire.FRAME_SKIP
        self._after = following
        code = wire.VERSION << 4 | wire.FRAME_SKIP
        pack_into("<BHII", buffer, 0, code, self.counter, 0, following)
        return 11

    def _page_done(self):
        """Moves on when all of the page has been sent."""
        journal = self._journal
        if journal.remains(self._page, self._offset):
            return
        following = journal.page_after(self._page)
        if following is None:
            if journal.flushed_seq >= self.next:
                self.next = journal.flushed_seq + 1
            if journal.number != self._page:
                self._page = None
        else:
            self._page = following[0]
            self._offset = 0
            if following[1] > self.next:
                self.next = following[1]
        if self._page is not None and self.next >= journal.oldest_recent:
            self._page = None  # LIVE frames go on
        if self._page is None:
            self._left_pages = True
