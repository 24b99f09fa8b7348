"""What looks after a running sampler: registers that changed, a DRDY that stopped, recovery.

`Watch` is the half of `sampler.Sampler` that is never in a hurry: the main loop calls `watch` a
few times a second, and `take` has the registers verified.

Samples are vouched for before anyone gets them: `take` hands out what came before the last
comparison of all registers that found them as written, some four a second between two frames.
What a front end delivered after it lost its settings (a dip of its supply, ESD) is therefore never
taken for an ECG at another scale: it is dropped, and the gap reaches back to the last sample that
is known to be good. It costs 0.27 s of latency at most (0.12 on the mean, on an emulated RP2040),
and no sample: nothing is allocated while an audit holds the interrupt off, or the collection that
may bring about would take 10 ms there (five samples at 500/s).
"""

import time

from micropython import const
from monitor import sampler_core as core
from monitor.afe import errors

AUDIT_MS = const(200)
_PATIENCE_MS = const(60)  # an audit that found no good moment for so long waits for one
_RETRY_MS = const(500)  # a part that is gone is tried again this often
_BAD_RUN = const(8)  # frames out of sync in a row: more than bit errors
_EARLY = const(16)  # extra DRDYs between two looks
_TUNE_MS = const(400)
FASTEST_US = const(990)  # between faster frames there is no time to read registers


