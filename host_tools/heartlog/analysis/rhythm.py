"""Premature and wide beats, and the screen for irregular rhythm.

Beat kinds come from the device's rule, from an imported reference, or from a person's correction.
The screen looks at RR intervals alone: it can't see P waves and never names a rhythm.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from heartlog.analysis.rr import Floats, Intervals, runs_of
from heartlog.analysis.settings import AnalysisSettings
from heartlog.store.types import BeatKind

Beats = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Ectopy:
    """Counts of one kind of beat and how they come together."""

    kind: int
    count: int
    burden: float
    """Percent of all beats."""
    couplets: int
    runs: int
    """Three or more in a row."""
    longest_run: int
    longest_run_at: float | None
    fastest_run: float | None
    """Mean rate of the fastest run, beats per minute."""
    bigeminy: int
    """Episodes of every other beat, three times or more."""
    trigeminy: int
    run_starts: tuple[int, ...]
    run_lengths: tuple[int, ...]


def ectopy(beats: Beats, kind: BeatKind) -> Ectopy:
    """Count beats of `kind`; a run never reaches over a gap."""
    mask = beats["kind"] == kind
    broken = beats["rr_ms"] <= 0
    label = np.cumsum(broken)
    starts, lengths = _runs_within(mask, label)
    long = lengths >= 3
    rates = [
        _run_rate(beats, int(a), int(n)) for a, n in zip(starts[long], lengths[long], strict=True)
    ]
    longest = int(np.argmax(lengths)) if len(lengths) else -1
    total = len(beats)
    return Ectopy(
        kind=int(kind),
        count=int(mask.sum()),
        burden=100.0 * float(mask.mean()) if total else 0.0,
        couplets=int((lengths == 2).sum()),
        runs=int(long.sum()),
        longest_run=int(lengths[longest]) if longest >= 0 and lengths[longest] >= 3 else 0,
        longest_run_at=(
            float(beats["time"][starts[longest]])
            if longest >= 0 and lengths[longest] >= 3
            else None
        ),
        fastest_run=max([r for r in rates if r is not None], default=None),
        bigeminy=_geminy(mask, label, 2),
        trigeminy=_geminy(mask, label, 3),
        run_starts=tuple(int(v) for v in starts[long]),
        run_lengths=tuple(int(v) for v in lengths[long]),
    )


def _runs_within(
    mask: npt.NDArray[np.bool_], label: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return (starts, lengths) of runs of True that don't cross a change of label."""
    starts, stops = runs_of(mask)
    out_a: list[int] = []
    out_n: list[int] = []
    for a, b in zip(starts, stops, strict=True):
        cuts = [int(a), *(int(a) + 1 + np.flatnonzero(np.diff(label[a:b]))).tolist(), int(b)]
        for x, y in itertools.pairwise(cuts):
            out_a.append(x)
            out_n.append(y - x)
    return np.array(out_a, np.int64), np.array(out_n, np.int64)


def _run_rate(beats: Beats, first: int, count: int) -> float | None:
    inner = beats["rr_ms"][first + 1 : first + count].astype(np.float64)
    if len(inner) == 0 or (inner <= 0).any():
        return None
    return 60_000.0 / float(inner.mean())


def _geminy(mask: npt.NDArray[np.bool_], label: npt.NDArray[Any], period: int) -> int:
    """Count episodes in which single beats come every `period` beats, three times or more."""
    at = np.flatnonzero(mask)
    if len(at) < 3:
        return 0
    linked = (np.diff(at) == period) & (label[at[1:]] == label[at[:-1]])
    first, stop = runs_of(linked)
    return int(((stop - first) >= 2).sum())


# Thresholds of Dash 2009 (page 1705): all three must hold for a window to count as irregular.
RMSSD_RATIO = 0.1
TURNING_POINTS = (0.54, 0.77)
ENTROPY = 0.7
ENTROPY_BINS = 16
ENTROPY_TRIM = 8
"""Longest and shortest intervals of a window left out of the entropy, against lone ectopics."""


