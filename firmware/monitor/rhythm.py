"""Rhythm on the beat: premature, wide (likely ventricular), pause, irregular.

    rhythm = Rhythm(250)
    rhythm.feed(block, count)        # every block, before its beats are classified
    flags = rhythm.beat(ago)         # each beat the detector delivers, in their order
    rhythm.gap()                     # samples were lost, or the signal couldn't be judged
    rhythm.another_lead()            # the blocks are of another channel from here on

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

The shape of a beat is compared with those of the patient's earlier beats (templates.py, shape.py).
"""

from array import array

from micropython import const
from monitor import points, shape
from monitor.templates import FIELDS, WIDTH, Templates

PREMATURE, WIDE, PAUSE, IRREGULAR = 4, 8, 16, 32

_MASK = const(0x0FFFFFFF)
_RRS = const(12)
_LONG = const(32)
_PAUSE_MS = const(2000)
_LONGEST_MS = const(4000)
_MATCH = const(1229)  # a beat joins a template that is nearer than this (1/4096): 0.3
_RR_UNKNOWN, _NOISE = const(205), const(26)  # 0.8 s, and a tenth of the slope
_USUAL, _USUAL_LOW, _USUAL_HIGH = const(614), const(205), const(717)
_USUAL_REACH, _USUAL_LEAST_REACH = const(4), const(1024)
_LATE = const(2)  # ring places of 8 ms


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
        self._templates = Templates(self._state, self._memory)
        self._rrs = array("i", [0] * _RRS)
        self._sorted = array("i", [0] * _RRS)
        self._long = array("i", [0] * _LONG)
        self.seen = array("i", [0] * points.SEEN)
        self._low, self._high = array("i", points.LOW), array("i", points.HIGH)
        self._weight = array("i", points.POINTS)
        self.reset()

    def reset(self):
        """Forgets the patient, as after power-on."""
        self.flags = self.points = 0
        self._end = 0
        self._rr_count = 0
        self._long_count = 0
        self._irregular = False
        self.another_lead()

    def another_lead(self):
        """Forgets the shapes, which are another lead's; the rhythm is the same heart's."""
        self._templates.reset()
        self._usual = _USUAL
        self._level = -1
        self._noise = _NOISE << 4
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
        self._templates.beats += 1
        early = self._time(rr)
        flags = self.flags
        if self._look(ago, early):
            self._combine(rr)
            total = points.OFFSET
            seen, weight = self.seen, self._weight
            for i in range(points.SEEN):
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
        s, m, templates = self._state, self._memory, self._templates
        divider = s[shape.DIVIDER]
        behind = -((s[shape.FILL] - ago) // divider)  # ring places from the peak to the newest
        room = behind - 1 - shape.AFTER
        if -_LATE <= room < 0:  # delivered very early: looked at a little before its peak
            behind -= room
            room = 0
        needed = (behind + 42) * divider
        if room < 0 or behind + 48 > shape.RING or needed > self._whole:
            templates.own = -1
            return False
        at = (s[shape.AT] - behind) & (shape.RING - 1)
        shape.measure(s, m, at)
        shape.compare(s, m, at, templates.used, min(room, shape.SHIFTS))
        if templates.own >= 0:
            templates.learn_pause(ratio)
        templates.accept()
        normal = templates.normal
        nearest = templates.nearest
        own = templates.like
        best = s[shape.DISTANCE + own] if own >= 0 else 4096
        seen = self.seen
        width = s[shape.BEAT_WIDTH]
        if nearest >= 0:
            distance = s[shape.DISTANCE + nearest]
            seen[points.UNUSUAL] = points.log2(max(distance, 80)) - points.log2(self._usual)
            seen[points.WIDER] = (
                points.log2(width) - points.log2(templates.table[nearest * FIELDS + WIDTH]) + 128
            )
        else:
            distance = 0
            seen[points.UNUSUAL] = seen[points.WIDER] = -32
        if best >= _MATCH:
            own = templates.found(at, ratio, width)
            shift = 0
        else:
            shift = s[shape.BEST_SHIFT + own] - shape.SHIFTS
        templates.tell(seen, own, normal, self._usual)
        seen[points.EARLY] = 256 - ratio
        seen[points.NOISE] = s[shape.BEAT_NOISE]
        if ratio > 230 and distance < max(self._usual * _USUAL_REACH // 2, _USUAL_LEAST_REACH):
            usual = self._usual
            usual += usual * 46 // 1024 if distance > usual else -(usual * 15 // 1024)
            self._usual = max(_USUAL_LOW, min(_USUAL_HIGH, usual))
        templates.learn(own, at + shift, ratio, width)
        return True

    def _combine(self, rr):
        """Limits each of `seen`, and multiplies those that are looked at together."""
        seen, low, high = self.seen, self._low, self._high
        for i in range(points.SINGLE):
            v = seen[i]
            if v < low[i]:
                v = low[i]
            elif v > high[i]:
                v = high[i]
            seen[i] = v
        area = points.log2(self._state[shape.BEAT_AREA]) << 4
        if self._level < 0:
            self._level = area
        self._level += (area - self._level) >> 4
        level = max(-64, min(64, (area - self._level) >> 4))
        self._noise += ((seen[points.NOISE] << 4) - self._noise) >> 3
        noise = self._noise >> 4
        rr = max(51, min(512, rr * 32 // 125)) if rr else _RR_UNKNOWN
        before = self._wider_before
        self._wider_before = seen[points.WIDER]
        seen[points.NOISE_RR] = seen[points.NOISE] * rr >> 8
        seen[points.NOISY_RR] = noise * rr >> 8
        seen[points.RR_RR] = rr * rr >> 8
        seen[points.WIDER_BOTH] = seen[points.WIDER] * before >> 5
        seen[points.EARLY_LIKE] = 0 if seen[points.STRANGE] else seen[points.EARLY]
        seen[points.UNUSUAL_LEVEL] = seen[points.UNUSUAL] * level >> 5
        seen[points.UNUSUAL_RR] = seen[points.UNUSUAL] * rr >> 8
        seen[points.NOISY_WIDER] = noise * before >> 5
