"""An ECG strip in characters: two dots a column, four a row.

lines = strip_lines(model, columns=78, rows=9)
"""

import itertools

import numpy as np

from heartlog.review.model import ReviewModel
from heartlog.store import AFTER_GAP, BeatKind
from heartlog.terminal import Canvas

SECONDS = 6.0
LEAST_MV = 1.5
"""The scale never magnifies less than this to the full height, so that noise looks like noise."""
LETTERS = {
    BeatKind.UNCLASSIFIED: "?",
    BeatKind.NORMAL: "N",
    BeatKind.PREMATURE: "S",
    BeatKind.WIDE: "V",
    BeatKind.FUSION: "F",
    BeatKind.PACED: "P",
    BeatKind.ARTEFACT: "x",
}


def strip_lines(
    model: ReviewModel, columns: int, rows: int, seconds: float = SECONDS, unicode: bool = True
) -> list[str]:
    """Return beats' letters with RR, the trace (or why there is none), and the time line."""
    start = model.moment - seconds / 2
    marks = _marks(model, start, seconds, columns)
    window = model.window(seconds)
    if window is None:
        body = _without_ecg(model, start, seconds, columns, rows)
        scale = "no ECG kept here: bars are beats, their height the RR interval"
    else:
        body, span = _trace(window.microvolts, columns, rows, unicode)
        scale = f"{span:.1f} mV high, {seconds:g} s wide"
    foot = f"{model.clock.at(model.moment)}  {scale}"
    return [*marks, *body, foot[:columns]]


def _marks(model: ReviewModel, start: float, seconds: float, columns: int) -> list[str]:
    letters, intervals = [" "] * columns, [" "] * columns
    times = model.beats["time"]
    first, stop = np.searchsorted(times, [start, start + seconds])
    for i in range(int(first), int(stop)):
        beat = model.beats[i]
        at = int((float(beat["time"]) - start) / seconds * columns)
        at = max(0, min(columns - 1, at))
        letter = LETTERS.get(BeatKind(int(beat["kind"])), "?")
        known = beat["rr_ms"] > 0 and not int(beat["flags"]) & AFTER_GAP
        if i == model.cursor:
            _put(letters, at - 1, f"[{letter}]")
        elif letters[at] == " ":
            letters[at] = letter
        if known:
            text = f"{beat['rr_ms']:.0f}"
            _put(intervals, at - len(text) // 2, text)
    return ["".join(letters), "".join(intervals)]


def _put(line: list[str], at: int, text: str) -> None:
    """Write a text unless it would touch what is there."""
    at = max(0, min(len(line) - len(text), at))
    around = line[max(0, at - 1) : at + len(text) + 1]
    if text.startswith("[") or all(c == " " for c in around):
        line[at : at + len(text)] = list(text)


def _trace(
    microvolts: np.ndarray, columns: int, rows: int, unicode: bool
) -> tuple[list[str], float]:
    canvas = Canvas(columns, rows)
    seen = microvolts[np.isfinite(microvolts)]
    low, high = float(seen.min()), float(seen.max())
    middle, span = (low + high) / 2, max(high - low, LEAST_MV * 1000.0)
    edges = np.linspace(0, len(microvolts), canvas.width + 1).astype(np.int64)
    before: int | None = None
    for x, (a, b) in enumerate(itertools.pairwise(edges.tolist())):
        part = microvolts[a : max(b, a + 1)]
        part = part[np.isfinite(part)]
        if len(part) == 0:
            before = None
            continue
        y = [
            round((middle + span / 2 - float(v)) / span * (canvas.height - 1))
            for v in (part.max(), part.min())
        ]
        if before is not None:
            y = [min(y[0], before), max(y[1], before)]
        canvas.column(x, y[0], y[1])
        before = round((middle + span / 2 - float(part[-1])) / span * (canvas.height - 1))
    return canvas.rows_text(unicode), span / 1000.0


def _without_ecg(
    model: ReviewModel, start: float, seconds: float, columns: int, rows: int
) -> list[str]:
    canvas = Canvas(columns, rows)
    times = model.beats["time"]
    first, stop = np.searchsorted(times, [start, start + seconds])
    for beat in model.beats[int(first) : int(stop)]:
        x = int((float(beat["time"]) - start) / seconds * canvas.width)
        share = min(1.0, float(beat["rr_ms"]) / 2000.0) if beat["rr_ms"] > 0 else 0.1
        canvas.column(x, int((1 - share) * (canvas.height - 1)), canvas.height - 1)
    return canvas.rows_text()
