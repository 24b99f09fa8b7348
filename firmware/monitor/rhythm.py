"""Rhythm on the beat: premature, wide (likely ventricular), pause, irregular.

    rhythm = Rhythm(250)
    rhythm.feed(block, count)        # every block, before its beats are classified
    flags = rhythm.beat(ago)         # each beat the detector delivers, in their order
    rhythm.gap()                     # samples were lost, or the signal couldn't be judged

Everything is decided when the beat is delivered, from what came before; in integers, without
allocating. What is looked at, and how it becomes flags, is below; the names say what is seen,
not what it means: one lead shows that a beat is early, or wide and unlike the others; it can't
prove where it began, nor can an irregular rhythm alone prove atrial fibrillation.

PREMATURE  The RR interval is at least a fifth shorter than the median of the last twelve (the
           usual criterion of Holter analysers for supraventricular beats is 20 to 25 %).
PAUSE      The RR interval is 2 s or more (the usual report limit of Holter analysers; the
           ACC/AHA/HRS guideline of 2018 calls 3 s a sinus pause). Never across a gap.
IRREGULAR  Over the last 32 RR intervals without those to and from premature or wide beats, the
           mean change from one to the next is above 8 % of their mean, until it falls below
           6 %. (The RR statistic of Dash et al., Ann Biomed Eng 2009;37:1701, without squares.)
WIDE       The sum of the points below is above 0.

The shape of a beat is compared with up to eight templates (shape.py); a beat that is near one
joins it, another founds one. The normal template is the one with the most beats on time, of the
narrowest: count / width^2. Others are accepted beside it when they come in runs on time that did
not begin early (a bundle branch block that comes and goes): after 3 beats if no wider than 1.23
times the normal, after 16 at any width. That a class of shapes decides as a whole, by how its
beats arrive, is the principle of Hamilton's OSEA (Computers in Cardiology 2002;29:101).
"""

from array import array

from micropython import const
from monitor import shape

PREMATURE, WIDE, PAUSE, IRREGULAR = 4, 8, 16, 32

_MASK = const(0x0FFFFFFF)
_RRS = const(12)
_LONG = const(32)
_PAUSE_MS = const(2000)
_LONGEST_MS = const(4000)
_MATCH = const(1229)  # a beat joins a template that is nearer than this (1/4096): 0.3
_ON_TIME_LOW, _ON_TIME_HIGH, _NOT_EARLY = const(218), const(320), const(225)  # RR / median, 1/256
_RR_UNKNOWN, _NOISE = const(205), const(26)  # 0.8 s, and a tenth of the slope
_USUAL, _USUAL_LOW, _USUAL_HIGH = const(614), const(205), const(717)
_USUAL_REACH, _USUAL_LEAST_REACH = const(4), const(1024)
_LATE = const(2)  # ring places of 8 ms
_RUN, _LONG_RUN, _NEAR_WIDTH = const(3), const(16), const(10)  # width in 1/32 octave

# A template's words.
_COUNT, _RR, _PAUSE, _WIDTH, _SCORE, _SEEN, _ROW, _STATE = 0, 1, 2, 3, 4, 5, 6, 7
_FIELDS = const(8)
_CLEAN, _ROW_SHORT, _ROW_LONG = const(1), const(2), const(4)

# What the points are given for (the words of `seen`), the limits of each, and the points for one
# unit. Fitted by `python -m heartlog.evaluation.rhythm`; logarithms are in 1/32 octave.
UNUSUAL = const(0)  # log2: distance from the nearest accepted template / what is usual
CLASS_UNUSUAL = const(1)  # the same for the beat's own template, if it is not accepted
EARLY = const(2)  # 1 - RR / median, in 1/256
CLASS_EARLY = const(3)  # mean of the own template's beats, if it is not accepted
WIDER = const(4)  # log2: width / that of the nearest accepted template
CLASS_WIDER = const(5)  # log2: own template's width / that of the normal, if it is not accepted
STRANGE = const(6)  # 1 if the own template is not accepted
REPEATED = const(7)  # 1 if it is not accepted and has had 3 beats
NOISE = const(8)  # before the beat, against its slope, in 1/256
CLASS_PAUSE = const(9)  # how much longer than the median the RR after its beats are, in 1/256
SINGLE = const(10)
# Products of two: what one is worth depends on the other. The RR is in 1/256 s.
NOISE_RR = const(10)  # NOISE and the RR interval, in 1/256
NOISY_RR = const(11)  # mean noise of the last 8 beats and RR, in 1/256
RR_RR = const(12)  # RR squared, in 1/256
WIDER_BOTH = const(13)  # WIDER of this beat and of the one before, in 1/32
EARLY_LIKE = const(14)  # EARLY, if the own template is accepted
UNUSUAL_LEVEL = const(15)  # UNUSUAL and log2: area / mean of the last 16 beats, in 1/32
UNUSUAL_RR = const(16)  # UNUSUAL and RR, in 1/32
NOISY_WIDER = const(17)  # mean noise and WIDER of the beat before, in 1/256
SEEN = const(18)
LOW = (-32, -32, -26, -26, -16, -16, 0, 0, 0, -26)
HIGH = (96, 96, 90, 90, 29, 29, 1, 1, 154, 90)
POINTS = (
    800,
    372,
    85,
    40,
    388,
    21,
    -16748,
    10238,
    -92,
    127,  # one by one
    -58,
    -24,
    20,
    -368,
    126,
    155,
    -500,
    -24,  # products
)
OFFSET = -47939


