"""Beats: what the detector decided, as records.

    beats = Beats(rate)
    size = beats.put(body, index, amplitude_uv, width_ms, confidence, flags)   # a BEAT body
    beats.break_rr()          # something lies between: the next beat has no RR

RR is the distance to the beat before, in samples, 0 when that is not known: at the start, across
a gap, and when it would not fit. The heart rate is that of the last eight RR (or of fewer, after
a break), and 0 as soon as nothing certain can be said.
"""

from array import array
from struct import pack_into

from .link import wire

_KEPT = 8
_MOST_RR_S = 10  # a longer distance is a pause or a missed stretch, not a rate


class Beats:
    """`heart_rate`: beats/min or 0; `rr`: samples of the last interval or 0; `index`: of the last
    beat (u32), meaningful once `count` is not 0."""

    def __init__(self, rate):
        self.rate = rate
        self.index = 0
        self.rr = 0
        self.count = 0
        self.heart_rate = 0
        self._rrs = array("H", bytes(2 * _KEPT))
        self._filled = 0
        self._next = 0
        self._after_gap = True

    def break_rr(self):
        """The signal was interrupted: no interval may be measured across it."""
        self._after_gap = True
        self._filled = 0
        self.rr = 0
        self.heart_rate = 0

    def put(self, body, index, amplitude_uv, width_ms, confidence, flags):
        """Writes the BEAT record of a beat at sample `index` into body; returns its size."""
        rr = (index - self.index) & 0xFFFFFFFF
        if self._after_gap or rr > 0xFFFF:
            rr = 0
            flags |= wire.BEAT_AFTER_GAP
            self._filled = 0
        self._after_gap = False
        self.index = index
        self.rr = rr
        self.count += 1
        self._learn(rr)
        width = (width_ms + 4) // 8
        pack_into(
            "<IHHBBB",
            body,
            0,
            index,
            rr,
            wire.round_amplitude(amplitude_uv),
            width if width < 255 else 255,
            (confidence + 5) // 10 * 10,
            flags,
        )
        return wire.SIZE[wire.BEAT]

    def _learn(self, rr):
        if not rr or rr > _MOST_RR_S * self.rate:
            self._filled = 0
            self.heart_rate = 0
            return
        self._rrs[self._next] = rr
        self._next = (self._next + 1) % _KEPT
        if self._filled < _KEPT:
            self._filled += 1
        total = 0
        for i in range(self._filled):
            total += self._rrs[(self._next - 1 - i) % _KEPT]
        self.heart_rate = (60 * self.rate * self._filled + total // 2) // total

    def silence(self, index):
        """Called now and then with the present sample index: no beat for long, no rate."""
        if self.heart_rate and ((index - self.index) & 0xFFFFFFFF) > 3 * self.rate:
            last = self.rr if self.rr else self.rate
            if ((index - self.index) & 0xFFFFFFFF) > 3 * last:
                self._filled = 0
                self.heart_rate = 0
