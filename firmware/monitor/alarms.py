"""Alarms: fast, slow, pause, irregular; told of each beat and, a few times a second, of silence.

    alarms = Alarms(250, settings, tell)     # tell(sample, kind, value): wire.EVENT_..., once each
    alarms.beat(index, rr, flags)            # each beat; rr in samples, 0: unknown
    alarms.step(index, good, steady)         # the present index; good: the signal can be believed
    alarms.broken()                          # a gap, a bad signal: nothing is told across it

Whole numbers throughout. A limit of 0 (all are, until someone sets them)
asks for no alarm. What counts, and what keeps one from chattering:

FAST, SLOW  The rate of the last eight intervals is at or beyond the limit for HOLD_S without a
            break. Over when it is back by a sixteenth of the limit, or 3 beats/min if that is
            more; value: beats/min.
PAUSE       An interval as long as the limit or longer. Told SURE_S after the beat that ended it
            was due to be known, since the detector may still find a beat inside; or, with no
            beat in sight, that long after the limit was reached; value: ms so far (65535: more).
IRREGULAR   Every beat for that many seconds carries rhythm.py's flag, which has its own
            hysteresis (8 % and 6 % of mean change); value: beats/min.

None is told again while it lasts, nor within REPEAT_S of the last of its kind. A doubtful beat
(noisy signal), an unknown RR, a gap or a fault begins everything anew: never an alarm over what
was not seen. They are notes for the person who reads the session; nobody is called.
"""

from array import array

from micropython import const

from . import settings as _settings
from .link import wire

INTERVALS = const(8)
HOLD_S = const(5)
SURE_S = const(1)  # behind a beat, by when the detector's search-back has delivered its own
REPEAT_S = const(60)
_MASK = const(0xFFFFFFFF)
_HALF = const(0x80000000)


class Alarms:
    """`rate`: samples/s; `rate_now`: beats/min of the last eight intervals, 0 if there are not
    as many."""

    def __init__(self, rate, settings, tell):
        self._rate = rate
        self._settings = settings
        self._tell = tell
        self._rrs = array("I", bytes(4 * INTERVALS))
        kinds = wire.EVENT_IRREGULAR + 1
        self._on = bytearray(kinds)  # by kind: it lasts
        self._waits = bytearray(kinds)  # its condition holds, since:
        self._since = array("I", bytes(4 * kinds))
        self._told = bytearray(kinds)  # it was told once, at:
        self._told_at = array("I", bytes(4 * kinds))
        self.broken()

    def broken(self):
        """Nothing is measured, or told, across what lies here."""
        self._count = 0
        self._known = False  # `_last` is a beat from which the next one may be measured
        self._last = 0
        self._pause = 0  # length of a pause that waits until it is sure
        self._pause_end = 0
        self._silence_told = False
        self.rate_now = 0
        for kind in range(len(self._on)):
            self._on[kind] = self._waits[kind] = 0

    def beat(self, index, rr, flags):
        """A beat at sample `index`; flags: BEAT_*."""
        if flags & wire.BEAT_DOUBTFUL:
            self.broken()
            return
        if not rr:
            if self._pause and 0 < (self._pause_end - index) & _MASK < self._pause:
                self._pause = self._count = 0  # found by search-back: it was no pause
                return
            self.broken()
            self._known, self._last = True, index
            return
        if self._known:  # after a beat found late, `rr` is counted from that one
            rr = min(rr, (index - self._last) & _MASK)
        self._last, self._known = index, True
        limit = self._settings.get(_settings.PAUSE_MS)
        if limit and rr * 1000 >= limit * self._rate and not self._silence_told:
            self._pause, self._pause_end = rr, index
        self._silence_told = False
        self._rrs[self._count % INTERVALS] = rr
        self._count += 1
        if self._count == 2 * INTERVALS:
            self._count = INTERVALS
        self._judge(index, flags)

    def _judge(self, index, flags):
        settings = self._settings
        if self._count >= INTERVALS:
            total = 0
            for i in range(INTERVALS):
                total += self._rrs[i]
            now = self.rate_now = (60 * INTERVALS * self._rate + total // 2) // total
            limit = settings.get(_settings.FAST_BPM)
            back = limit - max(3, limit >> 4)
            self._last_for(wire.EVENT_FAST, limit and now >= limit, now > back, index, HOLD_S)
            limit = settings.get(_settings.SLOW_BPM)
            back = limit + max(3, limit >> 4)
            self._last_for(wire.EVENT_SLOW, limit and now <= limit, now < back, index, HOLD_S)
        seconds = settings.get(_settings.IRREGULAR_S)
        there = flags & wire.BEAT_IRREGULAR
        self._last_for(wire.EVENT_IRREGULAR, seconds and there, there, index, seconds)

    def _last_for(self, kind, there, still, index, seconds):
        """Tells an alarm whose condition was `there` for so long; it lasts while `still`."""
        if self._on[kind]:
            if not still:
                self._on[kind] = self._waits[kind] = 0
        elif not there:
            self._waits[kind] = 0
        elif not self._waits[kind]:
            self._waits[kind] = 1
            self._since[kind] = index
        elif (index - self._since[kind]) & _MASK >= seconds * self._rate:
            self._on[kind] = 1
            self._alarm(index, kind, self.rate_now)

    def step(self, index, good, steady=True):
        """`index`: of the next sample; `good`: a beat would be seen, if there were one; `steady`:
        the baseline stays where it is, so that silence is the heart's and no electrode's."""
        if not good:
            self.broken()
            return
        sure = SURE_S * self._rate
        if self._pause and (index - self._pause_end) & _MASK >= sure:
            length, self._pause = self._pause, 0
            self._alarm(self._pause_end, wire.EVENT_PAUSE, self._ms(length))
        limit = self._settings.get(_settings.PAUSE_MS)
        silent = (index - self._last) & _MASK
        if not limit or not steady or not self._known or self._silence_told or silent >= _HALF:
            return
        if (silent - sure) * 1000 >= limit * self._rate:
            self._silence_told = True
            self._alarm(index, wire.EVENT_PAUSE, self._ms(silent))

    def _ms(self, samples):
        return min(0xFFFF, samples * 1000 // self._rate)

    def _alarm(self, index, kind, value):
        apart = (index - self._told_at[kind]) & _MASK
        if self._told[kind] and apart < REPEAT_S * self._rate:
            return
        self._told[kind] = 1
        self._told_at[kind] = index
        self._tell(index, kind, value)
