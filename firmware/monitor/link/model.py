"""What is expected of the next record, so that it takes few bits: one text for both directions.

    model = Model(); model.begin(sample)         # at a page's beginning
    kind = model.item(coder, model.BEAT)
    model.beat(coder, sample, rr, amplitude_code, width, confidence, flags)

`coder` is an Encoder or a Decoder (coder.py) over `model.states`; a Decoder ignores what it is
given and returns what is there, so reading and writing are the same code, and can't disagree.

The order of a beat's parts, each in the light of those before:
  flags       "as before" in the context of premature, wide, irregular; otherwise bit by bit
  RR          against what is expected: the last three intervals (5 : 2 : 1), and what the last
              eight changes of it were followed by so far (breath.py); for a premature beat
              the last premature interval; after one, what makes up for it (the compensatory pause)
  amplitude   the code (amplitude.py) against the running mean, wide beats having their own, and
              what the last six distances from it were followed by so far: both breathe
  width       likewise
  confidence  "as before", "as the other one before", or its four bits
Records of other kinds begin with a sample, too: it is coded against the last beat's; each byte
behind it as "as in the last of this kind", "as in the one before that" (a signal that is noisy and
good in turn), or as it is. The first of a kind in a page, or one of another size, goes plainly.

A difference is coded as zero or not, sign, number of bits (unary), highest bits; in the context of
how large the last differences of its kind were (half octaves of their running mean), which is
what makes the code fit a paced heart and atrial fibrillation alike. How likely each bit is at a
page's beginning is in tables.py.

The end of a chunk costs little since it can be expected, too: it comes when the time of a flush
has passed, which is learned from the chunks before.
"""

from array import array

from .breath import AT, LEVEL_TAPS, PACE, RR_TAPS, TAPS, guess, lean, shift, within
from .tables import START

U32 = 0xFFFFFFFF
BEAT, OTHER, END = 0, 1, 2  # items
AFTER_GAP, PREMATURE, WIDE = 2, 4, 8  # of wire.BEAT_*
_LONGEST_FLUSH = 1 << 17

# Contexts. A difference has: not zero, negative, 10 of "longer", 8 of the bit below the highest.
_NUMBER = 20
_SMALL = 13  # the same with 6 and 5, for amplitude and width
_ITEM = 0  # by time: no beat yet, early, about time, late
_END = 4
_SAME = 5  # by premature, wide, irregular of the beat before
_FLAG = 13  # by flag and how it was; the last two: wide, of a premature beat
_GAP = 31
_RR = (_GAP + _NUMBER, _GAP + 11 * _NUMBER, _GAP + 15 * _NUMBER, _GAP + 19 * _NUMBER)
_RR_ROWS = (10, 4, 4, 4)
_AMPLITUDE = (_RR[3] + 4 * _NUMBER, _RR[3] + 4 * _NUMBER + 7 * _SMALL)
_WIDTH = (_AMPLITUDE[1] + 4 * _SMALL, _AMPLITUDE[1] + 12 * _SMALL)
_KEEP = _WIDTH[1] + 4 * _SMALL  # by the confidence before
_OTHER = _KEEP + 16
_BITS = _OTHER + 16  # the four bits as a tree
_KIND = _BITS + 16  # of other records, as a tree
_NEW = _KIND + 32  # not of the size of the last of its kind
_WHEN = _NEW + 1  # its sample
_BYTE = _WHEN + _NUMBER  # of its bytes: not as the last, not as the one before
CONTEXTS = _BYTE + 32
_KINDS, _KEPT = 16, 16  # kinds of which the last two are remembered, and bytes behind the sample

