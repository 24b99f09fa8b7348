"""What of the ECG is kept in flash until a host has it: strips around events, or all of it.

    strips = Strips(flash, ring, app, stalls=True, whole=False)
    number = strips.trigger(sample, wire.EVENT_BUTTON)   # for the EVENT record; 0: no room for one
    strips.step()                                        # every turn: copies at most one block

The blocks come from the last minute in RAM (ecgring.py) and go on, packed as they are, into
`flash` (ecgflash.py). With `whole`, every block of a session does, and a strip is a range of
them; otherwise those from before an event to behind it. A STRIP record tells which blocks a strip
has: once when what came before the event is in flash, and again when the strip is whole (the later
record holds). If the power went in between, the next boot tells what is there (`tell_cut`).

Where an erase stops all interrupts (`stalls`: flash that the firmware itself runs from, 45 ms),
it is made where nobody misses samples: at boot, while a charger keeps the monitor from recording,
slowly while no heart is to be seen, and, where less than one strip's room is erased, once in five
minutes. Whole ECG then goes only into what
was erased before, and leaves enough of it for one strip; a strip erases as it goes when there is
no other way. What no host has is erased only when something new needs its place. On a card, or
with a sampler that needs no interrupt, an erase costs nothing, and the oldest block goes for each
new one: fetched ones first, by their order.
"""

import time

from .link import wire

_BLOCK = 4096
_ERASE_EVERY_MS = 300000
_UNSEEN_EVERY_MS = 10000
_LONGEST_S = 300  # presses that follow each other make one strip, up to this
_NOTE_MS = 3600000
_BEHIND = 0x80000000


