"""Beat-by-beat scoring as ANSI/AAMI EC57 asks.

A detected beat and a reference beat match when they are within 150 ms of each other, one to one:
as many pairs as there can be, and of those choices the one with the least total distance. (WFDB's
`bxb` decides beat by beat; it differs only where beats are closer than 300 ms.) Between the
marks `[` and `]` (ventricular flutter or fibrillation) nothing is counted. Scoring begins at the
first sample: no learning time is given. Sensitivity is TP / (TP + FN), positive predictivity
TP / (TP + FP).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heartlog.evaluation.records import Reference

WINDOW_S = 0.150
BEATS = frozenset("NLRBAaJSVrFejnE/fQ?")
"""WFDB's symbols for beats (`!`, a flutter wave, is none)."""
VENTRICULAR = frozenset("VEr")
"""AAMI class V: ventricular ectopic beats, escapes, R-on-T."""
NOT_COUNTED_AS_FALSE_V = frozenset("F/fQ?")
"""Fusion, paced and unclassifiable beats: called V they are neither right nor wrong (EC57)."""


@dataclass(frozen=True)
class Score:
    """What matched: indices into the reference's beats and into the detections, pair by pair."""

    beats: NDArray[np.int64]
    """Sample numbers of the reference beats that count."""
    symbols: NDArray[np.str_]
    """Their symbols."""
    pairs: NDArray[np.int64]
    """Shape (TP, 2): index of a reference beat, index of a detection."""
    missed: NDArray[np.int64]
    """Indices of reference beats without a detection."""
    extra: NDArray[np.int64]
    """Indices of detections without a reference beat."""

    @property
    def tp(self) -> int:
        """Beats found."""
        return len(self.pairs)

    @property
    def fn(self) -> int:
        """Beats missed."""
        return len(self.missed)

    @property
    def fp(self) -> int:
        """Detections that are no beat."""
        return len(self.extra)


@dataclass
class Counts:
    """Sums over records; `se` and `ppv` in percent, None where nothing can be said."""

    records: int = 0
    beats: int = 0
    tp: int = 0
    fp: int = 0
    fn: int = 0

    def add(self, score: Score) -> None:
        """Counts one record more."""
        self.records += 1
        self.beats += score.tp + score.fn
        self.tp += score.tp
        self.fp += score.fp
        self.fn += score.fn

    @property
    def se(self) -> float | None:
        """Sensitivity."""
        return percent(self.tp, self.tp + self.fn)

    @property
    def ppv(self) -> float | None:
        """Positive predictivity."""
        return percent(self.tp, self.tp + self.fp)


@dataclass
class ClassCounts:
    """Ventricular against other beats: EC57's Vv, (Vn + missed), and (Nv + Ov)."""

    tp: int = 0
    fn: int = 0
    fp: int = 0
    others: int = 0

    def add(self, other: ClassCounts) -> None:
        """Adds those of another record."""
        self.tp += other.tp
        self.fn += other.fn
        self.fp += other.fp
        self.others += other.others

    @property
    def se(self) -> float | None:
        """Sensitivity in percent."""
        return percent(self.tp, self.tp + self.fn)

    @property
    def ppv(self) -> float | None:
        """Positive predictivity in percent."""
        return percent(self.tp, self.tp + self.fp)


def percent(part: int, whole: int) -> float | None:
    """100 part / whole, None for nothing of nothing."""
    return 100.0 * part / whole if whole else None


def match(
    reference: NDArray[np.int64], test: NDArray[np.int64], window: int
) -> list[tuple[int, int]]:
    """Pairs (index in reference, index in test), one to one, at most `window` samples apart.

    Both arrays ascend. As many pairs as possible; of those choices the least total distance.
    """
    a, b = reference.tolist(), test.tolist()
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < len(a) and j < len(b):
        if a[i] + window < b[j]:
            i += 1
        elif b[j] + window < a[i]:
            j += 1
        else:
            # A cluster: beats that follow each other within the window, from either list.
            i_end, j_end, last = i + 1, j + 1, max(a[i], b[j])
            while True:
                if i_end < len(a) and a[i_end] <= last + window:
                    last, i_end = max(last, a[i_end]), i_end + 1
                elif j_end < len(b) and b[j_end] <= last + window:
                    last, j_end = max(last, b[j_end]), j_end + 1
                else:
                    break
            if (i_end - i, j_end - j) == (1, 1):
                pairs.append((i, j))
            else:
                best = _match_cluster(a[i:i_end], b[j:j_end], window)
                pairs += [(i + m, j + n) for m, n in best]
            i, j = i_end, j_end
    return pairs


