"""The heart rate over time in characters: a curve, a scale, and a bar of what was missing.

for line in plot_rate(overview, columns=80): print(line)
"""

from __future__ import annotations

import math
from datetime import UTC, tzinfo
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from heartlog.overview import GAP, LEAD_OFF, Overview
from heartlog.terminal.braille import Canvas
from heartlog.wall_time import written, zone_names

LABEL = 5
"""Columns left of the curve for the scale."""

BAR = {GAP: "#", LEAD_OFF: "x"}
"""Characters of the bar below; any other state that is not good is `~`. Plain ASCII, so that it
reads without colour."""


class Axis(NamedTuple):
    """An upright scale: `low` and `high` in the plot's unit, `step` between labels."""

    low: float
    high: float
    step: float

    @classmethod
    def around(cls, values: npt.NDArray[np.float64], least: float, rows: int) -> Axis:
        """A scale of round numbers that holds the values and spans at least `least`."""
        known = values[np.isfinite(values)]
        if len(known) == 0:
            return cls(0.0, least, least)
        low, high = float(known.min()), float(known.max())
        middle = (low + high) / 2
        half = max((high - low) / 2, least / 2)
        step = _round_step(2 * half / max(1, rows // 2))
        return cls(
            math.floor((middle - half) / step) * step,
            math.ceil((middle + half) / step) * step,
            step,
        )

    def at(self, value: float, height: int) -> int:
        """The dot row (0 at the top) of `value` on a canvas of `height` dots."""
        share = (value - self.low) / (self.high - self.low)
        return round((1 - share) * (height - 1))


def _round_step(raw: float) -> float:
    size = 10.0 ** math.floor(math.log10(raw))
    return next(size * f for f in (1, 2, 5, 10) if size * f >= raw)


def plot_rate(
    overview: Overview, columns: int = 80, rows: int = 8, zone: tzinfo | None = UTC
) -> list[str]:
    """Lines of at most `columns` characters: curve of beats/min, bar of gaps, times in `zone`."""
    width = columns - LABEL - 1
    canvas = Canvas(width, rows)
    # Five beats or more to a slice, so that the curve shows the rate and not single beats.
    slices = max(2, min(canvas.width, overview.beat_count // 5))
    rates = overview.trend(slices)
    axis = Axis.around(rates, 10.0, rows)
    before: tuple[int, int] | None = None
    for i, value in enumerate(rates):
        x = round((i + 0.5) / slices * canvas.width)
        if not math.isfinite(value):
            continue  # an empty slice; the line is broken below only where something is missing
        y = axis.at(float(value), canvas.height)
        if before is None or _broken(overview, before[0], x, canvas.width):
            canvas.dot(x, y)
        else:
            canvas.line(before[0], before[1], x, y)
        before = (x, y)
    labels = {
        min(rows - 1, axis.at(v, canvas.height) // 4): v
        for v in np.arange(axis.low, axis.high + axis.step / 2, axis.step)
    }
    lines = [
        f"{labels[row]:{LABEL - 1}.0f} {text}" if row in labels else " " * LABEL + text
        for row, text in enumerate(canvas.rows_text())
    ]
    bar = _bar(overview, width)
    if bar.strip():
        lines.append(" " * LABEL + bar)
    lines.append(_time_line(overview, width, zone))
    return [line.rstrip() for line in lines]


def _broken(overview: Overview, x0: int, x1: int, width: int) -> bool:
    """Whether a gap or a span without judged beats lies between two dots."""
    a = overview.start + (x0 + 0.5) / width * overview.seconds
    b = overview.start + (x1 + 0.5) / width * overview.seconds
    return any(s.start < b and s.stop > a for s in overview.missing)


def _bar(overview: Overview, width: int) -> str:
    """One character for each column: what was wrong there, the worst first."""
    marks = [" "] * width
    if overview.seconds <= 0:
        return ""
    for span in sorted(overview.spans, key=lambda s: s.kind == GAP):
        first = int((span.start - overview.start) / overview.seconds * width)
        last = math.ceil((span.stop - overview.start) / overview.seconds * width)
        for x in range(max(0, first), min(width, max(last, first + 1))):
            marks[x] = BAR.get(span.kind, "~")
    return "".join(marks)


def _time_line(overview: Overview, width: int, zone: tzinfo | None) -> str:
    form = "%H:%M:%S" if overview.seconds < 7200 else "%d %b %H:%M"
    left, right = (written(t, form, zone) for t in (overview.start, overview.stop))
    name = zone_names(overview.start, overview.stop, zone)
    room = width - len(left) - len(right)
    middle = name.center(room) if room > len(name) else " " * max(1, room)
    return " " * LABEL + left + middle + right