# What both sides remember, as words so that a copy is one assignment.
_SAMPLE, _FLAGS, _R1, _R2, _R3, _EARLY, _AFTER, _CONFIDENCE, _BEFORE = 0, 1, 2, 3, 4, 5, 6, 7, 8
_FIRST, _BEATS, _FLUSH = 9, 10, 11  # of the chunk: first beat, how many; samples to its end
_RR_MEAN = 12  # of the four kinds of interval: mean difference, times 16
_LEVEL, _LEVEL_MEAN, _BROAD, _BROAD_MEAN = 16, 18, 20, 22  # of normal and wide, times 16
_WORDS = 24
_START = (0, 0, 200, 200, 200, 140, 250, 10, 10, 0, 0, 2250, 96, 256, 256, 256,
          1712, 1712, 40, 48, 192, 256, 16, 24)  # fmt: skip


def _row(mean, low, rows):
    """Half octaves of a mean difference: 0..rows-1."""
    k = 0
    while mean >> k > 3:
        k += 1
    row = 2 * k - low
    if mean >> k == 3:
        row += 1
    if row < 0:
        return 0
    return row if row < rows else rows - 1


def _difference(coder, at, d, longer, below):
    """Codes a signed difference in the contexts from `at` on."""
    if not coder.bit(at, 1 if d else 0):
        return 0
    negative = coder.bit(at + 1, 1 if d < 0 else 0)
    m = -d if d < 0 else d
    n = 0
    while coder.bit(at + 2 + (n if n < longer else longer - 1), 1 if m >> n > 1 else 0):
        n += 1
        if n > 32:
            break  # no encoder says so; a checksum follows
    value = 1
    if n:
        i = n - 1
        if n <= below:
            value = 2 | coder.bit(at + 1 + longer + n, m >> i & 1)
        else:
            value = 2 | coder.raw(m >> i & 1, 1)
        while i > 0:
            take = i if i < 8 else 8
            i -= take
            value = value << take | coder.raw(m >> i & (1 << take) - 1, take)
    return -value if negative else value