class Watch:
    """`faults` counts those noticed; `last_fault` is the newest one's code, with its text."""

    def pause(self, reason=core.PAUSED):
        """Stops converting until `resume`; the time between is a gap with this reason."""
        if self.paused:
            return
        self.paused = reason
        self._recovering = False
        self._down_ms = self._last_ms()
        try:
            self.halt()
        except OSError as error:  # a part that is gone converts nothing either
            self.last_fault_text = str(error)

    def resume(self):
        """Converts again; a part that does not answer is recovered by `watch`."""
        if not self.paused:
            return
        self._lose(self.afe.settling_ms(), self.paused)
        self.paused = 0
        try:
            self.run()
        except OSError as error:
            self._recovering = True
            self._audit_ms = time.ticks_ms()
            self.last_fault = getattr(error, "code", errors.NO_DRDY)
            self.last_fault_text = str(error)

    def watch(self):
        """Call it a few times a second. 0, or the code of a fault noticed now (already acted on).

        Every fault is followed by a recovery: power down and up, the same configuration, verified.
        While that fails it is tried again, and each failure is told. The gap is marked.
        """
        now = time.ticks_ms()
        if self.paused:
            self._lose(0, self.paused)
            return 0
        if self._recovering:
            if time.ticks_diff(now, self._audit_ms) < _RETRY_MS:
                return 0
            return self._recover(self.last_fault)
        if not self.running:
            return 0
        self._look(now)
        state = self._state
        if state[core.BAD_RUN] >= _BAD_RUN:
            return self._fault(errors.OUT_OF_SYNC, "frames no longer begin with 1100")
        early = state[core.EARLY]
        state[core.EARLY] = 0
        if early >= _EARLY:
            return self._fault(
                errors.WRONG_RATE, "DRDY comes too often: the front end has reset itself"
            )
        if time.ticks_diff(now, self._moved_ms) > self._stall_ms:
            return self._fault(errors.NO_DRDY, "DRDY has stopped")
        if self._changed is not None:
            changed = self._changed
            self._changed = None
            return self._fault(errors.CHANGED, "register %s changed by itself" % changed.name)
        if time.ticks_diff(now, self._tune_ms) > _TUNE_MS:
            self._tune_ms = now
            self._tune()
        self.verify(now)
        return 0

    # Hooks: what an interrupt and what PIO and DMA do differently.

    def _look(self, now):
        """Notes whether frames still come."""
        frames = self._state[core.FRAMES]
        if frames != self._last_frames:
            self._last_frames = frames
            self._moved_ms = now

    def _last_ms(self):
        """When the last frame came: less than 16 s ago."""
        since = (time.ticks_us() - self._state[core.LAST]) & 0xFFFFFF
        return time.ticks_add(time.ticks_ms(), -(since // 1000))

    def _silence(self):
        """No more frames are read, whatever the part does."""
        self.afe.bus.drdy.irq(handler=None)
        self._hold = True

    def _count_lost(self, lost, reason):
        state = self._state
        lost = min(lost, core.LOST_MASK - state[core.PENDING])
        state[core.PENDING] += lost
        state[core.PLACE] = (state[core.PLACE] + lost) & 0xFFFFFFF
        state[core.REASON] = reason

    def _tune(self):
        """Learns the converter's period by the processor's clock, to tell missed samples."""
        state = self._state
        last = state[core.LAST]
        place = state[core.PLACE]
        if last != state[core.LAST]:
            return  # an interrupt came between: next time
        missed = state[core.MISSED]
        n = (place - self._tune_place) & 0xFFFFFFF
        us = (last - self._tune_last) & 0xFFFFFF
        if self._tuned and missed == self._tune_missed and 50 <= n <= 4000000 // self._period_us:
            period = (us << 4) // n
            nominal = 16000000 // self.rate
            if abs(period - nominal) <= nominal // 25:
                known = abs(period - state[core.PERIOD]) < nominal >> 9
                state[core.PERIOD] = (state[core.PERIOD] + period) // 2 if known else period
                state[core.FOLLOW] = period >> 8 if known else period >> 5
        self._tuned = True
        self._tune_last = last
        self._tune_place = place
        self._tune_missed = missed

    def rate_ppm(self):
        """How far the converter's clock is off the processor's, in ppm (+: fast)."""
        nominal = 16000000 // self.rate
        return (nominal - self._state[core.PERIOD]) * 1000000 // nominal

    def verify(self, now, at_once=False):
        """Compares all registers when that is due; what came before is vouched for if they are as
        they were written. Up to 1000 samples/s no sample is lost for it."""
        state = self._state
        if self._period_us < FASTEST_US:
            state[core.VOUCHED] = state[core.HEAD]
            return
        if not self.running or self._changed is not None:
            return
        late = time.ticks_diff(now, self._audit_ms) - AUDIT_MS
        if late >= 0 or at_once:
            self._verify(now, late < _PATIENCE_MS and not at_once)

    def _verify(self, now, patient):
        state = self._state
        # Best just after a frame was read: the next one may be nearer than a period, for an
        # interrupt without priority can be late by a good part of one.
        since = (time.ticks_us() - state[core.LAST]) & 0xFFFFFF
        if since + self._audit_us > self._period_us >> 1:
            if patient:
                return
            last = state[core.LAST]
            begun = time.ticks_ms()
            while state[core.LAST] == last:
                if time.ticks_diff(time.ticks_ms(), begun) > 2 + self._period_us // 500:
                    return  # (DRDY has stopped: that is noticed elsewhere)
                time.sleep_us(20)
        head = state[core.HEAD]
        begun = time.ticks_us()
        self._audit()
        self._audit_us = time.ticks_diff(time.ticks_us(), begun) * 5 // 4
        self._audit_ms = now
        if self._changed is None:
            state[core.VOUCHED] = head

    def _audit(self):
        """Has the registers compared while no frame is read. Nothing in here may allocate."""
        self._hold = True
        try:
            self._changed = self.afe.audit_running()
        finally:
            self._hold = False
        if not self._drdy():
            # It fell after RDATAC, whose clocks raised it: this frame's edge was not heard, and
            # none may be heard amid it.
            self._hold = True
            self._on_drdy(None)
            self._hold = False

    def _drop(self):
        """Nobody vouches for what is in the ring beyond the last audit: it becomes a gap. Only
        while the interrupt is off."""
        state = self._state
        ring = self._ring
        at = state[core.VOUCHED]
        lost = 0
        while at != state[core.HEAD]:
            lost += 1 + (ring[at * (state[core.CHANNELS] + 2)] & core.LOST_MASK)
            at += 1
            if at == state[core.CAPACITY]:
                at = 0
        state[core.HEAD] = state[core.VOUCHED]
        if lost:
            state[core.PENDING] = min(core.LOST_MASK, state[core.PENDING] + lost)
            state[core.REASON] = core.RESTARTED

    def _fault(self, code, text):
        self.faults += 1
        self.last_fault = code
        self.last_fault_text = text
        self._down_ms = self._last_ms()
        return self._recover(code)

    def _recover(self, code):
        """The part is restarted; lost time goes into the index as lost samples."""
        afe = self.afe
        self._silence()
        self.running = False
        self._changed = None
        self._drop()
        try:
            afe.recover()
            self._lose(afe.settling_ms())  # before the first frame: the gap belongs in front of it
            self.run()
            self._recovering = False
        except OSError as error:
            self._recovering = True
            self._audit_ms = time.ticks_ms()
            self.last_fault_text = str(error)
            self._lose(0)
        return code

    def _lose(self, ahead_ms, reason=core.RESTARTED):
        """Counts the samples from `_down_ms` to `ahead_ms` from now as lost, and moves it on."""
        rate = self.rate
        until = time.ticks_add(time.ticks_ms(), ahead_ms)
        lost = time.ticks_diff(until, self._down_ms) * rate // 1000
        if lost > 0:
            self._down_ms = time.ticks_add(self._down_ms, lost * 1000 // rate)
            self._count_lost(lost, reason)
