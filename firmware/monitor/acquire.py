"""From the front end to decided beats: sampler, detector and signal state, told to the app.

    acquisition = Acquisition(board, settings, app)
    acquisition.step()        # True when a block was taken
    acquisition.watch()       # a few times a second

The app has on_gap, on_signal, on_beat, on_channel and on_fault. Without a working front end there
are no samples but the monitor runs: `fault` holds the reason, and it is tried again every second.
"""

import time

from . import frontends
from . import sampler_core as core
from . import settings as _settings
from .afe import errors
from .detector.core import FOUND_BY_SEARCH_BACK, LEARNING, STRIDE, Detector
from .leadchoice import LeadChoice
from .link import wire
from .quality import NO_HEART, Quality
from .rhythm import Rhythm
from .samplers import for_board

SAFE = 254  # `fault` of a front end that is held off
_RETRY_MS = 1000
_FAULT_MS = 3600000
_NO_BEATS = (wire.SIGNAL_LEAD_OFF, wire.SIGNAL_SATURATED, wire.SIGNAL_FLAT, wire.SIGNAL_FAULT)
# A pause during which the baseline went further than this is doubtful: an electrode that came
# loose looks the same as a heart that stood still. Of 131 pauses of the MIT-BIH records (first
# channel) that the reference shares, 129 stay below (597 uV at most); of six that were missed
# beats, five do not (1587 uV at least).
_PAUSE_TRAVEL_UV = 700
_SURE = (wire.SIGNAL_GOOD, wire.SIGNAL_NOISY)
# Two leads show the same beat up to so far apart; two beats are never that close (the shortest
# refractory period, and less than the detector's own).
_SAME_BEAT_MS = 200
# A beat is told some 200 ms after its peak; the next one is not begun so soon after that.
_BEAT_OVER, _NEXT_BEAT, _NO_BEAT = 19, 50, 250  # in 8 ms
_SEEN_S = 3  # after a beat another may come, whatever the signal looks like


