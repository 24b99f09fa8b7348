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
from monitor.detector.judge import judge
from monitor.detector.learn import learn, shelve
from monitor.detector.locate import locate
from monitor.detector.measure import differ, glance, measure, shape
from monitor.detector.parameters import defaults
from monitor.detector.rates import fold, unfold
from monitor.detector.scan import fill, scan
from monitor.detector.search import search, take

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

# Words of the scan's state.
_PEAK = const(1)
_AGE = const(2)
_TICK = const(32)
_EVENT = const(33)
_ALARM = const(34)
_FOUND = const(35)
_FALLING = const(0xFF)
# Words of a record.
_TIME = const(0)
_LEVEL = const(1)
_NARROW = const(2)
_R = const(4)
_DISTANCE = const(5)
_AMPLITUDE = const(6)
_WIDTH = const(7)
_FIRST_DISTANCE = const(8)
_SECOND_DISTANCE = const(9)
_MARGIN = const(10)
_NEXT_LEVEL = const(11)
_NEXT_NARROW = const(12)
# Words of the decision.
_BEAT_LEVEL = const(0)
_NOISE_LEVEL = const(1)
_UPPER_LEVEL = const(2)
_WARY = const(3)
_INTERVAL = const(4)
_INTERVALS = const(5)
_BEATS = const(6)
_COUNT = const(7)
_FIRST_COUNT = const(8)
_SECOND_COUNT = const(9)
_FADE = const(10)
_LAST_TIME = const(11)
_ASIDE = const(16)
_ROOM = const(9)
# Parameters.
_LIKE = const(10)
_SECOND = const(13)
_BACK_SINCE = const(22)
_FOLLOWER = const(18)
_WARY_BEATS = const(19)
_OVERDUE = const(20)
_START = const(32)
_START_GAP = const(33)
_FLOOR = const(34)
_LOST = const(37)

_NO = const(0)
_YES = const(1)
_WAIT = const(2)
_LATE = const(3)

_RAIL = const(8304000)  # 99 % of full scale
_BASE = const(4096)  # the tick that the first pair of samples is given: times are never negative
_REBASE = const(1 << 22)  # at this tick (9.3 hours) all times are moved back