class Strips:
    """`flash` is also the source of link/ecgstream.py for stored ECG; `lost`: blocks that were
    gone from RAM, or found no room, before they were kept."""

    def __init__(self, flash, ring, app, stalls, whole):
        from . import settings as _settings

        get = app.settings.get
        rate = get(_settings.RATE)
        self.flash = flash
        self.whole = whole and bool(get(_settings.WHOLE_ECG))
        self._session = _settings.SESSION
        self._ring = ring
        self._app = app
        self._stalls = stalls
        self._before = get(_settings.STRIP_BEFORE_S) * rate
        self._after = get(_settings.STRIP_AFTER_S) * rate
        self._longest = _LONGEST_S * rate
        # Erased ahead for 2.2 bytes a sample; a noisier signal erases as it goes.
        spare = (self._before + self._after) * 11 // 5 // _BLOCK
        self._spare = max(1, min(flash.blocks - 2, spare)) if stalls else 2
        self._copy = bytearray(1024)
        # The run of blocks copied last: RAM number and flash number of its first one, and the
        # RAM number behind its last one. Empty while the first two are equal.
        self._run = self._source = 0
        self._run_number = 0
        self._keeping = False
        self.active = False
        self.strip = 0
        self.lost = 0
        self._noted = None
        self._cut = flash.open_mark()
        self._erased_at = time.ticks_ms()
        while flash.erased < self._spare and not flash.unfetched_next():
            flash.erase_next()

    def tell_cut(self):
        """The STRIP record of a strip in whose middle the power went, with what was kept of it."""
        if self._cut is None:
            return
        flash = self.flash
        kind, strip, first = self._cut
        self._cut = None
        samples = blocks = 0
        number = flash.find(first)
        while number < flash.next:
            n = flash.whole(number)
            if n:
                samples += n if n > 0 else self._ring.samples
                blocks = number + 1 - first
            number = flash.find(number + 1)
        if blocks:
            self._app.record_at(0, wire.STRIP, samples, strip, kind, first, blocks)
        flash.mark(0, strip, first)
        flash.flush()

    # --- events --------------------------------------------------------------------------------
    def trigger(self, sample, kind):
        """An event at this sample: the strip that will show it."""
        end = (sample + self._after) & 0xFFFFFFFF
        if self.active:
            if (end - self._start) & 0xFFFFFFFF <= self._longest:
                self._end = end
            return self.strip
        ring = self._ring
        start = (sample - self._before) & 0xFFFFFFFF
        number = ring.first
        while number < ring.next and not self._reaches(number, start):
            number += 1
        if self._run < self._source and ring.first <= self._source and number < self._source:
            number = max(number, self._run)  # copied already, without a hole up to now
        else:
            self._begin_run(number)
        self._samples = 0
        self._first_sample = sample
        for i in range(number, self._source):
            self._count(i)
        self._strip_first = self._run_number + number - self._run
        self.active, self._told = True, False
        self._kind, self._start, self._event, self._end = kind, start, sample, end
        self.strip = self._strip_first & 0xFFFF or 1
        self.flash.mark(kind, self.strip, self._strip_first)
        return self.strip

    def _reaches(self, number, sample):
        """Whether a block of the RAM ring ends behind a sample index."""
        first, count = self._ring.begins(number)
        return (first + count - 1 - sample) & 0xFFFFFFFF < _BEHIND

    def _count(self, number):
        first, count = self._ring.begins(number)
        if not self._samples:
            self._first_sample = first
        self._samples += count

    def _begin_run(self, number):
        self._run = self._source = number
        self._run_number = self.flash.next

    def step(self):
        """Copies a block, or erases one; True when there was something to do."""
        ring = self._ring
        keep = self.active or (self.whole and self._app.settings.get(self._session) != 0)
        if not keep and (not self._keeping or self._source >= ring.next):
            if self._keeping:
                self._keeping = False
                self.flash.flush()
            return self._erase_in_time()
        if not self._keeping:
            self._keeping = True
            if not self.active:
                self._begin_run(ring.next)
        if self._source < ring.first:
            self.lost += ring.first - self._source
            self._begin_run(ring.first)
        if self._source >= ring.next:
            return self._erase_in_time()
        number = self._source
        first, _ = ring.begins(number)
        if self.active:
            if (first - self._end) & 0xFFFFFFFF < _BEHIND:
                self._finish()
                return True
            if not self._told and (first - self._event) & 0xFFFFFFFF < _BEHIND:
                self._told = True
                self._tell()
        if self._write(number):
            self._source += 1
            if self.active:
                self._count(number)
        else:
            self.lost += 1
            self._begin_run(number + 1)
        return True

    def _finish(self):
        self.active = False
        self._erased_at = time.ticks_ms()
        self.flash.mark(0, self.strip, self._strip_first)
        self._tell()

    def _tell(self):
        """The STRIP record of what is in flash."""
        self.flash.flush()
        count = self.flash.next - self._strip_first
        if self._samples and count:
            self._app.record_at(
                self._first_sample, wire.STRIP, self._samples, self.strip, self._kind,
                self._strip_first, count,
            )  # fmt: skip

    def _write(self, number):
        """Copies a block of the RAM ring behind the last one; False when it finds no room."""
        flash, ring = self.flash, self._ring
        size = ring.size(number)
        if size + 32 > len(self._copy):
            self._copy = bytearray(size + 32)  # only at more than 250 samples/s, once
        ring.read(number, 0, memoryview(self._copy)[:size])
        must = self.active or not self._stalls
        if not flash.fits(size):
            if must and not flash.erased:
                flash.erase_next()
            elif not must and flash.erased <= self._spare:  # what is left is for a strip
                self._note()
                return False
        if flash.append(self._copy, size):
            return True
        if must:
            flash.erase_next()  # the block before could not be used
        return must and flash.append(self._copy, size) != 0

    def _note(self):
        """What could not be kept for want of room is noted, once an hour."""
        now = time.ticks_ms()
        if self._noted is None or time.ticks_diff(now, self._noted) >= _NOTE_MS:
            self._noted = now
            self._app.record(wire.NOTE, wire.NOTE_ECG, self.lost + self.flash.dropped + 1)

    # --- erasing -------------------------------------------------------------------------------
    def _erase_in_time(self):
        """Erases a block ahead where that costs no sample, or seldom."""
        flash = self.flash
        sampler = self._app.acquisition.sampler
        still = sampler is None or not sampler.running
        seen = not still and self._app.acquisition.watching
        enough = flash.blocks - 1 if self._stalls and not seen else self._spare
        if flash.erased >= enough:
            return False
        # What no host has goes only when something new needs its place.
        if flash.unfetched_next() and (self._stalls or not self._keeping):
            return False
        if self._stalls and not still:
            now = time.ticks_ms()
            every = _ERASE_EVERY_MS if seen else _UNSEEN_EVERY_MS
            if time.ticks_diff(now, self._erased_at) < every or not self._app.steady(now):
                return False
            self._erased_at = now
        flash.erase_next()
        return True
