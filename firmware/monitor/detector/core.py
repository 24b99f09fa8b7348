"""Finds R peaks: blocks of samples in, beats out.

    detector = Detector(250, 48.08)          # samples a second, nanovolts per code
    n = detector.process(block, count)       # block: array('i') of ADC codes
    for at in range(0, n * STRIDE, STRIDE):
        ago, amplitude_uv, width_ms, confidence, flags, shape = detector.events[at : at + STRIDE]

The README in this folder explains the algorithm. This file only calls, in their order, the
stages that are compiled to machine code: `scan` for every block, the others for the few peaks
of the energy that it stops at. Nothing here allocates once the detector is made.
"""

from array import array

from micropython import const
from monitor.detector.decision import Decision
from monitor.detector.parameters import defaults
from monitor.detector.rates import fold, unfold
from monitor.detector.scan import fill, scan

STRIDE = const(6)
"""Words of an event: `ago` (samples between the R peak and the end of the block), amplitude in
microvolts, QRS width in ms, confidence 0..100, flags, and shape: the distance from the nearest
template of the running beats (0..99; a beat like the last ones has less than 26), plus 256 when
the R peak points down."""
FOUND_BY_SEARCH_BACK = const(1)
HELD = const(2)
"""Flags: found when the next beat was overdue; decided only after what followed had been seen."""

GOOD = const(0)
LEARNING = const(1)
NO_SIGNAL = const(2)
NOISE = const(3)
"""`reason`: why `judging` is False."""

# Words and parameters, numbered as in the other modules.
_TICK = const(32)
_EVENT = const(33)
_ALARM = const(34)
_TIME = const(0)
_R = const(4)
_BEAT_LEVEL = const(0)
_NOISE_LEVEL = const(1)
_INTERVAL = const(4)
_BEATS = const(6)
_COUNT = const(7)
_FADE = const(10)
_LAST_TIME = const(11)
_ASIDE = const(16)
_ROOM = const(9)
_START = const(32)
_FLOOR = const(34)
_LOST = const(37)
_RAIL = const(8304000)  # 99 % of full scale
_BASE = const(4096)  # the tick that the first pair of samples is given: times are never negative
_REBASE = const(1 << 22)  # at this tick (9.3 hours) all times are moved back


