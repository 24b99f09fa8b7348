"""The last seconds of ECG, as they scroll by.

    trace = Trace(rate=250, seconds=4.0)
    trace.add(first_sample, microvolts)
    canvas = trace.draw(columns=70, rows=10)

Samples have their index, so that a piece that was lost on the way is a hole in the trace, and a
beat can be marked where it is.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from heartlog.terminal.braille import Canvas

LEAST_MICROVOLTS = 800.0
"""The trace is not magnified beyond this height: noise without a heart must look small."""


class Trace:
    """`seconds` of ECG at `rate` samples/s; NaN where nothing has come."""

    def __init__(self, rate: float, seconds: float = 4.0) -> None:
        self.rate = rate
        self.size = round(rate * seconds)
        self._values: npt.NDArray[np.float32] = np.full(self.size, np.nan, np.float32)
        self.end: int | None = None
        """Sample index just after the newest sample."""

    @property
    def empty(self) -> bool:
        return self.end is None

    def add(self, first: int, microvolts: npt.ArrayLike) -> None:
        """Take samples from index `first` on; what lies between is a hole."""
        new = np.asarray(microvolts, np.float32)
        if self.end is None or first < self.end - self.size or first > self.end + self.size:
            self._values[:] = np.nan
            self.end = first
        if first < self.end:  # a repeat: only what is new counts
            new = new[self.end - first :]
            first = self.end
        if len(new) == 0:
            return
        stop = first + len(new)
        self._scroll(stop - self.end)
        self.end = stop
        new = new[-self.size :]
        self._values[self.size - len(new) :] = new

    def _scroll(self, count: int) -> None:
        count = min(count, self.size)
        self._values[: self.size - count] = self._values[count:]
        self._values[self.size - count :] = np.nan

    def scale(self) -> tuple[float, float]:
        """(lowest, highest) microvolts of the picture: all that there is, and some room."""
        known = self._values[np.isfinite(self._values)]
        if len(known) == 0:
            return -LEAST_MICROVOLTS / 2, LEAST_MICROVOLTS / 2
        low, high = float(known.min()), float(known.max())
        room = max(0.05 * (high - low), (LEAST_MICROVOLTS - (high - low)) / 2)
        return low - room, high + room

    def draw(self, columns: int, rows: int) -> Canvas:
        """The trace, newest at the right; each dot column spans all of its samples."""
        canvas = Canvas(columns, rows)
        low, high = self.scale()
        top = canvas.height - 1
        edges = np.linspace(0, self.size, canvas.width + 1).round().astype(int)
        before: tuple[int, int] | None = None
        for x in range(canvas.width):
            piece = self._values[edges[x] : edges[x + 1]]
            piece = piece[np.isfinite(piece)]
            if len(piece) == 0:
                before = None
                continue
            y = [round((high - float(v)) / (high - low) * top) for v in (piece.max(), piece.min())]
            upper, lower = y
            if before is not None:  # join to the column before, so that no slope is torn
                if upper > before[1]:
                    canvas.column(x, before[1], upper)
                elif lower < before[0]:
                    canvas.column(x, lower, before[0])
            canvas.column(x, upper, lower)
            before = (upper, lower)
        return canvas

    def column_of(self, sample: int, columns: int) -> int | None:
        """The character column of a sample index; None if it is not in the picture."""
        if self.end is None:
            return None
        place = sample - (self.end - self.size)
        if not 0 <= place < self.size:
            return None
        return place * columns // self.size