def _match_cluster(a: list[int], b: list[int], window: int) -> list[tuple[int, int]]:
    """The best pairs among a few beats, by dynamic programming over both lists."""
    # best[m][n]: (pairs, -distance) of what the last m of a and the last n of b allow.
    best = [[(0, 0)] * (len(b) + 1) for _ in range(len(a) + 1)]
    for m in range(1, len(a) + 1):
        for n in range(1, len(b) + 1):
            best[m][n] = max(best[m - 1][n], best[m][n - 1])
            distance = abs(a[-m] - b[-n])
            if distance <= window:
                pairs, total = best[m - 1][n - 1]
                best[m][n] = max(best[m][n], (pairs + 1, total - distance))
    chosen: list[tuple[int, int]] = []
    m, n = len(a), len(b)
    while m and n:
        if best[m][n] == best[m - 1][n]:
            m -= 1
        elif best[m][n] == best[m][n - 1]:
            n -= 1
        else:
            chosen.append((len(a) - m, len(b) - n))
            m, n = m - 1, n - 1
    return chosen


def score(reference: Reference, test: NDArray[np.int64], fs: float) -> Score:
    """Scores detections (ascending sample numbers) against a reference, both at `fs`."""
    is_beat = np.array([s in BEATS for s in reference.symbols], dtype=bool)
    beats, symbols = reference.samples[is_beat], reference.symbols[is_beat]
    pairs = match(beats, test, int(WINDOW_S * fs))
    flutter = flutter_spans(reference)
    missed = np.setdiff1d(np.arange(len(beats)), [i for i, _ in pairs])
    extra = np.setdiff1d(np.arange(len(test)), [j for _, j in pairs])
    missed = missed[~_inside(beats[missed], flutter)]
    extra = extra[~_inside(test[extra], flutter)]
    return Score(beats, symbols, np.array(pairs, dtype=np.int64).reshape(-1, 2), missed, extra)


def flutter_spans(reference: Reference) -> list[tuple[int, int]]:
    """First and last sample between `[` and `]`; one that never closes lasts to the end."""
    spans: list[tuple[int, int]] = []
    start: int | None = None
    for sample, symbol in zip(reference.samples.tolist(), reference.symbols, strict=True):
        if symbol == "[" and start is None:
            start = sample
        elif symbol == "]" and start is not None:
            spans.append((start, sample))
            start = None
    if start is not None:
        spans.append((start, np.iinfo(np.int64).max))
    return spans


def _inside(samples: NDArray[np.int64], spans: list[tuple[int, int]]) -> NDArray[np.bool_]:
    inside = np.zeros(len(samples), dtype=bool)
    for start, end in spans:
        inside |= (samples >= start) & (samples <= end)
    return inside


def score_ventricular(scored: Score, called: NDArray[np.bool_]) -> ClassCounts:
    """Ventricular beats (V) against normal and supraventricular ones (N, S).

    `called[j]` tells whether detection j was called ventricular. A missed V counts against
    sensitivity; an extra detection called V against predictivity, as EC57's tables have it.
    """
    counts = ClassCounts()
    for i, j in scored.pairs.tolist():
        symbol = scored.symbols[i]
        if symbol in VENTRICULAR:
            counts.tp += bool(called[j])
            counts.fn += not called[j]
        elif symbol not in NOT_COUNTED_AS_FALSE_V:
            counts.fp += bool(called[j])
            counts.others += 1
    counts.fn += sum(scored.symbols[i] in VENTRICULAR for i in scored.missed)
    counts.fp += int(np.count_nonzero(called[scored.extra]))
    return counts