class Detector:
    """Finds the beats of one ECG channel.

    `rate` is 125, 250, 500 or 1000 samples/s, `nv_per_code` the weight of a code in nanovolts,
    `parameters` an array in the order of `parameters.NAMES` (by default those shipped).
    `events` holds what the last `process` decided; `judging` and `reason` say whether the signal
    can be judged.
    """

    def __init__(self, rate, nv_per_code, parameters=None):
        if rate not in (125, 250, 500, 1000):
            raise ValueError("rate must be 125, 250, 500 or 1000 samples/s, not %s" % rate)
        self.rate = rate
        self._ratio = rate // 250
        self._picovolts = int(nv_per_code * 16000)
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

    def _look(self, event):
        """A peak of the energy (bit 0 of `event`), or the alarm clock (bit 1)."""
        s, p, d, c = self._s, self._p, self._d, self._c
        now = 2 * s[_TICK] + 1
        if self._started and d[_BEATS]:
            if now - 52 > d[_FADE]:
                self._fade(now)
            if now - 52 - d[_LAST_TIME] > p[_LOST] and not self._waiting:
                self._restart()
                self._back = True
        if not self._started:
            if event & 1:
                self._gather(now)
            elif d[_COUNT]:
                self._begin()
        elif event & 1:
            if s[_FOUND] >= self._floor:
                c[_LEVEL] = s[_FOUND]
                steepest = measure(s[_TICK] - 1, self._m, c)
                if self._waiting:
                    near = c[_TIME] - self._h[_TIME] < 60
                    self._release(near, c[_LEVEL], c[_NARROW], 0)
                self._compare(steepest)
                self._consider(c, 1)
        elif self._waiting and s[_ALARM] == s[_TICK] - 1:
            h = self._h
            glance(s[_TICK] - 1, self._m, h, 0 if s[_AGE] == _FALLING else s[_PEAK])
            self._release(True, h[_NEXT_LEVEL], h[_NEXT_NARROW], 1)
        if self._started:
            self._search(now)
        self._set_alarm(now)

    def _compare(self, steepest):
        """How far the shape of the record is from the templates."""
        d, c, v, p = self._d, self._c, self._v, self._p
        n = d[_FIRST_COUNT]
        first = second = 999
        like = p[_LIKE]
        far = like
        if c[_LEVEL] > d[_BEAT_LEVEL] - 96:
            shape(steepest, self._m, v)
            if n:
                first = differ(v, v, 25)
                if first > like and d[_SECOND_COUNT]:
                    second = differ(v, v, 37)
                if n > 1:
                    far = min(first, 99)
                    if first > like:
                        far = min(far, second + p[_SECOND])
        elif n > 1:
            far = 99
        c[_DISTANCE] = far
        c[_FIRST_DISTANCE] = first
        c[_SECOND_DISTANCE] = second

    def _consider(self, c, live):
        d, p = self._d, self._p
        verdict = judge(d, p, c, live)
        if live and (
            verdict == _YES
            or verdict == _WAIT
            or (
                verdict == _NO
                and c[_LEVEL] > d[_BEAT_LEVEL] - 80
                and c[_TIME] - d[_LAST_TIME] >= p[_BACK_SINCE]
            )
        ):
            locate(c[_TIME] - 1, self._m, c)
        if verdict == _YES:
            self._tell(c, 0)
            learn(d, p, self._v, c, live)
        elif verdict == _WAIT:
            h = self._h
            for i in range(11):
                h[i] = c[i]
            self._waiting = True
        elif verdict == _NO:
            shelve(d, p, c, 1)

    def _release(self, near, level, narrow, shape):
        """Decides the beat that was held, by what followed it."""
        d, p, h = self._d, self._p, self._h
        self._waiting = False
        if near and level - h[_LEVEL] + narrow - h[_NARROW] > p[_FOLLOWER]:
            d[_WARY] = p[_WARY_BEATS]
            shelve(d, p, h, 1)
        else:
            self._tell(h, HELD)
            learn(d, p, self._v, h, shape)

    def _search(self, now):
        d, p, h = self._d, self._p, self._h
        while d[_COUNT] and d[_BEATS] and not self._waiting:
            n = d[_COUNT]
            at = search(d, p, h, now)
            if at < 0:
                return
            self._tell(h, FOUND_BY_SEARCH_BACK)
            d[_COUNT] = 0  # those after it stay where they are, to be considered afresh
            learn(d, p, self._v, h, 0)
            self._again(at + 1, n)

    def _again(self, i, n):
        """Considers afresh, in their order, the records put aside from number `i` on."""
        d, h = self._d, self._h
        d[_COUNT] = 0
        while i < n:
            take(d, h, i)
            self._consider(h, 0)
            i += 1

    def _gather(self, now):
        """Before the levels are known: collects peaks for 1.6 s, then decides about them."""
        s, d, p, c = self._s, self._d, self._p, self._c
        if s[_FOUND] >= self._floor:
            c[_LEVEL] = s[_FOUND]
            measure(s[_TICK] - 1, self._m, c)
            locate(c[_TIME] - 1, self._m, c)
            c[_DISTANCE] = p[_LIKE]
            shelve(d, p, c, 0)
            if now >= self._begun + p[_START] + 51:
                self._begin()

    def _begin(self):
        """The levels: the largest peak, unless it stands far above the second."""
        d, p = self._d, self._p
        n = d[_COUNT]
        # A signal that comes back begins with a step: not a beat if nothing later comes near it.
        start = 0
        if self._back and n > 2:
            start = 1
            for i in range(1, n):
                if d[_ASIDE + _LEVEL] - d[_ASIDE + _LEVEL + 8 * i] <= p[_START_GAP]:
                    start = 0
        first = second = 0
        for i in range(start, n):
            level = d[_ASIDE + _LEVEL + 8 * i]
            if level > first:
                second = first
                first = level
            elif level > second:
                second = level
        if n - start > 1 and first - second > p[_START_GAP]:
            first = second + p[_START_GAP]
        d[_BEAT_LEVEL] = d[_UPPER_LEVEL] = first
        d[_NOISE_LEVEL] = first - 128
        self._started = True
        self._again(start, n)

    def _restart(self):
        d = self._d
        now = 2 * self._s[_TICK] + 1
        self._started = False
        self._waiting = False
        self._begun = now - 51 if self._s[_TICK] > _BASE else 2 * _BASE
        for i in (_BEATS, _COUNT, _FIRST_COUNT, _SECOND_COUNT, _INTERVALS, _WARY):
            d[i] = 0
        d[_INTERVAL] = 200
        d[_LAST_TIME] = max(0, now - 5000)
        self._s[_ALARM] = (self._begun + self._p[_START] + 48) >> 1
        self.judging = False
        self.reason = LEARNING
        self._railed = 0

    def _fade(self, now):
        """No beat for long: the levels fall by an octave in four seconds."""
        d, floor = self._d, self._p[_FLOOR]
        k = (now - 52 - d[_FADE]) >> 5
        d[_FADE] += k << 5
        d[_BEAT_LEVEL] = max(floor, d[_BEAT_LEVEL] - k)
        d[_UPPER_LEVEL] = max(d[_BEAT_LEVEL], d[_UPPER_LEVEL] - k)

    def _set_alarm(self, now):
        s, d, p = self._s, self._d, self._p
        alarm = 0
        if not self._started:
            alarm = (self._begun + p[_START] + 48) >> 1
        elif self._waiting:
            alarm = ((self._h[_TIME] - 1) >> 1) + 42
        elif d[_COUNT] and d[_BEATS]:
            alarm = d[_LAST_TIME] + 52 + ((p[_OVERDUE] * d[_INTERVAL] + 63) >> 6)
            alarm = (alarm >> 1) - 1
        s[_ALARM] = alarm

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

    def _tell(self, c, flags):
        n = self._n
        if n == _ROOM + 2:
            return
        self._n = n + 1
        e = self.events
        at = n * STRIDE
        e[at] = c[_R]
        e[at + 1] = c[_AMPLITUDE] * self._picovolts // 1000000
        e[at + 2] = c[_WIDTH] & 0xFF
        sure = 50 + c[_MARGIN] - 512
        if flags:
            sure >>= 1
        e[at + 3] = max(1, min(99, sure))
        e[at + 4] = flags
        e[at + 5] = c[_DISTANCE] | (c[_WIDTH] & 256)

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
