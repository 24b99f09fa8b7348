"""Figures of a stretch of samples: mean, noise, peaks, and what a square wave does.

    s = Statistics(500)
    s.add(block, n)
    s.mean, s.rms, s.peak, s.step, s.hertz(250)

    gains = known_gains(afe, board, 1000, by_interrupt)  # errors in ppm, by 1 mV at the inputs

For the self-test and for calibrating: floats are fine here, no beat waits for it.
"""

import time
from array import array

_KNOWN_MS = 5000


class Statistics:
    """Of one channel's codes, `room` at the most (what comes after is left out)."""

    def __init__(self, room):
        self._codes = array("i", bytes(4 * room))
        self._room = room
        self._n = 0

    def add(self, block, n, gap=0):
        """n codes; `gap` were lost before them: the last one stands for those, so time fits."""
        codes = self._codes
        at = self._n
        gap = min(gap, self._room - at) if at else 0
        for i in range(gap):
            codes[at + i] = codes[at - 1]
        at += gap
        n = min(n, self._room - at)
        for i in range(n):
            codes[at + i] = block[i]
        self._n = at + n

    def __len__(self):
        return self._n

    @property
    def mean(self):
        total = 0
        for i in range(self._n):
            total += self._codes[i]
        return total / max(1, self._n)

    @property
    def rms(self):
        """About the mean."""
        mean = self.mean
        total = 0.0
        for i in range(self._n):
            total += (self._codes[i] - mean) ** 2
        return (total / max(1, self._n)) ** 0.5

    def _ends(self):
        low = high = self._codes[0] if self._n else 0
        for i in range(self._n):
            v = self._codes[i]
            if v < low:
                low = v
            elif v > high:
                high = v
        return low, high

    @property
    def peak(self):
        """Peak to peak."""
        low, high = self._ends()
        return high - low

    @property
    def step(self):
        """Half the distance of the two levels of a square wave: means of what lies near a level,
        nearer each time, so that the edges and their ringing don't count."""
        low, high = self._ends()
        span = high - low
        for share in (10, 50, 100):
            above = below = 0
            count_above = count_below = 0
            near = span // share + 2
            for i in range(self._n):
                v = self._codes[i]
                if -near <= v - high <= near:
                    above += v
                    count_above += 1
                elif -near <= v - low <= near:
                    below += v
                    count_below += 1
            if not count_above or not count_below:
                return (high - low) / 2
            high = above / count_above
            low = below / count_below
        return (high - low) / 2

    def hertz(self, rate):
        """Frequency by the distance of the first and last rising edge."""
        low, high = self._ends()
        middle = (low + high) / 2
        first = last = edges = 0
        for i in range(1, self._n):
            if self._codes[i - 1] <= middle < self._codes[i]:
                if not edges:
                    first = i
                last = i
                edges += 1
        return (edges - 1) * rate / (last - first) if edges > 1 else 0.0


def known_gains(afe, board, known_uv, sampler_of):
    """Gain errors in ppm by a square wave of `known_uv` peak to peak at the electrodes.

    A channel that shows less than a tenth of it has no signal and stays as it is (0). ValueError
    when no channel has one. Takes 5 s; `sampler_of(afe, board)` makes the sampler.
    """
    if afe.part.family == "1293":
        afe.configure(rate=250, lead_off_amperes=None)
    else:
        afe.configure(rate=250, lead_off=None)
    sampler = sampler_of(afe, board)
    stats = [Statistics(_KNOWN_MS * afe.rate // 1000 + 64) for _ in range(afe.channels)]
    sampler.run()
    try:
        begun = time.ticks_ms()
        while time.ticks_diff(time.ticks_ms(), begun) < _KNOWN_MS + 500:
            time.sleep_ms(5)
            n = sampler.take()
            if n and sampler.index * 2 > afe.rate:
                for c in range(afe.channels):
                    stats[c].add(sampler.channels[c], n, sampler.gap)
    finally:
        sampler.halt()
    seen = [2 * s.step * afe.nominal_nv(c) / 1000 for c, s in enumerate(stats)]
    if max(seen) * 10 < known_uv:
        raise ValueError(
            "no channel shows a square wave of %g uV (CH1 shows %.1f): is the source connected, "
            "and between 0.5 and 5 Hz?" % (known_uv, seen[0])
        )
    return [round((uv / known_uv - 1) * 1e6) if uv * 10 >= known_uv else 0 for uv in seen]
