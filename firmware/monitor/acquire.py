"""From the front end to decided beats: sampler, detector and signal state, told to the app.

    acquisition = Acquisition(board, settings, app)
    acquisition.step()        # True when a block was taken
    acquisition.watch()       # a few times a second

The app has on_gap, on_signal, on_beat and on_fault. Without a working front end there are no
samples but the monitor runs: `fault` holds the reason, and it is tried again every second.
"""

import time

from . import settings as _settings
from .afe.driver import PoweredOff
from .detector.core import STRIDE, Detector
from .link import wire
from .sampler import Sampler

_RETRY_MS = 1000


class Acquisition:
    """`index`: of the next sample; `judging`: whether beats can be told from the signal."""

    def __init__(self, board, settings, app):
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
        self._channel = 0
        self._tried = time.ticks_ms()
        self._start()

    def _start(self):
        """Powers the front end up and starts converting; sets `fault` when that fails."""
        try:
            afe = PoweredOff(self._board).power_up()
            afe.configure(rate=self.rate, gain=self._settings.get(_settings.GAIN))
            sampler = Sampler(afe, self._board)
            self.channels = afe.channels
            self._channel = min(self._settings.get(_settings.CHANNEL), afe.channels - 1)
            nv = afe.nv_per_code(self._channel)
            self.pv_per_code = int(nv * 1000 + 0.5)
            self.part_id = getattr(afe.part, "id", 0) & 255
            self.detector = Detector(self.rate, nv)
            sampler.run()
        except OSError as error:
            self.fault = getattr(error, "code", 0) or 255
            return
        self.sampler = sampler
        self.fault = 0

    @property
    def index(self):
        return self.sampler.index if self.sampler is not None else 0

    @property
    def overruns(self):
        return self.sampler.overruns if self.sampler is not None else 0

    def step(self):
        """Takes one block of samples through the detector; False when there was none."""
        sampler = self.sampler
        if sampler is None:
            return False
        n = sampler.take()
        if not n:
            return False
        detector, app = self.detector, self._app
        if sampler.gap:
            detector.gap(sampler.gap)
            app.on_gap((sampler.start - sampler.gap) & 0xFFFFFFFF, sampler.gap, sampler.gap_reason)
        found = detector.process(sampler.channels[self._channel], n)
        events = detector.events
        end = sampler.index
        at = 0
        for _ in range(found):
            app.on_beat(
                (end - events[at]) & 0xFFFFFFFF,
                events[at + 1],
                events[at + 2],
                events[at + 3],
                events[at + 4],
            )
            at += STRIDE
        if detector.judging != self.judging:
            self._judged(detector)
        return True

    def _judged(self, detector):
        self.judging = detector.judging
        self.state = wire.SIGNAL_GOOD if self.judging else wire.SIGNAL_SETTLING
        self._app.on_signal(self.index, self.state, 0, self.off, 0)

    def watch(self):
        """Notices a front end that stopped or never started; both are tried again."""
        if self.sampler is not None:
            code = self.sampler.watch()
            if code:
                self.fault = code
                self._app.on_fault(code)
            elif self.fault and self.sampler.running:
                self.fault = 0
            return
        now = time.ticks_ms()
        if time.ticks_diff(now, self._tried) >= _RETRY_MS:
            self._tried = now
            self._start()

    def instant(self):
        """(index of the newest sample, microseconds since its conversion)."""
        if self.sampler is None:
            return 0, 0
        return self.sampler.newest()
