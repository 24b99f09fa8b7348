"""What happens at a peak of the energy, or when an alarm goes off: the order of the stages.

`Decision` is the half of the detector that knows beats; the other half, `core.Detector`, knows
samples. It is called a few times a second and allocates nothing.
"""

from micropython import const
from monitor.detector.judge import judge
from monitor.detector.learn import learn, shelve
from monitor.detector.locate import locate
from monitor.detector.measure import differ, glance, measure, shape
from monitor.detector.search import search, take

_STRIDE = const(6)
_FOUND_BY_SEARCH_BACK = const(1)
_HELD = const(2)
_LEARNING = const(1)

# Words and parameters, numbered as in the other modules.
_PEAK = const(1)
_AGE = const(2)
_TICK = const(32)
_ALARM = const(34)
_FOUND = const(35)
_FALLING = const(0xFF)
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
_BASE = const(4096)  # the tick that the first pair of samples is given: times are never negative


class Decision:
    """Decides about peaks of the energy; `core.Detector` makes the arrays that it works on."""

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
            self._tell(h, _HELD)
            learn(d, p, self._v, h, shape)

    def _search(self, now):
        d, p, h = self._d, self._p, self._h
        while d[_COUNT] and d[_BEATS] and not self._waiting:
            n = d[_COUNT]
            at = search(d, p, h, now)
            if at < 0:
                return
            self._tell(h, _FOUND_BY_SEARCH_BACK)
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
        self.reason = _LEARNING
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

    def _tell(self, c, flags):
        n = self._n
        if n == _ROOM + 2:
            return
        self._n = n + 1
        e = self.events
        at = n * _STRIDE
        e[at] = c[_R]
        e[at + 1] = c[_AMPLITUDE] * self._picovolts // 1000000
        e[at + 2] = c[_WIDTH] & 0xFF
        sure = 50 + c[_MARGIN] - 512
        if flags:
            sure >>= 1
        e[at + 3] = max(1, min(99, sure))
        e[at + 4] = flags
        e[at + 5] = c[_DISTANCE] | (c[_WIDTH] & 256)
