"""The front end's own clock, straightened by the monitor's crystal.

    pace = Pace.of(notes, gaps, nominal=250.0)
    pace.even(index)              # samples that a converter of the nominal rate would have made

Most front ends convert by an oscillator of their own, which is off by half a percent and more,
and wanders with the temperature. The monitor notes now and then at which millisecond of its
crystal a sample was converted. Between two notes the oscillator is taken to be even, beyond them
to go on as next to them, where those tell. While nothing is converted, in a gap, the monitor
counts by its crystal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

TICKS_WRAP_MS = 1 << 30
"""MicroPython's `ticks_ms` begins again there, after twelve days."""
LONG_GAP_SECONDS = 10
"""Behind a gap of so much the monitor notes its crystal at once (crystal.py)."""
TELLING_SECONDS = 30
"""Two notes closer together tell nothing of how fast samples come: they are in milliseconds."""
MAX_ERROR = 0.03
"""An oscillator that is off by more is none (SBAS502: 2.5 % at most); such notes are not used."""


@dataclass(frozen=True)
class Pace:
    """Unwrapped sample indices `index`, and `straight`, where they were by the crystal (samples of
    the nominal rate); both empty where nothing was noted: then all is taken to be even."""

    index: Floats = field(default_factory=lambda: np.zeros(0))
    straight: Floats = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def of(
        cls,
        notes: Iterable[tuple[int, int]],
        gaps: Iterable[tuple[int, int]] = (),
        nominal: float = 250.0,
    ) -> Pace:
        """From a boot's notes (unwrapped index, ticks_ms) and gaps (unwrapped index, samples), in
        order; notes that can't be true are left out."""
        index: list[float] = []
        straight: list[float] = []
        before = 0
        for at, ticks in notes:
            if index:
                expected = (at - index[-1]) / nominal * 1000.0
                ms = float((ticks - before) % TICKS_WRAP_MS)
                ms += TICKS_WRAP_MS * round((expected - ms) / TICKS_WRAP_MS)
                # A millisecond or two either way: both ends were told in whole ones.
                if expected <= 0 or abs(ms - expected) > MAX_ERROR * expected + 2.0:
                    continue
                straight.append(straight[-1] + ms * nominal / 1000.0)
            else:
                straight.append(float(at))
            index.append(float(at))
            before = ticks
        if len(index) < 2:
            return cls()
        long = [(at, n) for at, n in gaps if n >= LONG_GAP_SECONDS * nominal]
        pace = cls(np.array(index), np.array(straight))
        return pace._on_beyond(long, nominal)._with_gaps(long)

    def _on_beyond(self, gaps: list[tuple[int, int]], nominal: float) -> Pace:
        """With a minute more at both ends, as fast as in the first and the last stretch that is
        long enough to tell, and has no gap in it."""
        told = [
            (self.straight[i + 1] - self.straight[i]) / (self.index[i + 1] - self.index[i])
            for i in range(len(self.index) - 1)
            if self.index[i + 1] - self.index[i] >= TELLING_SECONDS * nominal
            and not any(self.index[i] < at + n <= self.index[i + 1] for at, n in gaps)
        ] or [1.0]
        more = 60.0 * nominal
        return Pace(
            np.concatenate(([self.index[0] - more], self.index, [self.index[-1] + more])),
            np.concatenate(
                (
                    [self.straight[0] - more * told[0]],
                    self.straight,
                    [self.straight[-1] + more * told[-1]],
                )
            ),
        )

    def _with_gaps(self, long: list[tuple[int, int]]) -> Pace:
        """With the ends of each long gap, behind which there is a note soon."""
        if not long:
            return self
        first = np.array([at for at, _ in long], np.float64)
        lost = np.array([n for _, n in long], np.float64)
        ends = self.even(first + lost)
        index = np.concatenate((self.index, first, first + lost))
        straight = np.concatenate((self.straight, ends - lost, ends))
        order = np.argsort(index, kind="stable")
        index, straight = index[order], straight[order]
        rising = np.concatenate(([True], (np.diff(index) > 0) & (np.diff(straight) > 0)))
        return Pace(index[rising], straight[rising])

    @property
    def known(self) -> bool:
        """Whether the crystal has told anything."""
        return len(self.index) > 1

    def even(self, index: npt.ArrayLike) -> Floats:
        """Where samples lie by the crystal."""
        return through(np.asarray(index, np.float64), self.index, self.straight)


def through(x: Floats, at: Floats, value: Floats) -> Floats:
    """Straight from point to point, and on beyond the first and the last; x itself without any."""
    if len(at) < 2:
        return x
    i = np.clip(np.searchsorted(at, x) - 1, 0, len(at) - 2)
    slope = (value[i + 1] - value[i]) / (at[i + 1] - at[i])
    found: Floats = value[i] + (x - at[i]) * slope
    return found
