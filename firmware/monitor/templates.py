"""The shapes that a patient's beats have: which are accepted as usual, and what a shape tells.

    templates = Templates(state, memory)       # of `shape`
    templates.accept()                         # after shape.compare: `normal`, `nearest`, `like`
    templates.tell(seen, own, normal, usual)   # what the beat's own template says about it
    templates.learn(own, at, ratio, width)

A beat that is near a template joins it, another founds one; there are up to eight. The normal
template is the one with the most beats on time, of the narrowest: count / width^2. Others are
accepted beside it when they come in runs on time that did not begin early (a bundle branch block
that comes and goes): after 3 beats if no wider than 1.23 times the normal, after 16 at any width.
That a class of shapes decides as a whole, by how its beats arrive, is the principle of Hamilton's
OSEA (Computers in Cardiology 2002;29:101).
"""

from array import array

from micropython import const
from monitor import points, shape

_ON_TIME_LOW, _ON_TIME_HIGH, _NOT_EARLY = const(218), const(320), const(225)  # RR / median, 1/256
_RUN, _LONG_RUN, _NEAR_WIDTH = const(3), const(16), const(10)  # width in 1/32 octave

# A template's words.
_COUNT, _RR, _PAUSE, WIDTH, _SCORE, _SEEN, _ROW, _STATE = 0, 1, 2, 3, 4, 5, 6, 7
FIELDS = const(8)
_CLEAN, _ROW_SHORT, _ROW_LONG = const(1), const(2), const(4)


class Templates:
    """`own`: of the beat before, -1 none; `normal`, `nearest` (of the accepted) and `like` (of
    all): set by `accept`, -1 when there is none; `beats`: counted by the caller."""

    def __init__(self, state, memory):
        self._state = state
        self._memory = memory
        self.table = array("i", [0] * (FIELDS * shape.TEMPLATES))
        self.reset()

    def reset(self):
        """Forgets all shapes."""
        self.used = 0
        self.beats = 0
        self.own = self.normal = self.nearest = self.like = -1

    def accept(self):
        """Finds the normal template, and the nearest: of the accepted, and of all; -1: none."""
        s, table = self._state, self.table
        normal = nearest = own = -1
        most = -1
        for k in range(shape.TEMPLATES):
            if (self.used >> k) & 1:
                width = table[k * FIELDS + WIDTH]
                merit = (table[k * FIELDS + _SCORE] << 8) // (width * width // 4096 + 1)
                if merit > most:
                    most = merit
                    normal = k
                if own < 0 or s[shape.DISTANCE + k] < s[shape.DISTANCE + own]:
                    own = k
        for k in range(shape.TEMPLATES):
            if (self.used >> k) & 1 and self._is_accepted(k, normal):
                if nearest < 0 or s[shape.DISTANCE + k] < s[shape.DISTANCE + nearest]:
                    nearest = k
        self.normal = normal
        self.nearest = nearest
        self.like = own

    def _is_accepted(self, k, normal):
        if k == normal:
            return True
        state = self.table[k * FIELDS + _STATE]
        if state & _ROW_LONG:
            return True
        return bool(state & _ROW_SHORT) and self._wider(k, normal) < _NEAR_WIDTH

    def tell(self, seen, own, normal, usual):
        """What the beat's own template says about it."""
        table = self.table
        if normal < 0 or self._is_accepted(own, normal):
            seen[points.CLASS_UNUSUAL] = seen[points.CLASS_EARLY] = seen[points.CLASS_WIDER] = 0
            seen[points.STRANGE] = seen[points.REPEATED] = seen[points.CLASS_PAUSE] = 0
            return
        base = own * FIELDS
        distance = shape.between(self._memory, own, normal)
        seen[points.CLASS_UNUSUAL] = points.log2(max(distance, 80)) - points.log2(usual)
        seen[points.CLASS_EARLY] = 256 - (table[base + _RR] >> 4)
        seen[points.CLASS_WIDER] = self._wider(own, normal)
        seen[points.STRANGE] = 1
        seen[points.REPEATED] = 1 if table[base + _COUNT] >= 3 else 0
        seen[points.CLASS_PAUSE] = (table[base + _PAUSE] >> 4) - 256

    def _wider(self, k, normal):
        table = self.table
        return points.log2(table[k * FIELDS + WIDTH]) - points.log2(table[normal * FIELDS + WIDTH])

    def learn_pause(self, ratio):
        """The RR that now ended is the one after the beat before: its template learns it."""
        table = self.table
        base = self.own * FIELDS
        n = max(1, min(8, table[base + _COUNT]))
        table[base + _PAUSE] += (min(ratio, 512) * 16 - table[base + _PAUSE]) // n

    def found(self, at, ratio, width):
        """A new template for a beat that is like none; the least deserving makes room."""
        table = self.table
        place = -1
        for k in range(shape.TEMPLATES):
            if not (self.used >> k) & 1:
                place = k
                break
        if place < 0:
            least = 1 << 29
            for k in range(shape.TEMPLATES):
                recent = self.beats - table[k * FIELDS + _SEEN] < 8
                merit = table[k * FIELDS + _SCORE] + (4096 if recent else 0)
                if merit < least:
                    least = merit
                    place = k
            if place == self.own:
                self.own = -1
        base = place * FIELDS
        for i in range(FIELDS):
            table[base + i] = 0
        table[base + _RR] = ratio * 16
        table[base + _PAUSE] = 256 * 16
        table[base + WIDTH] = width * 16
        shape.learn(self._memory, at, place, 64)
        self.used |= 1 << place
        return place

    def learn(self, own, at, ratio, width):
        """The beat's template takes the beat in."""
        table = self.table
        base = own * FIELDS
        n = table[base + _COUNT] + 1
        weight = 64 // n if n < 8 else 8
        shape.learn(self._memory, at, own, weight)
        share = n if n < 8 else 8
        table[base + WIDTH] += (width * 16 - table[base + WIDTH]) // share
        table[base + _RR] += (min(ratio, 384) * 16 - table[base + _RR]) // share
        table[base + _COUNT] = n if n < 30000 else 30000
        table[base + _SEEN] = self.beats
        for k in range(shape.TEMPLATES):
            table[k * FIELDS + _SCORE] -= table[k * FIELDS + _SCORE] >> 8
        table[base + _SCORE] += 4096 if ratio > 230 else 410
        self._row(own, ratio)
        self.own = own

    def _row(self, own, ratio):
        """Counts beats of one shape in a row, and whether they came on time from the first on."""
        table = self.table
        base = own * FIELDS
        state = table[base + _STATE] & ~_CLEAN
        clean = table[base + _STATE] & _CLEAN
        if own != self.own:
            clean = _CLEAN if ratio > _NOT_EARLY else 0
            table[base + _ROW] = 0
        if not _ON_TIME_LOW < ratio < _ON_TIME_HIGH and ratio <= _ON_TIME_LOW:
            clean = 0
        row = table[base + _ROW] + 1
        table[base + _ROW] = row if row < 100 else 100
        if clean:
            if row >= _RUN:
                state |= _ROW_SHORT
            if row >= _LONG_RUN:
                state |= _ROW_LONG
        table[base + _STATE] = state | clean
