"""Heart rate: summary with times, hour by hour, and the trend for plots."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from heartlog.analysis.rr import Floats, Intervals, Mask, runs_of
from heartlog.analysis.settings import AnalysisSettings
from heartlog.store.types import DOUBTFUL, BeatKind

Beats = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class RateSummary:
    """Rates in beats per minute, times in UNIX seconds; None where there is nothing to tell."""

    beats: int
    mean: float | None
    lowest: float | None
    lowest_at: float | None
    highest: float | None
    highest_at: float | None
    longest_rr_ms: float | None
    longest_rr_at: float | None
    shortest_rr_ms: float | None
    shortest_rr_at: float | None


def rate_summary(beats: Beats, rr: Intervals, settings: AnalysisSettings) -> RateSummary:
    """Mean over all known RR; lowest and highest over `rate_beats` consecutive ones."""
    known = np.flatnonzero(rr.known)
    if len(known) == 0:
        return RateSummary(len(beats), *([None] * 9))
    ms = beats["rr_ms"].astype(np.float64)
    mean = 60_000.0 / float(ms[known].mean())
    rolling, ends = rolling_rate(beats, rr, settings.rate_beats)
    low = high = low_at = high_at = None
    if len(rolling):
        i, j = int(np.argmin(rolling)), int(np.argmax(rolling))
        low, high = float(rolling[i]), float(rolling[j])
        low_at, high_at = float(beats["time"][ends[i]]), float(beats["time"][ends[j]])
    longest = known[int(np.argmax(ms[known]))]
    shortest = known[int(np.argmin(ms[known]))]
    return RateSummary(
        len(beats),
        mean,
        low,
        low_at,
        high,
        high_at,
        float(ms[longest]),
        float(beats["time"][longest]),
        float(ms[shortest]),
        float(beats["time"][shortest]),
    )


def rolling_rate(beats: Beats, rr: Intervals, width: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return (rates, index of the window's last beat) over `width` consecutive known RR."""
    n = len(beats)
    if n < width + 1:
        return np.zeros(0), np.zeros(0, np.int64)
    total = np.concatenate(([0.0], np.cumsum(beats["rr_ms"], dtype=np.float64)))
    good = np.concatenate(([0], np.cumsum(rr.known)))
    ends = np.arange(width - 1, n)
    whole = (good[ends + 1] - good[ends + 1 - width]) == width
    ends = ends[whole]
    return width * 60_000.0 / (total[ends + 1] - total[ends + 1 - width]), ends


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive beats with a property; `first` and `stop` are beat indices."""

    kind: str
    first: int
    stop: int
    starts_at: float
    seconds: float
    beats: int
    rate: float
    """Mean rate within the run."""
    extreme: float
    """Lowest (slow) or highest (fast) rate over the settings' beats within it."""


def rate_runs(beats: Beats, rr: Intervals, settings: AnalysisSettings) -> list[Run]:
    """Return slow and fast runs in order of time.

    The rate is smoothed over 4 intervals, so that one premature beat with its pause does not
    break a run in two; a gap does.
    """
    found: list[Run] = []
    smooth, ends = rolling_rate(beats, rr, 4)
    if len(smooth) == 0:
        return found
    rate = np.full(len(beats), np.nan)
    rate[ends] = smooth
    with np.errstate(invalid="ignore"):
        masks: list[tuple[str, Mask]] = [
            ("slow", rate < settings.brady_bpm),
            ("fast", rate > settings.tachy_bpm),
        ]
    for kind, mask in masks:
        for first, stop in zip(*runs_of(mask), strict=True):
            begin = int(first) - 3  # the smoothed rate speaks for the four intervals before
            count = int(stop) - begin
            if count < settings.run_beats:
                continue
            span = beats["rr_ms"][begin:stop].astype(np.float64)
            inside = rate[first:stop]
            extreme = float(inside.min() if kind == "slow" else inside.max())
            found.append(
                Run(
                    kind,
                    begin,
                    int(stop),
                    float(beats["time"][begin]),
                    float(span.sum()) / 1000.0,
                    count,
                    60_000.0 / float(span.mean()),
                    extreme,
                )
            )
    return sorted(found, key=lambda run: run.starts_at)


