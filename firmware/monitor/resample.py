"""Samples at five eighths of a converter's rate: 400 to 250, 200 to 125, 800 to 500 and so on.

    sampler = Resampled(Sampler1293(afe, board))      # then as `sampler.Sampler`

A polyphase low-pass of 129 taps at five times the incoming rate (Kaiser window, beta 7), in fixed
point, without float or allocation. At 250 samples/s it is flat to 0.006 dB up to 90 Hz (0.24 dB
down at 100), and what would fold back below 90 Hz comes 72 dB down. Each sample keeps its instant:
sample k stands for k / rate after the first conversion. It is delivered eight samples later (32 ms
at 250), and costs 3,500 cycles of a Cortex-M0+ for each channel: 2 % of an RP2040 for three.

The index counts outgoing samples, and goes on over gaps: a sample that lost ones would have
touched is lost too (17 more for each gap), and none is made up.
"""

from array import array

import micropython
from micropython import const

_UP, _DOWN = const(5), const(8)
_LATE = const(8)  # outgoing samples from an instant to its sample: half the filter
_SPAN = const(26)  # incoming samples under the filter
_RING = const(32)
# Taps 0 to 64 in 1/16384; 65 to 128 are the same backwards, 129 is 0. Each of the five phases sums
# up to 16384 exactly, so a constant comes out as it went in.
_HALF = (
    0, -2, -4, -6, -8, -9, -7, -3, 3, 12, 21, 30, 36, 36, 28, 13, -9, -37, -65, -89, -102, -100,
    -79, -38, 20, 87, 154, 208, 237, 229, 180, 90, -35, -177, -316, -426, -484, -470, -372, -193,
    51, 330, 603, 822, 941, 922, 743, 405, -67, -618, -1174, -1645, -1936, -1959, -1649, -968, 78,
    1444, 3043, 4754, 6437, 7942, 9132, 9895, 10162,
)  # fmt: skip
_BIAS = const(4096)  # added to taps, so that loads need no sign extension

# Words of the state: where the next sample goes; steps of the filter's rate since the last
# outgoing sample (five from an incoming sample to the next, eight from an outgoing one to the
# next); incoming samples under the filter, up to its span; then what a block did.
_AT, _PHASE, _FILL, _MADE, _MISSED = 0, 1, 2, 3, 4
_STATE = const(5)


def taps():
    """The filter as the kernel reads it: by phase, newest sample first."""
    whole = [_HALF[i] if i < 65 else _HALF[128 - i] if i < 129 else 0 for i in range(130)]
    return array("H", [whole[phase + 5 * j] + _BIAS for phase in range(5) for j in range(_SPAN)])


@micropython.viper
def pass_on(block, out, ring, table, state, n: int):
    """n codes of `block` through the filter into `out`; leaves _MADE and _MISSED, nothing else."""
    b = ptr32(block)
    o = ptr32(out)
    r = ptr32(ring)
    t = ptr16(table)
    s = ptr32(state)
    at = int(s[0])
    phase = int(s[1])
    fill = int(s[2])
    made = 0
    missed = 0
    i = 0
    while i < n:
        # 2^23 is added by turning the sign bit: a ring value has 24 bits and no sign.
        r[at] = (int(b[i]) ^ 0x800000) & 0xFFFFFF
        if fill < 26:
            fill += 1
        phase += 5
        if phase >= 8:
            phase -= 8
            if fill < 26:
                missed += 1
            else:
                k = (4 - phase) * 26
                end = k + 26
                j = at
                high = 0
                low = 0
                while k < end:
                    c = int(t[k]) - 4096
                    v = int(r[j & 31])
                    high += c * (v >> 12)
                    low += c * (v & 4095)
                    k += 1
                    j -= 1
                low += ((high & 3) << 12) + 8192
                o[made] = (high >> 2) + (low >> 14) - 0x800000
                made += 1
        at = (at + 1) & 31
        i += 1
    s[3] = made
    s[4] = missed


@micropython.viper
def pick(words, out, state, n: int):
    """The status word that came with each outgoing sample's newest incoming one."""
    w = ptr32(words)
    o = ptr32(out)
    s = ptr32(state)
    phase = int(s[1])
    fill = int(s[2])
    made = 0
    i = 0
    while i < n:
        if fill < 26:
            fill += 1
        phase += 5
        if phase >= 8:
            phase -= 8
            if fill >= 26:
                o[made] = w[i]
                made += 1
        i += 1
    s[0] = (int(s[0]) + n) & 31
    s[1] = phase
    s[2] = fill


class Resampled:
    """Everything that is not said here is the source's: `watch`, `run`, `halt`, `pause` ..."""

    def __init__(self, source):
        self.source = source
        n = len(source.channels)
        room = len(source.status)
        self.channels = tuple(array("i", bytes(4 * room)) for _ in range(n))
        self.status = array("i", bytes(4 * room))
        self._rings = tuple(array("i", bytes(4 * _RING)) for _ in range(n))
        self._taps = taps()
        self._state = array("i", bytes(4 * _STATE))
        self._state[_PHASE] = _DOWN - 1  # the first conversion is an outgoing instant
        self._begun = False
        self._pending = 0
        self._reason = 0
        self.start = 0
        self.index = _LATE  # sample k is k / rate after the first conversion
        self.gap = 0
        self.gap_reason = 0
        self.lost = 0
        self.gaps = 0
        self.last_gap = array("i", (0, 0, 0))

    def __getattr__(self, name):
        return getattr(self.source, name)

    def take(self):
        """As `Sampler.take`, at the outgoing rate."""
        source = self.source
        state = self._state
        while True:
            n = source.take()
            if not n:
                return 0
            if source.gap:
                self._skip(source.gap, source.gap_reason)
            for c in range(len(self.channels)):
                pass_on(source.channels[c], self.channels[c], self._rings[c], self._taps, state, n)
            pick(source.status, self.status, state, n)
            if self._begun and state[_MISSED]:
                self._pending += state[_MISSED]
            made = state[_MADE]
            if made:
                break
        self._begun = True
        self.gap = lost = self._pending
        self.gap_reason = self._reason
        self._pending = 0
        self._reason = 0
        if lost:
            self.lost += lost
            self.gaps += 1
            self.last_gap[0] = self.index & 0x3FFFFFFF
            self.last_gap[1] = lost
            self.last_gap[2] = self.gap_reason
        self.start = (self.index + lost) & 0xFFFFFFFF
        self.index = (self.start + made) & 0xFFFFFFFF
        return made

    def _skip(self, lost, reason):
        """`lost` incoming samples are missing: the instants that they would have made are, too."""
        state = self._state
        total = state[_PHASE] + _UP * lost
        state[_PHASE] = total % _DOWN
        state[_FILL] = 0
        if self._begun:
            if not self._reason:
                self._reason = reason
            self._pending += total // _DOWN

    def newest(self):
        """(index of the newest instant that was converted, microseconds since it was)."""
        newest, us = self.source.newest()
        ahead = (newest - self.source.index + 1) & 0xFFFFFFFF
        if ahead >= 0x80000000:  # nothing has come since
            ahead = 0
        eighths = self._state[_PHASE] - _UP + 1 + _UP * ahead
        index = self.index + self._pending + _LATE - 1 + eighths // _DOWN
        us += eighths % _DOWN * 1000000 // (_UP * self.source.rate)
        return index & 0xFFFFFFFF, us