# 32 log2(1 + i / 32)
_LOG2 = (
    b"\x00\x01\x03\x04\x05\x07\x08\x09\x0a\x0b\x0d\x0e\x0f\x10\x11\x12"
    b"\x13\x14\x15\x16\x16\x17\x18\x19\x1a\x1b\x1b\x1c\x1d\x1e\x1f\x1f"
)


def log2(value):
    """32 log2(value) of a positive integer, rounded."""
    octave = 0
    while value >> (octave + 1):
        octave += 1
    rest = value - (1 << octave)
    return (octave << 5) + _LOG2[(rest << 5) >> octave]


class Rhythm:
    """`flags`: of the last beat; `seen`: what its points were given for; `points`: their sum."""

    def __init__(self, rate):
        self._rate = rate
        self._state = array("i", [0] * shape.STATE)
        divider = rate // 125
        self._state[shape.DIVIDER] = divider
        octave = 0
        while divider >> (octave + 1):
            octave += 1
        self._state[shape.SHIFT] = octave + 4
        self._memory = array("i", [0] * shape.WORDS)
        self._table = array("i", [0] * (_FIELDS * shape.TEMPLATES))
        self._rrs = array("i", [0] * _RRS)
        self._sorted = array("i", [0] * _RRS)
        self._long = array("i", [0] * _LONG)
        self.seen = array("i", [0] * SEEN)
        self._low, self._high = array("i", LOW), array("i", HIGH)
        self._weight = array("i", POINTS)
        self.reset()

    def reset(self):
        """Forgets the patient, as after power-on."""
        self.flags = self.points = 0
        self._used = 0
        self._end = 0
        self._beats = 0
        self._rr_count = 0
        self._usual = _USUAL
        self._level = -1
        self._noise = _NOISE << 4
        self._own = self._normal = self._nearest = self._like = -1
        self._long_count = 0
        self._irregular = False
        self.gap()

    def gap(self):
        """Nothing is measured across what is missing; the shapes known so far stay."""
        self._whole = 0  # samples since
        self._last = -1
        self._before = self._left_out = self._wider_before = 0
        self._state[shape.ACC] = self._state[shape.FILL] = 0

    def feed(self, block, count):
        """Takes `count` codes of `block` (array('i'))."""
        shape.push(self._state, self._memory, block, count)
        self._end = (self._end + count) & _MASK
        if self._whole < _MASK - count:
            self._whole += count

    def beat(self, ago):
        """Classifies the beat whose R peak lies `ago` samples before the end of the last block."""
        at = (self._end - ago) & _MASK
        rr = 0
        if self._last >= 0:
            rr = (at - self._last) & _MASK
            if rr > _MASK >> 1:
                self.flags = 0  # found by search-back, behind one already delivered
                return 0
            rr = min(rr, 8 * self._rate) * 1000 // self._rate
        self._last = at
        self._beats += 1
        early = self._time(rr)
        flags = self.flags
        if self._look(ago, early):
            self._combine(rr)
            total = OFFSET
            seen, weight = self.seen, self._weight
            for i in range(SEEN):
                total += seen[i] * weight[i]
            self.points = total
            if total > 0:
                flags |= WIDE
        self._regularity(min(rr, _LONGEST_MS), flags)
        if self._irregular:
            flags |= IRREGULAR
        self.flags = flags
        return flags

    def _time(self, rr):
        """Sets the flags that the RR interval decides; returns RR / median in 1/256."""
        flags = 0
        ratio = 256
        if rr:
            stored = min(rr, _LONGEST_MS)
            self._rrs[self._rr_count % _RRS] = stored
            self._rr_count += 1
            ratio = stored * 256 // self._median()
            if ratio * 10 <= 256 * 8 and self._rr_count > 4:
                flags |= PREMATURE
            if rr >= _PAUSE_MS:
                flags |= PAUSE
        self.flags = flags
        return ratio

    def _median(self):
        n = min(self._rr_count, _RRS)
        rrs, ordered = self._rrs, self._sorted
        for i in range(n):
            v = rrs[i]
            j = i
            while j and ordered[j - 1] > v:
                ordered[j] = ordered[j - 1]
                j -= 1
            ordered[j] = v
        return (ordered[n // 2] + ordered[(n - 1) // 2]) // 2

    def _regularity(self, rr, flags):
        """Mean |change of RR| over 32; those to and from premature and wide beats left out."""
        before, left_out = self._before, self._left_out
        self._left_out = flags & (PREMATURE | WIDE)
        self._before = 0 if left_out or self._left_out else rr
        if not self._before or not before:
            return
        change = rr - before
        if change < 0:
            change = -change
        long = self._long
        long[self._long_count % _LONG] = change * 1024 // (rr + before)
        self._long_count += 1
        if self._long_count < _LONG:
            return
        total = 0
        for i in range(_LONG):
            total += long[i]
        # total / 32 is 512 * relative change: 8 % is 41, 6 % is 31.
        self._irregular = total > (31 if self._irregular else 41) * _LONG

    def _look(self, ago, ratio):
        """Fills `seen`; False if the beat's samples are not at hand."""
        s, m, table = self._state, self._memory, self._table
        divider = s[shape.DIVIDER]
        behind = -((s[shape.FILL] - ago) // divider)  # ring places from the peak to the newest
        room = behind - 1 - shape.AFTER
        if -_LATE <= room < 0:  # delivered very early: looked at a little before its peak
            behind -= room
            room = 0
        needed = (behind + 42) * divider
        if room < 0 or behind + 48 > shape.RING or needed > self._whole:
            self._own = -1
            return False
        at = (s[shape.AT] - behind) & (shape.RING - 1)
        shape.measure(s, m, at)
        shape.compare(s, m, at, self._used, min(room, shape.SHIFTS))
        if self._own >= 0:
            self._learn_pause(ratio)
        self._accept()
        normal = self._normal
        nearest = self._nearest
        own = self._like
        best = s[shape.DISTANCE + own] if own >= 0 else 4096
        seen = self.seen
        width = s[shape.BEAT_WIDTH]
        if nearest >= 0:
            distance = s[shape.DISTANCE + nearest]
            seen[UNUSUAL] = log2(max(distance, 80)) - log2(self._usual)
            seen[WIDER] = log2(width) - log2(table[nearest * _FIELDS + _WIDTH]) + 128
        else:
            distance = 0
            seen[UNUSUAL] = seen[WIDER] = -32
        if best >= _MATCH:
            own = self._found(at, ratio, width)
            shift = 0
        else:
            shift = s[shape.BEST_SHIFT + own] - shape.SHIFTS
        self._class_features(own, normal)
        seen[EARLY] = 256 - ratio
        seen[NOISE] = s[shape.BEAT_NOISE]
        if ratio > 230 and distance < max(self._usual * _USUAL_REACH // 2, _USUAL_LEAST_REACH):
            usual = self._usual
            usual += usual * 46 // 1024 if distance > usual else -(usual * 15 // 1024)
            self._usual = max(_USUAL_LOW, min(_USUAL_HIGH, usual))
        self._learn(own, at + shift, ratio, width)
        return True

    def _combine(self, rr):
        """Limits each of `seen`, and multiplies those that are looked at together."""
        seen, low, high = self.seen, self._low, self._high
        for i in range(SINGLE):
            v = seen[i]
            if v < low[i]:
                v = low[i]
            elif v > high[i]:
                v = high[i]
            seen[i] = v
        area = log2(self._state[shape.BEAT_AREA]) << 4
        if self._level < 0:
            self._level = area
        self._level += (area - self._level) >> 4
        level = max(-64, min(64, (area - self._level) >> 4))
        self._noise += ((seen[NOISE] << 4) - self._noise) >> 3
        noise = self._noise >> 4
        rr = max(51, min(512, rr * 32 // 125)) if rr else _RR_UNKNOWN
        before = self._wider_before
        self._wider_before = seen[WIDER]
        seen[NOISE_RR] = seen[NOISE] * rr >> 8
        seen[NOISY_RR] = noise * rr >> 8
        seen[RR_RR] = rr * rr >> 8
        seen[WIDER_BOTH] = seen[WIDER] * before >> 5
        seen[EARLY_LIKE] = 0 if seen[STRANGE] else seen[EARLY]
        seen[UNUSUAL_LEVEL] = seen[UNUSUAL] * level >> 5
        seen[UNUSUAL_RR] = seen[UNUSUAL] * rr >> 8
        seen[NOISY_WIDER] = noise * before >> 5

    def _accept(self):
        """Finds the normal template, and the nearest: of the accepted, and of all; -1: none."""
        s, table = self._state, self._table
        normal = nearest = own = -1
        most = -1
        for k in range(shape.TEMPLATES):
            if (self._used >> k) & 1:
                width = table[k * _FIELDS + _WIDTH]
                merit = (table[k * _FIELDS + _SCORE] << 8) // (width * width // 4096 + 1)
                if merit > most:
                    most = merit
                    normal = k
                if own < 0 or s[shape.DISTANCE + k] < s[shape.DISTANCE + own]:
                    own = k
        for k in range(shape.TEMPLATES):
            if (self._used >> k) & 1 and self._is_accepted(k, normal):
                if nearest < 0 or s[shape.DISTANCE + k] < s[shape.DISTANCE + nearest]:
                    nearest = k
        self._normal = normal
        self._nearest = nearest
        self._like = own

    def _is_accepted(self, k, normal):
        if k == normal:
            return True
        state = self._table[k * _FIELDS + _STATE]
        if state & _ROW_LONG:
            return True
        return bool(state & _ROW_SHORT) and self._wider(k, normal) < _NEAR_WIDTH

    def _wider(self, k, normal):
        table = self._table
        return log2(table[k * _FIELDS + _WIDTH]) - log2(table[normal * _FIELDS + _WIDTH])

    def _class_features(self, own, normal):
        """What the beat's own template says about it."""
        seen, table = self.seen, self._table
        if normal < 0 or self._is_accepted(own, normal):
            seen[CLASS_UNUSUAL] = seen[CLASS_EARLY] = seen[CLASS_WIDER] = 0
            seen[STRANGE] = seen[REPEATED] = seen[CLASS_PAUSE] = 0
            return
        base = own * _FIELDS
        distance = shape.between(self._memory, own, normal)
        seen[CLASS_UNUSUAL] = log2(max(distance, 80)) - log2(self._usual)
        seen[CLASS_EARLY] = 256 - (table[base + _RR] >> 4)
        seen[CLASS_WIDER] = self._wider(own, normal)
        seen[STRANGE] = 1
        seen[REPEATED] = 1 if table[base + _COUNT] >= 3 else 0
        seen[CLASS_PAUSE] = (table[base + _PAUSE] >> 4) - 256

    def _learn_pause(self, ratio):
        """The RR that now ended is the one after the beat before: its template learns it."""
        table = self._table
        base = self._own * _FIELDS
        n = max(1, min(8, table[base + _COUNT]))
        table[base + _PAUSE] += (min(ratio, 512) * 16 - table[base + _PAUSE]) // n

    def _found(self, at, ratio, width):
        """A new template for a beat that is like none; the least deserving makes room."""
        table = self._table
        place = -1
        for k in range(shape.TEMPLATES):
            if not (self._used >> k) & 1:
                place = k
                break
        if place < 0:
            least = 1 << 29
            for k in range(shape.TEMPLATES):
                recent = self._beats - table[k * _FIELDS + _SEEN] < 8
                merit = table[k * _FIELDS + _SCORE] + (4096 if recent else 0)
                if merit < least:
                    least = merit
                    place = k
            if place == self._own:
                self._own = -1
        base = place * _FIELDS
        for i in range(_FIELDS):
            table[base + i] = 0
        table[base + _RR] = ratio * 16
        table[base + _PAUSE] = 256 * 16
        table[base + _WIDTH] = width * 16
        shape.learn(self._memory, at, place, 64)
        self._used |= 1 << place
        return place

    def _learn(self, own, at, ratio, width):
        """The beat's template takes the beat in."""
        table = self._table
        base = own * _FIELDS
        n = table[base + _COUNT] + 1
        weight = 64 // n if n < 8 else 8
        shape.learn(self._memory, at, own, weight)
        share = n if n < 8 else 8
        table[base + _WIDTH] += (width * 16 - table[base + _WIDTH]) // share
        table[base + _RR] += (min(ratio, 384) * 16 - table[base + _RR]) // share
        table[base + _COUNT] = n if n < 30000 else 30000
        table[base + _SEEN] = self._beats
        for k in range(shape.TEMPLATES):
            table[k * _FIELDS + _SCORE] -= table[k * _FIELDS + _SCORE] >> 8
        table[base + _SCORE] += 4096 if ratio > 230 else 410
        self._row(own, ratio)
        self._own = own

    def _row(self, own, ratio):
        """Counts beats of one shape in a row, and whether they came on time from the first on."""
        table = self._table
        base = own * _FIELDS
        state = table[base + _STATE] & ~_CLEAN
        clean = table[base + _STATE] & _CLEAN
        if own != self._own:
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