@dataclass(frozen=True, slots=True)
class Pause:
    """One RR interval at or over the threshold."""

    beat: int
    at: float
    """UNIX seconds at which it begins."""
    rr_ms: float
    doubtful: bool
    """The signal was noisy, or the baseline wandered: beats may have been missed in it."""


def pauses(beats: Beats, rr: Intervals, settings: AnalysisSettings) -> list[Pause]:
    """Return pauses in order of time."""
    hits = np.flatnonzero(rr.known & (beats["rr_ms"] >= settings.pause_ms))
    return [
        Pause(
            int(i),
            float(beats["time"][i]) - float(beats["rr_ms"][i]) / 1000.0,
            float(beats["rr_ms"][i]),
            bool(beats["flags"][i] & DOUBTFUL),
        )
        for i in hits
    ]


@dataclass(frozen=True, slots=True)
class Bins:
    """Figures by equal spans of time. `starts` are UNIX seconds; NaN where nothing is known."""

    starts: Floats
    seconds: float
    beats: npt.NDArray[np.int64]
    mean: Floats
    low: Floats
    high: Floats
    longest_rr: Floats
    premature: npt.NDArray[np.int64]
    wide: npt.NDArray[np.int64]
    pauses: npt.NDArray[np.int64]
    known_seconds: Floats
    """Time covered by known RR intervals."""


def binned(
    beats: Beats,
    rr: Intervals,
    settings: AnalysisSettings,
    start: float,
    stop: float,
    seconds: float,
) -> Bins:
    """Return figures for each span of `seconds` from `start` to `stop` (UNIX seconds)."""
    count = max(1, int(np.ceil((stop - start) / seconds - 1e-9)))
    where = ((beats["time"] - start) // seconds).astype(np.int64)
    starts = start + seconds * np.arange(count, dtype=np.float64)
    return _figures(beats, rr, settings, where, starts, seconds)


def between(beats: Beats, rr: Intervals, settings: AnalysisSettings, edges: Floats) -> Bins:
    """Return figures between each two of `edges` (UNIX seconds, rising), which may differ.

    For days: one of 23 or 25 hours comes with daylight saving. `seconds` is the longest.
    """
    where = np.searchsorted(edges, beats["time"], side="right") - 1
    return _figures(beats, rr, settings, where, edges[:-1], float(np.diff(edges).max()))


def _figures(
    beats: Beats,
    rr: Intervals,
    settings: AnalysisSettings,
    where: npt.NDArray[np.int64],
    starts: Floats,
    seconds: float,
) -> Bins:
    """Add up by the bin that each beat lies in; beats outside of all bins are left out."""
    count = len(starts)
    inside = (where >= 0) & (where < count)
    where = np.clip(where, 0, count - 1)
    ms = beats["rr_ms"].astype(np.float64)
    use = inside & rr.known

    def tally(mask: Mask) -> npt.NDArray[np.int64]:
        return np.bincount(where[mask], minlength=count)

    total_ms = np.bincount(where[use], ms[use], minlength=count)
    beats_used = tally(use)
    rolling, ends = rolling_rate(beats, rr, settings.rate_beats)
    fits = inside[ends]
    low, high = _extremes(where[ends[fits]], rolling[fits], count)
    _, longest = _extremes(where[use], ms[use], count)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(beats_used > 0, 60_000.0 * beats_used / total_ms, np.nan)
    return Bins(
        starts,
        seconds,
        tally(inside),
        mean,
        low,
        high,
        longest,
        tally(inside & (beats["kind"] == BeatKind.PREMATURE)),
        tally(inside & (beats["kind"] == BeatKind.WIDE)),
        tally(use & (beats["rr_ms"] >= settings.pause_ms)),
        total_ms / 1000.0,
    )


def _extremes(where: npt.NDArray[np.int64], values: Floats, count: int) -> tuple[Floats, Floats]:
    """Return the lowest and highest value of each bin; `where` never goes down."""
    low, high = np.full(count, np.nan), np.full(count, np.nan)
    if len(values):
        starts = np.flatnonzero(np.diff(where, prepend=-1))
        low[where[starts]] = np.minimum.reduceat(values, starts)
        high[where[starts]] = np.maximum.reduceat(values, starts)
    return low, high