class Model:
    """Expectations, and the contexts' `states`, which the coder adapts."""

    def __init__(self, leans=True):
        self.leans = leans  # not in pages of format 2
        self.taps = array("i", bytes(4 * TAPS))
        self._saved_taps = array("i", bytes(4 * TAPS))
        self.states = array("H", bytes(2 * CONTEXTS))
        self.words = array("I", bytes(4 * _WORDS))
        self.others = bytearray(_KINDS * (2 * _KEPT + 1))  # of each kind: size, last, one before
        self._saved = array("I", bytes(4 * _WORDS))
        self._row = bytearray(2 * _KEPT + 1)  # of `others`, as it was at `save`
        self._row_at = -1

    def begin(self, sample):
        """A page begins; `sample` is that of the beat before it."""
        states = self.states
        for i in range(CONTEXTS):
            states[i] = START[i] * 16 + 8
        for i in range(_WORDS):
            self.words[i] = _START[i]
        self.words[_SAMPLE] = sample
        for i in range(TAPS):
            self.taps[i] = 0
        for i in range(len(self.others)):
            self.others[i] = 0

    def save(self):
        """Notes everything but the states (the encoder does that), for `restore`: one record."""
        self._saved[:] = self.words
        self._saved_taps[:] = self.taps
        self._row_at = -1

    def restore(self):
        """As it was at `save`."""
        self.words[:] = self._saved
        self.taps[:] = self._saved_taps
        if self._row_at >= 0:
            for i in range(len(self._row)):
                self.others[self._row_at + i] = self._row[i]

    def copy(self):
        """All of it, for `become`."""
        return bytes(self.states), bytes(self.words), bytes(self.others), bytes(self.taps)

    def become(self, copy):
        """As it was when it was copied."""
        self.states[:] = array("H", copy[0])
        self.words[:] = array("I", copy[1])
        self.others[:] = copy[2]
        self.taps[:] = array("i", copy[3])

    def sample(self):
        """Of the last beat."""
        return self.words[_SAMPLE]

    def seen(self, sample):
        """A beat at this sample came as a record of another kind."""
        self.words[_SAMPLE] = sample

    def item(self, coder, item):
        """Codes what comes next: BEAT, OTHER or END."""
        words = self.words
        when = 0
        if words[_BEATS]:
            due = (words[_SAMPLE] - words[_FIRST] & U32) + words[_R1] - words[_FLUSH]
            about = words[_R1] >> 2
            when = 1 if due < -about else 2 if due < about else 3
        if not coder.bit(_ITEM + when, 1 if item else 0):
            return BEAT
        if not coder.bit(_END, 1 if item == END else 0):
            return OTHER
        if words[_BEATS]:
            time = (words[_SAMPLE] - words[_FIRST] & U32) + words[_R1]
            if time < words[_FLUSH]:
                words[_FLUSH] = time
            words[_BEATS] = 0
        return END

    def beat(self, coder, sample, rr, amplitude, width, confidence, flags):
        """Codes a beat; returns (sample, rr, amplitude, width, confidence, flags)."""
        words = self.words
        flags = self._flags(coder, flags)
        distance = self._interval(coder, sample - words[_SAMPLE] & U32, flags)
        sample = words[_SAMPLE] = words[_SAMPLE] + distance & U32
        words[_FLAGS] = flags
        if not words[_BEATS]:
            words[_FIRST] = sample
        elif sample - words[_FIRST] & U32 > words[_FLUSH]:
            words[_FLUSH] = min(sample - words[_FIRST] & U32, _LONGEST_FLUSH)
        words[_BEATS] += 1
        wide = flags >> 3 & 1
        row = _row(words[_LEVEL_MEAN + wide], 4, 4 if wide else 7)
        amplitude = self._level(
            coder, amplitude, _AMPLITUDE[wide] + _SMALL * row, _LEVEL + wide, _LEVEL_MEAN + wide,
            2, AT[1 + wide],
        )  # fmt: skip
        row = _row(words[_BROAD_MEAN + wide], 2, 4 if wide else 8)
        width = self._level(
            coder, width, _WIDTH[wide] + _SMALL * row, _BROAD + wide, _BROAD_MEAN + wide, 3, 0
        )
        confidence = self._confidence(coder, confidence)
        rr = 0 if flags & AFTER_GAP else distance & 0xFFFF
        return sample, rr, amplitude, width, confidence, flags

    def _flags(self, coder, flags):
        old = self.words[_FLAGS]
        how = _SAME + (old >> 2 & 1 | (old >> 3 & 1) << 1 | (old >> 5 & 1) << 2)
        if not coder.bit(how, 1 if flags != old else 0):
            return old
        found = 0
        for i in range(8):
            context = _FLAG + 2 * i + (old >> i & 1)
            if i == 3 and found & PREMATURE:
                context = _FLAG + 16 + (old >> 3 & 1)
            found |= coder.bit(context, flags >> i & 1) << i
        return found

    def _interval(self, coder, distance, flags):
        """Codes the samples from the last beat to this one."""
        if flags & AFTER_GAP:
            return _difference(coder, _GAP, distance, 10, 8) & U32
        words = self.words
        r1 = words[_R1]
        early = flags >> 2 & 1
        kind = early | (words[_FLAGS] >> 2 & 1) << 1
        if kind == 0:
            fine = 10 * r1 + 4 * words[_R2] + 2 * words[_R3]  # in 1/16
            fine += guess(self.taps, 0, RR_TAPS) >> 10
            expected = fine + 8 >> 4
        elif kind == 1:
            expected = words[_EARLY]
        else:
            expected = words[_AFTER] if kind == 2 else r1
        mean = words[_RR_MEAN + kind]
        row = _row(mean, 7 if kind else 3, _RR_ROWS[kind])
        d = _difference(coder, _RR[kind] + _NUMBER * row, distance - expected, 10, 8)
        distance = expected + d & 0xFFFF
        m = -d if d < 0 else d
        if m > 200:
            m = 200
        words[_RR_MEAN + kind] = mean + ((m << 4) + 3 - mean >> (2 if kind else 3))
        if early:
            words[_EARLY] = distance
            words[_AFTER] = max(2 * r1 - distance, r1)
        elif not kind:
            if self.leans:
                error = within((distance << 4) - fine, 640) * (PACE >> 4)
                lean(self.taps, 0, RR_TAPS, error, 60)
                shift(self.taps, 0, RR_TAPS, within(distance - r1, 40))
            words[_R3] = words[_R2]
            words[_R2] = r1
            words[_R1] = distance
        return distance

    def _level(self, coder, value, at, level, mean, pace, taps):
        """Codes a byte against its running mean, and what its `taps` (0: none) say."""
        words = self.words
        fine = words[level]
        if taps:
            fine += guess(self.taps, taps, LEVEL_TAPS) >> 14
        expected = fine + 8 >> 4
        d = _difference(coder, at, value - expected, 6, 5)
        value = expected + d & 255
        m = -d if d < 0 else d
        if m > 40:
            m = 40
        words[mean] += (m << 4) + 2 - words[mean] >> 3
        if taps and self.leans:
            error = within((value << 4) - fine, 160) * PACE
            lean(self.taps, taps, LEVEL_TAPS, error, 2048)
            shift(self.taps, taps, LEVEL_TAPS, within((value << 4) - words[level], 160))
        words[level] += (value << 4) - words[level] >> pace
        return value

    def _confidence(self, coder, confidence):
        words = self.words
        last, before = words[_CONFIDENCE], words[_BEFORE]
        if not coder.bit(_KEEP + last, 1 if confidence != last else 0):
            return last
        if not coder.bit(_OTHER + last, 1 if confidence != before else 0):
            found = before
        else:
            found = 1
            for i in range(3, -1, -1):
                found = found << 1 | coder.bit(_BITS + found, confidence >> i & 1)
            found &= 15
        words[_BEFORE] = last
        words[_CONFIDENCE] = found
        return found

    def other(self, coder, kind, body, size):
        """Codes a record of any kind; returns (kind, body)."""
        found = 1
        for i in range(4, -1, -1):
            found = found << 1 | coder.bit(_KIND + found, kind >> i & 1)
        kind = found & 31
        at = kind * (2 * _KEPT + 1)
        known = 0
        if kind < _KINDS:
            known = self.others[at]
            self._row_at = at
            for i in range(len(self._row)):
                self._row[i] = self.others[at + i]
        if known and not coder.bit(_NEW, 1 if size != known else 0):
            return kind, self._like(coder, at, body, known)
        size = coder.raw(size, 8)
        found = bytearray(size)
        for i in range(size):
            found[i] = coder.raw(body[i] if body else 0, 8)
        if kind < _KINDS and 4 <= size <= 4 + _KEPT:
            self.others[at] = size
            for i in range(4, size):
                self.others[at + i - 3] = self.others[at + i - 3 + _KEPT] = found[i]
        return kind, found

    def _like(self, coder, at, body, size):
        """Codes a body of which two of the same kind and size are remembered."""
        last = self.words[_SAMPLE]
        d = 0
        if body:
            d = (int.from_bytes(body[:4], "little") - last + 0x80000000 & U32) - 0x80000000
        d = _difference(coder, _WHEN, d, 10, 8)
        found = bytearray((last + d & U32).to_bytes(4, "little") + bytes(size - 4))
        others = self.others
        for i in range(4, size):
            at += 1
            value = body[i] if body else 0
            context = _BYTE + 2 * (i - 4)
            if not coder.bit(context, 1 if value != others[at] else 0):
                value = others[at]
            elif not coder.bit(context + 1, 1 if value != others[at + _KEPT] else 0):
                value = others[at + _KEPT]
            else:
                value = coder.raw(value, 8)
            others[at + _KEPT] = others[at]
            others[at] = found[i] = value
        return found
