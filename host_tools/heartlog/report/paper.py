"""Geometry of ECG paper in millimetres, shared by PDF and HTML so that both are to scale.

    shape = lay_out(row, strip)
    shape.grid_minor, shape.grid_major        # line segments
    shape.traces                              # polylines of (x, y), y upwards

The paper begins with a calibration pulse: 1 mV for 0.2 s (5 mm by 10 mm at the usual scale).
"""

from dataclasses import dataclass

import numpy as np

from heartlog.report.blocks import Strip, StripRow

CALIBRATION_MM = 8.0
"""Width kept for the pulse in front of the trace."""
PULSE_SECONDS = 0.2
LABEL_MM = 4.0
"""Height above the grid for the beats' labels."""
MIN_HEIGHT_MM, MAX_HEIGHT_MM = 25.0, 60.0
MIN_LABEL_GAP_MM = 11.0
MAX_POINTS_PER_MM = 10.0

Line = tuple[float, float, float, float]
Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Paper:
    """One row, in mm; the origin is the grid's lower left corner."""

    width: float
    height: float
    minor: list[Line]
    major: list[Line]
    pulse: Points
    traces: list[Points]
    labels: list[tuple[float, str]]
    ticks: list[float]
    moment: float | None
    clipped: bool
    """The signal is taller than the paper and was cut."""


def lay_out(row: StripRow, strip: Strip) -> Paper:
    """Return where everything of a row goes."""
    width = CALIBRATION_MM + row.seconds * strip.speed
    values = row.microvolts.astype(np.float64) / 1000.0 * strip.gain
    seen = values[np.isfinite(values)]
    middle = float(np.median(seen)) if len(seen) else 0.0
    below = above = 0.0
    if len(seen):
        below = middle - float(np.percentile(seen, 0.02))
        above = float(np.percentile(seen, 99.98)) - middle
    low = max(7.5, 2.5 * np.ceil((below + 2.0) / 2.5))
    high = max(12.5, 2.5 * np.ceil((above + 2.0) / 2.5))
    height = 5.0 * np.ceil((low + high) / 5.0)
    height = float(min(max(height, MIN_HEIGHT_MM), MAX_HEIGHT_MM))
    base = float(low) if low + high <= MAX_HEIGHT_MM else height * low / (low + high)
    base = 2.5 * round(base / 2.5)
    x = CALIBRATION_MM + np.arange(len(values)) / row.rate * strip.speed
    y = values - middle + base
    clipped = bool(len(seen)) and bool(((y < 0) | (y > height)).any())
    y = np.clip(y, 0.0, height)
    pulse_height = strip.gain
    left = 1.5
    right = left + PULSE_SECONDS * strip.speed
    pulse = [
        (0.0, base),
        (left, base),
        (left, base + pulse_height),
        (right, base + pulse_height),
        (right, base),
        (CALIBRATION_MM - 0.5, base),
    ]
    return Paper(
        width=width,
        height=height,
        minor=_grid(width, height, 1.0),
        major=_grid(width, height, 5.0),
        pulse=pulse,
        traces=_polylines(x, y, strip.speed, row.rate),
        labels=_labels(row, strip),
        ticks=[CALIBRATION_MM + s * strip.speed for s in range(int(row.seconds) + 1)],
        moment=None if row.moment is None else _place(row.moment, row, strip),
        clipped=clipped,
    )


def _place(seconds: float, row: StripRow, strip: Strip) -> float | None:
    if not 0 <= seconds <= row.seconds:
        return None
    return CALIBRATION_MM + seconds * strip.speed


def _grid(width: float, height: float, step: float) -> list[Line]:
    upright = [
        (float(x), 0.0, float(x), height)
        for x in np.arange(CALIBRATION_MM % step, width + 1e-6, step)
    ]
    flat = [(0.0, float(y), width, float(y)) for y in np.arange(0.0, height + 1e-6, step)]
    return upright + flat


def _polylines(x: np.ndarray, y: np.ndarray, speed: float, rate: float) -> list[Points]:
    """Split at holes; where samples are denser than print, keep each column's extremes."""
    per_column = int(rate / speed / MAX_POINTS_PER_MM * 2)
    good = np.isfinite(y)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], good.astype(np.int8), [0]))))
    lines: list[Points] = []
    for first, stop in zip(edges[::2], edges[1::2], strict=True):
        px, py = x[first:stop], y[first:stop]
        if per_column >= 3:
            px, py = _extremes(px, py, per_column)
        points = zip(px.tolist(), py.tolist(), strict=True)
        lines.append([(round(a, 3), round(b, 3)) for a, b in points])
    return lines


def _extremes(x: np.ndarray, y: np.ndarray, per: int) -> tuple[np.ndarray, np.ndarray]:
    keep: list[int] = []
    for at in range(0, len(y), per):
        part = y[at : at + per]
        keep += sorted({at + int(part.argmin()), at + int(part.argmax())})
    chosen = np.array(keep)
    return x[chosen], y[chosen]


def _labels(row: StripRow, strip: Strip) -> list[tuple[float, str]]:
    """Place labels; where beats come too close for the whole, the letter alone is written."""
    out: list[tuple[float, str]] = []
    last = -100.0
    for seconds, text in row.marks:
        x = CALIBRATION_MM + seconds * strip.speed
        if x - last < MIN_LABEL_GAP_MM:
            text = text.split()[0]
        if x - last < 3.0:
            continue
        out.append((x, text))
        last = x
    return out