class Acquisition:
    """`index`: of the next sample; `judging`: whether a heart rate can be told from the signal;
    `state`, `reason`: of the channel that the detector reads; `off`: electrodes, one bit each;
    `blocks`: how many the detector has taken; `tries`: how often a front end that delivers nothing
    was started anew; `allowed`: whether there may be samples at all.
    `held`: safe mode, the front end is put into power-down and stays there."""

    def __init__(self, board, settings, app, held=False):
        self._board = board
        self._app = app
        self._settings = settings
        self.rate = settings.get(_settings.RATE)
        self.pv_per_code = 0
        self.part_id = 0
        self.channels = 0
        self.fault = 0
        self.judging = False
        self.state = wire.SIGNAL_UNKNOWN
        self.reason = 0
        self.off = 0
        self.sampler = None
        self.detector = None
        self.rhythm = None
        self.quality = None
        self.choice = None  # which channel the detector reads
        self._widen = None  # for a part of 16 bits, whose codes the detector sees
        self._larger = 1  # so many times as large
        self._channel = 0
        self._travel = 0  # of the baseline, at the last beat
        self._beat_at = None  # sample index of the last beat
        self._seam = None  # the same, of the lead before, while this one has shown none
        self._wrapped = False  # the sample index has been beyond 2^31
        self._told = []  # state and reason of each channel as last told
        self._lent = False
        self._tried = self._fault_at = time.ticks_ms()
        self.blocks = 0
        self.tries = 0
        self.allowed = True
        self._held = held
        if held:
            self.fault = SAFE
            frontends.power_down(board)
        else:
            self._start()

    def _start(self):
        """Powers the front end up and starts converting; sets `fault` when that fails, and then
        leaves it in power-down."""
        afe = None
        try:
            afe = frontends.power_up(self._board)
            self._configure(afe)
            sampler = for_board(afe, self._board)
            self.channels = afe.channels
            wanted = self._settings.get(_settings.CHANNEL)
            self.choice = LeadChoice(afe.channels, wanted, self.rate)
            self._channel = self.choice.channel
            nv = afe.nv_per_code(self._channel)
            self.pv_per_code = int(nv * 1000 + 0.5)
            self.part_id = getattr(afe.part, "id", 0) & 255
            if afe.part.bits == 16:
                from .widen import Widen

                self._widen = Widen()
                self._larger = self._widen.factor
            self.detector = Detector(self.rate, nv / self._larger)
            self.rhythm = Rhythm(self.rate)
            self.quality = Quality(afe)
            self._travel = self.quality.travel(self._channel)
            self._told = [None] * afe.channels
            sampler.run()
        except (OSError, ValueError) as error:
            self.fault = getattr(error, "code", 0) or 255
            if isinstance(error, ValueError):
                self.fault = errors.UNSUITABLE
            try:
                if afe is not None:
                    afe.shut_down()
            except OSError:
                pass  # it does not answer: its pins hold it in power-down all the same
            return
        self.sampler = sampler
        self.fault = 0

    def _configure(self, afe):
        get = self._settings.get
        frontends.configure(afe, self.rate, get(_settings.GAIN), get(_settings.LEADS_BY_AC))
        problem = frontends.calibrate(afe, getattr(self._board, "ROOT", "/"))
        if problem:
            print("The calibration is not used:", problem)

    @property
    def index(self):
        return self.sampler.index if self.sampler is not None else 0

    @property
    def overruns(self):
        return self.sampler.overruns if self.sampler is not None else 0

    @property
    def wandered(self):
        """Whether the baseline has gone so far since the last beat that a pause is doubtful."""
        travel = self.quality.travel(self._channel)
        return (travel - self._travel) & 0xFFFFFFF > _PAUSE_TRAVEL_UV

    def step(self):
        """Takes one block of samples through the detector; False when there was none."""
        # (Mostly there is none: the frame of what follows would go on the heap, see `app.step`.)
        sampler = self.sampler
        n = sampler.take() if sampler is not None else 0
        if n:
            self._block(sampler, n)
        return n > 0

    def _block(self, sampler, n):
        detector, app = self.detector, self._app
        if sampler.gap:
            detector.gap(sampler.gap)
            self.rhythm.gap()
            app.on_gap((sampler.start - sampler.gap) & 0xFFFFFFFF, sampler.gap, sampler.gap_reason)
        if sampler.index >= 0x80000000:
            self._wrapped = True
        if app.ecg is not None:
            app.ecg.add(app.journal.boot, self._channel, sampler.start,
                        sampler.channels[self._channel], n)  # fmt: skip
        changed = self.quality.feed(sampler, n)
        if changed:
            self._signal()
        codes = sampler.channels[self._channel]
        if self._widen is not None:
            codes = self._widen.block(codes, n)
        found = detector.process(codes, n)
        self.rhythm.feed(codes, n)
        state = self.state
        if found and state not in _NO_BEATS:
            doubt = 0 if state == wire.SIGNAL_GOOD else wire.BEAT_DOUBTFUL
            self._beats(found, doubt)
        self.judging = detector.judging and state in _SURE
        if changed:
            self._choose()
        self.blocks = (self.blocks + 1) & 0xFFFFFF

    def _beats(self, found, doubt):
        """Tells the beats that were decided in the block just taken."""
        events = self.detector.events
        end = self.sampler.index
        for at in range(0, found * STRIDE, STRIDE):
            ago = events[at]
            if ago > end and not self._wrapped:
                continue  # before the first sample: the filters' beginning, no beat
            index = (end - ago) & 0xFFFFFFFF
            if self._seam is not None:
                if (index - self._seam) & 0xFFFFFFFF < _SAME_BEAT_MS * self.rate // 1000:
                    continue
                self._seam = None
            self._beat_at = index
            # HELD is the detector's own affair; its bit means "after a gap" in a record.
            flags = events[at + 4] & FOUND_BY_SEARCH_BACK | doubt | self.rhythm.beat(ago)
            if flags & wire.BEAT_PAUSE and self.wandered:
                flags |= wire.BEAT_DOUBTFUL
            self._travel = self.quality.travel(self._channel)
            self._app.on_beat(index, events[at + 1], events[at + 2], events[at + 3], flags)

    def _signal(self):
        """A state has changed: tells each channel's that has, and keeps the detector's own."""
        quality = self.quality
        self.off = quality.off
        for channel in range(self.channels):
            now = (quality.state[channel], quality.reason[channel], quality.off)
            if now != self._told[channel]:
                self._told[channel] = now
                self._app.on_signal(self.index, now[0], now[1], now[2], channel + 1)
        was = self.state
        if self.reason == NO_HEART and quality.reason[self._channel] != NO_HEART:
            self.detector.reset()  # what it learned from that is no patient's
        self.state = quality.state[self._channel]
        self.reason = quality.reason[self._channel]
        if self.state in _NO_BEATS and was not in _NO_BEATS:
            self.rhythm.gap()
            self._app.on_blind()

    @property
    def watching(self):
        """Whether beats are seen, if only amid noise, or are about to be: the detector has just
        begun to learn."""
        if self.judging or (self.state in _SURE and self.detector.reason == LEARNING):
            return True
        at = self._beat_at
        return at is not None and (self.index - at) & 0x3FFFFFFF < _SEEN_S * self.rate

    @property
    def channel(self):
        """The channel that the detector reads, from 1 on."""
        return self._channel + 1

    @property
    def scale(self):
        """Picovolts for a code of that channel."""
        if self.sampler is None:
            return self.pv_per_code
        return int(self.sampler.afe.nv_per_code(self._channel) * 1000 + 0.5)

    def _choose(self):
        """Reads another channel from the next sample on, when that is better."""
        choice, quality = self.choice, self.quality
        index = self.index
        calm = True
        if self._beat_at is not None:
            ago = (index - self._beat_at) & 0x3FFFFFFF
            unit = self.rate // 125  # 8 ms
            calm = _BEAT_OVER * unit < ago < _NEXT_BEAT * unit or ago > _NO_BEAT * unit
        if not choice.look(quality.state, index, calm):
            return
        before = self.channel
        to = self._channel = choice.channel
        self.detector.reset()
        self.detector.set_scale(self.sampler.afe.nv_per_code(to) / self._larger)
        self.rhythm.another_lead()
        self.judging = False
        self._seam = self._beat_at
        self._travel = quality.travel(to)
        self.state, self.reason = quality.state[to], quality.reason[to]
        self._app.on_channel(before, choice.reason)

    def watch(self):
        """Notices a front end that stopped or never started; both are tried again."""
        if self.sampler is not None:
            code = self.sampler.watch()
            if code:
                self.tries += 1
                self.judging = False
                self.quality.not_delivering()
                self._signal()
                self._tell_fault(code)
            elif self.fault and self.sampler.running:
                self.fault = 0
            self._choose()
            return
        now = time.ticks_ms()
        if self.allowed and not self._held and time.ticks_diff(now, self._tried) >= _RETRY_MS:
            self._tried = now
            self.tries += 1
            self._start()
            if self.fault:
                self._tell_fault(self.fault)
            else:
                self._app.on_front_end()

    def _tell_fault(self, code):
        """A fault that stays is told when it begins, when it changes, and once an hour."""
        now = time.ticks_ms()
        if code != self.fault or time.ticks_diff(now, self._fault_at) >= _FAULT_MS:
            self._fault_at = now
            self._app.on_fault(code)
        self.fault = code

    def allow(self, sampling):
        """Whether the front end may convert at all; while it may not, the gap is marked."""
        self.allowed = sampling
        self._pause_or_go(core.PAUSED)

    def lend(self):
        """The front end for a self-test; None when it must not convert, or there is none."""
        if self.sampler is None or self.fault or not self.allowed or self._lent:
            return None
        self._lent = True
        self._pause_or_go(core.TESTED)
        return self.sampler.afe

    def give_back(self):
        """The self-test is over: settings and samples as before."""
        self._lent = False
        try:
            self.sampler.afe.stop()
            self._configure(self.sampler.afe)
        except OSError as error:
            self._tell_fault(getattr(error, "code", 0) or 255)  # `resume` leaves it to `watch`
        self._pause_or_go(core.TESTED)

    def _pause_or_go(self, reason):
        if self.sampler is None:
            return
        if self.allowed and not self._lent:
            self.sampler.resume()
        else:
            self.sampler.pause(reason)
            self.judging = False
            self.quality.not_delivering()
            self._signal()

    def instant(self):
        """(index of the newest sample, microseconds since its conversion)."""
        if self.sampler is None:
            return 0, 0
        return self.sampler.newest()