class Detector(Decision):
    """Finds the beats of one ECG channel.

    `rate` is 125, 250, 500 or 1000 samples/s, `nv_per_code` the weight of a code in nanovolts,
    `parameters` an array in the order of `parameters.SHIPPED` (which is the default).
    `events` holds what the last `process` decided; `judging` and `reason` say whether the signal
    can be judged.
    """

    def __init__(self, rate, nv_per_code, parameters=None):
        if rate not in (125, 250, 500, 1000):
            raise ValueError("rate must be 125, 250, 500 or 1000 samples/s, not %s" % rate)
        self.rate = rate
        self._ratio = rate // 250
        self.set_scale(nv_per_code)
        self.events = array("i", [0] * (STRIDE * (_ROOM + 2)))
        self._p = parameters or defaults()
        floor = self._p[_FLOOR]
        self._floor = (32 + (floor & 31)) << (floor >> 5) >> 5
        self._s = array("i", [0] * 36)
        self._m = array("i", [0] * 256)
        self._d = array("i", [0] * 88)
        self._c = array("i", [0] * 13)
        self._h = array("i", [0] * 13)
        self._v = bytearray(52)
        self._x = array("i", [0] * 16) if rate != 250 else None
        self._y = array("i", [0] * 4)
        self._pair = array("i", [0] * 2)
        self._n = 0
        self.reset()

    def set_scale(self, nv_per_code):
        """What a code is worth from here on, nanovolts."""
        self._picovolts = int(nv_per_code * 16000)

    def reset(self):
        """Forgets everything, as after power-on."""
        self._s[_TICK] = _BASE
        self._odd = 0
        self._d[_INTERVAL] = 200
        self._restart()
        self._back = False
        self._filled = False

    def gap(self, lost):
        """Tells that `lost` samples are missing before the next block.

        Short ones keep what is known of the beats; no interval is measured over them.
        """
        s, d = self._s, self._d
        self._filled = False
        if lost > 10 * self.rate or not self._started or not d[_BEATS]:
            self.reset()
            return
        self._odd = 0
        self._waiting = False
        d[_COUNT] = 0
        d[_LAST_TIME] = 2 * s[_TICK] - 100
        d[_FADE] = 2 * s[_TICK] + 1000
        s[_ALARM] = 0

    def process(self, block, count):
        """Reads `count` codes of `block`; returns the number of beats now in `events`."""
        if count < 1:
            return 0
        s = self._s
        self._n = 0
        if not self._filled:
            self._filled = True
            fill(s, self._m, block[0])
            self._first = 2 * s[_TICK]
            self._y[0] = self._y[1] = 0
            self._y[2] = block[0]
        if s[_TICK] >= _REBASE:
            self._rebase()
        left = 0
        if self._ratio == 1:
            self._feed(block, count)
        else:
            x, y = self._x, self._y
            at = 0
            while at < count:
                if self._ratio:
                    at = fold(block, at | count << 16, x, y, self._ratio)
                else:
                    at = unfold(block, at | count << 16, x, y)
                if y[3]:  # (a mean may still want samples)
                    self._feed(x, y[3])
            left = y[0]
        self._judge_signal(block[count - 1], count)
        # Absolute samples at 250 a second become samples ago at the signal's own rate.
        end = 2 * s[_TICK] + self._odd
        events = self.events
        for at in range(0, self._n * STRIDE, STRIDE):
            ago = end - max(events[at], self._first)
            if self._ratio == 0:
                ago = (ago + 1) >> 1
            else:
                ago = ago * self._ratio + left - (self._ratio >> 1)
            events[at] = ago
        return self._n

    def _feed(self, block, count):
        """Scans `count` samples; an odd one waits for its partner."""
        pair = self._pair
        i = 0
        if self._odd:
            pair[1] = block[0]
            self._scan(pair, 0, 2)
            i = 1
        self._odd = (count - i) & 1
        if self._odd:
            count -= 1
            pair[0] = block[count]
        self._scan(block, i, count)

    def _scan(self, block, i, count):
        s = self._s
        while i < count:
            i = scan(s, self._m, block, i | count << 16)
            if s[_EVENT]:
                self._look(s[_EVENT])

    def _judge_signal(self, code, count):
        """Sets `judging` and `reason` after a block that ended with `code`."""
        d, p = self._d, self._p
        now = 2 * self._s[_TICK]
        self._railed = self._railed + count if abs(code) > _RAIL else 0
        if self._railed > self.rate >> 1:
            reason = NO_SIGNAL
        elif not self._started:
            reason = LEARNING if now - self._begun < p[_START] + 100 else NO_SIGNAL
        elif not d[_BEATS] or now - d[_LAST_TIME] > p[_LOST]:
            reason = NO_SIGNAL
        else:
            reason = GOOD
            gap = d[_BEAT_LEVEL] - d[_NOISE_LEVEL]
            if gap < 16 or (gap < 32 and self.reason == NOISE):
                reason = NOISE
        self.reason = reason
        self.judging = reason == GOOD

    def _rebase(self):
        """Moves all times back, so that they never outgrow a word."""
        s, d = self._s, self._d
        ticks = s[_TICK] - _BASE
        ticks -= ticks & 63  # the rings keep their places
        s[_TICK] -= ticks
        s[_ALARM] = max(0, s[_ALARM] - ticks)
        samples = 2 * ticks
        self._first = max(0, self._first - samples)
        self._begun = max(0, self._begun - samples)
        d[_LAST_TIME] = max(0, d[_LAST_TIME] - samples)
        d[_FADE] = max(0, d[_FADE] - samples)
        for i in (_TIME, _R):
            self._h[i] = max(0, self._h[i] - samples)
            for j in range(d[_COUNT]):
                d[_ASIDE + 8 * j + i] = max(0, d[_ASIDE + 8 * j + i] - samples)
