"""Frames from the front end into blocks of samples, with an index that counts what was lost.

    sampler = Sampler(afe, board)
    sampler.run()
    while True:
        n = sampler.take()
        if n:
            if sampler.gap: ...                     # samples lost just before this block
            detector.process(sampler.channels[0], n)
        sampler.watch()                             # a few times a second

DRDY's interrupt reads the frame and stores it in a ring made beforehand (`sampler_core`). A sample
that was missed has its place in `index`: it is the monitor's clock. There is no FIFO in these
parts: a frame not read before the next DRDY is gone, so the clock, not the frame, tells of it.

Overruns: `lost` counts all lost samples since the start, `gaps` the places, and `last_gap` holds
[index, samples, reason] of the newest; each gap is also reported once, with its block.
"""

import time
from array import array

from machine import Pin
from micropython import const
from monitor import sampler_core as core
from monitor.afe import errors
from monitor.sampler_watch import Watch

BLOCK = const(64)
_STALL_MS = const(300)  # no DRDY for so long (and 8 periods): the part has stopped


class Sampler(Watch):
    """Owns the ring; `afe` is configured. The ring holds `seconds`, 128 frames at least; what came
    since the last audit waits there, so 0.4 s are the least that loses nothing.

    `rate`: frames a second, as the front end converts."""

    def __init__(self, afe, board, seconds=1):
        self.afe = afe
        self.board = board
        part = afe.part
        self.rate = getattr(afe, "conversion_rate", afe.rate)
        n = part.slots
        capacity = max(2 * BLOCK, int(self.rate * seconds)) + 1 if seconds else 2
        self._ring = array("i", bytes(4 * capacity * (n + 2)))
        self._state = array("i", bytes(4 * core.STATES))
        self.channels = tuple(array("i", bytes(4 * BLOCK)) for _ in range(part.channels))
        self.status = array("i", bytes(4 * BLOCK))
        self._tx = bytes(part.frame_bytes)  # DIN stays low while a frame is read
        self._rx = bytearray(part.frame_bytes)
        self.start = 0  # index of the first sample of the block
        self.index = 0  # index of the next sample to be taken
        self.gap = 0
        self.gap_reason = 0
        self.lost = 0
        self.gaps = 0
        self.last_gap = array("i", (0, 0, 0))
        self.faults = 0
        self.last_fault = 0
        self.last_fault_text = ""
        self.running = False
        self._recovering = False
        self.paused = 0  # or the reason
        state = self._state
        state[core.CAPACITY] = capacity
        state[core.CHANNELS] = n
        state[core.SAMPLE_BYTES] = part.sample_bytes
        state[core.STATUS_BYTES] = part.status_bytes
        state[core.SYNC_MASK] = part.sync_mask
        state[core.SYNC] = part.sync
        self._period_us = 0
        self._stall_ms = 0
        self._spi = None
        self._drdy = afe.bus.drdy
        self._hold = False
        self._on_drdy_bound = self._on_drdy  # made once: binding a method allocates
        self._last_frames = 0
        self._moved_ms = 0
        self._audit_ms = 0
        self._audit_us = 500
        self._changed = None  # register that was found different
        self._tune_ms = 0
        self._down_ms = 0
        self._tuned = False
        self._tune_last = 0
        self._tune_place = 0
        self._tune_missed = 0

    # --- starting and stopping

    def run(self):
        """Starts conversions and the interrupt; AfeError when DRDY does not come."""
        rate = self.rate
        state = self._state
        self._period_us = 1000000 // rate
        self._stall_ms = max(_STALL_MS, 8000 // rate + 1)
        if not state[core.PERIOD]:
            state[core.PERIOD] = 16000000 // rate
            state[core.FOLLOW] = state[core.PERIOD] >> 5
        state[core.STARTED] = 0
        state[core.BAD_RUN] = 0
        state[core.EARLY_RUN] = 0
        state[core.EARLY] = 0
        self._rx[0] = 0
        afe = self.afe
        drdy = afe.bus.drdy
        drdy.irq(handler=None)
        afe.start()
        self._spi = afe.bus.spi
        self._hold = False
        self.running = True
        if getattr(self.board, "HARD_IRQ", False):
            drdy.irq(self._on_drdy_bound, Pin.IRQ_FALLING, hard=True)
        else:
            drdy.irq(self._on_drdy_bound, Pin.IRQ_FALLING)
        frames = state[core.FRAMES] + state[core.BAD]
        limit = afe.settling_ms() + 20 + 4000 // rate
        begun = time.ticks_ms()
        while state[core.FRAMES] + state[core.BAD] == frames:
            if time.ticks_diff(time.ticks_ms(), begun) > limit:
                self.halt()
                raise errors.no_drdy(limit)
            time.sleep_ms(1)
        now = time.ticks_ms()
        self._last_frames = state[core.FRAMES]
        self._moved_ms = now
        self._audit_ms = now
        self._tune_ms = now
        self._tuned = False

    def halt(self):
        """Stops the interrupt, then the conversions. What is in the ring can still be taken."""
        afe = self.afe
        self._silence()
        self.running = False
        converting = afe.running
        afe.stop()
        if converting and self._changed is None and afe.audit() is None:
            self._state[core.VOUCHED] = self._state[core.HEAD]
        else:
            self._drop()

    def _on_drdy(self, pin):
        # Hard interrupt: nothing here may allocate. (`_verify` calls it, too, without a pin.)
        if self._drdy() or (self._hold and pin is not None):
            return  # (a second edge before the first was read: that read took the newer frame)
        self._spi.write_readinto(self._tx, self._rx)
        if not self._drdy():
            # The next conversion is there already: it replaced the bits while they were read.
            self._rx[0] = core.TORN
        core.store(self._rx, self._ring, self._state, time.ticks_us())

    # --- taking

    def take(self):
        """-> number of frames copied (0: none yet). Never spans a gap; the gap is told with it.

        Only frames that were vouched for (see `sampler_watch`)."""
        # (Each pass of the loop comes here: a frame on the heap would cost 0.6 ms, see `afe.bus`.)
        if self.running:
            self.verify(time.ticks_ms())
        n = core.run_length(self._ring, self._state, BLOCK)
        if n:
            self._copy(n)
        return n

    def _copy(self, n):
        state = self._state
        ring = self._ring
        tail = state[core.TAIL]
        gap = ring[tail * (state[core.CHANNELS] + 2)]
        self.gap = lost = gap & core.LOST_MASK
        self.gap_reason = gap >> 26
        if lost:
            self._tell_gap(lost)
        self.start = (self.index + lost) & 0xFFFFFFFF
        self.index = (self.start + n) & 0xFFFFFFFF
        core.column(ring, state, self.status, n << 8 | 1)
        what = n << 8 | 2
        for channel in self.channels:
            core.column(ring, state, channel, what)
            what += 1
        tail += n
        capacity = state[core.CAPACITY]
        state[core.TAIL] = tail - capacity if tail >= capacity else tail

    def _tell_gap(self, lost):
        self.lost += lost
        self.gaps += 1
        place = self.last_gap
        place[0] = self.index & 0x3FFFFFFF
        place[1] = lost
        place[2] = self.gap_reason

    def newest(self):
        """(index of the newest sample, microseconds since it was read): what time is it?"""
        state = self._state
        while True:
            last = state[core.LAST]
            place = state[core.PLACE]
            ticks = time.ticks_us()
            if last == state[core.LAST]:  # no interrupt came between
                break
        # `index` may be behind by what is still in the ring, never by more than 2^27.
        ahead = (place - 1 - self.index) & 0xFFFFFFF
        index = self.index + ahead if ahead < 0x8000000 else self.index - 1
        return index & 0xFFFFFFFF, (ticks - last) & 0xFFFFFF

    @property
    def overruns(self):
        """Samples that nobody read or had room for (bit errors and restarts are not overruns)."""
        return self._state[core.MISSED] + self._state[core.FULL]

    @property
    def bad_frames(self):
        return self._state[core.BAD]