@dataclass(frozen=True, slots=True)
class IrregularScreen:
    """Windows of consecutive known RR intervals and which of them are irregular."""

    windows: int
    irregular: int
    seconds: float
    """Time in irregular windows."""
    judged_seconds: float
    episodes: tuple[tuple[float, float], ...]
    """(start, stop) in UNIX seconds of adjoining irregular windows."""

    @property
    def percent(self) -> float:
        """Time in irregular windows, percent of the time judged."""
        return 100.0 * self.seconds / self.judged_seconds if self.judged_seconds else 0.0


def irregular_screen(beats: Beats, rr: Intervals, settings: AnalysisSettings) -> IrregularScreen:
    """Judge windows one after the other; none reaches over a gap.

    Intervals before and after a wide, fusion or paced beat are left out (frequent extrasystoles
    would look irregular); early narrow beats stay in, since atrial fibrillation is full of them.
    """
    width = settings.irregular_beats
    odd = np.isin(beats["kind"], (BeatKind.WIDE, BeatKind.FUSION, BeatKind.PACED))
    use = rr.known & ~odd
    use[1:] &= ~odd[:-1]
    chosen = np.flatnonzero(use)
    label = np.cumsum(~rr.known)[chosen]
    starts: list[int] = []
    edges = np.flatnonzero(np.diff(label, prepend=-1, append=-1))
    for first, stop in itertools.pairwise(edges):
        starts += range(int(first), int(stop) - width + 1, width)
    if not starts:
        return IrregularScreen(0, 0, 0.0, 0.0, ())
    begin = np.array(starts)
    windows = sliding_window_view(beats["rr_ms"][chosen].astype(np.float64), width)[begin]
    hits = _irregular(windows)
    stop_time = beats["time"][chosen[begin + width - 1]]
    start_time = beats["time"][chosen[begin]] - windows[:, 0] / 1000.0
    spans = stop_time - start_time
    episodes: list[tuple[float, float]] = []
    for hit, a, b in zip(hits, start_time, stop_time, strict=True):
        if not hit:
            continue
        if episodes and a - episodes[-1][1] < JOIN_SECONDS:
            episodes[-1] = (episodes[-1][0], float(b))
        else:
            episodes.append((float(a), float(b)))
    return IrregularScreen(
        len(begin), int(hits.sum()), float(spans[hits].sum()), float(spans.sum()), tuple(episodes)
    )


JOIN_SECONDS = 5.0
"""Irregular windows with less than this between them are one episode."""


def _irregular(windows: Floats) -> npt.NDArray[np.bool_]:
    steps = np.diff(windows, axis=1)
    ratio = np.sqrt((steps**2).mean(axis=1)) / windows.mean(axis=1)
    turns = ((steps[:, 1:] * steps[:, :-1]) < 0).mean(axis=1)
    ordered = np.sort(windows, axis=1)[:, ENTROPY_TRIM:-ENTROPY_TRIM]
    low, span = ordered[:, :1], np.maximum(np.ptp(ordered, axis=1, keepdims=True), 1e-9)
    where = np.minimum((ordered - low) / span * ENTROPY_BINS, ENTROPY_BINS - 1).astype(np.int64)
    rows = np.arange(len(windows))[:, None]
    counts = np.bincount(
        (where + rows * ENTROPY_BINS).ravel(), minlength=len(windows) * ENTROPY_BINS
    ).reshape(len(windows), ENTROPY_BINS)
    share = counts / ordered.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(share > 0, share * np.log(share), 0.0)
    entropy = -terms.sum(axis=1) / np.log(ENTROPY_BINS)
    low_turns, high_turns = TURNING_POINTS
    return np.asarray(
        (ratio > RMSSD_RATIO) & (turns > low_turns) & (turns < high_turns) & (entropy > ENTROPY)
    )
