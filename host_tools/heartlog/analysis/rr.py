"""Which RR intervals may be used for what.

    intervals = classify_rr(beats, settings)
    nn = beats["rr_ms"][intervals.nn]            # normal to normal
    intervals.left_out                           # {"after a gap": 3, "not between normal": 9}

An interval belongs to the beat that ends it. Nothing here crosses a gap: the device gives such a
beat no RR, and an interval whose two beats lie in different boots has none either.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter

from heartlog.analysis.settings import AnalysisSettings
from heartlog.store.types import AFTER_GAP, BeatKind

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Beats = npt.NDArray[Any]

NORMAL_KINDS = (BeatKind.NORMAL, BeatKind.UNCLASSIFIED)
MEDIAN_BEATS = 11


@dataclass(frozen=True, slots=True)
class Intervals:
    """Masks over the beats; True where the interval that the beat ends has the property."""

    known: Mask
    """There is an RR interval at all."""
    nn: Mask
    """Normal to normal, usable for heart rate variability."""
    left_out: dict[str, int]
    """Known or unknown intervals that are not NN, counted by the first reason that applies."""

    @property
    def nn_percent_out(self) -> float:
        """Intervals left out of NN, in percent of all beats after the first."""
        total = len(self.nn) - 1
        return 100.0 * (total - int(self.nn[1:].sum())) / total if total > 0 else 0.0


def usable(beats: Beats, settings: AnalysisSettings) -> Beats:
    """Return the beats without artefacts and without those below the confidence asked for.

    An interval that would span a beat taken out is unknown, not longer.
    """
    drop = beats["kind"] == BeatKind.ARTEFACT
    drop |= beats["confidence"] < settings.confidence_min
    if not drop.any():
        return beats
    out: Beats = beats[~drop].copy()
    before = np.zeros(len(beats), bool)
    before[1:] = drop[:-1]
    out["rr_ms"][before[~drop]] = 0.0
    return out


def classify_rr(beats: Beats, settings: AnalysisSettings) -> Intervals:
    """Sort intervals into known, NN and left out (with reasons)."""
    n = len(beats)
    rr = beats["rr_ms"].astype(np.float64)
    known = rr > 0
    known &= (beats["flags"] & AFTER_GAP) == 0
    if n:
        known[0] = False
    known[1:] &= beats["boot"][1:] == beats["boot"][:-1]
    normal = np.isin(beats["kind"], NORMAL_KINDS)
    between = normal.copy()
    between[1:] &= normal[:-1]
    in_range = (rr >= settings.nn_min_ms) & (rr <= settings.nn_max_ms)
    candidate = known & between & in_range
    steady = np.ones(n, bool)
    if candidate.any():
        median = local_median(rr, candidate)
        steady = np.abs(rr - median) <= settings.nn_tolerance * median
    nn = candidate & steady
    counted = np.arange(n) > 0
    reasons = {
        "after a gap or unknown": counted & ~known,
        "not between two normal beats": counted & known & ~between,
        "outside the range": counted & known & between & ~in_range,
        "too far from its neighbours": counted & candidate & ~steady,
    }
    return Intervals(known, nn, {name: int(mask.sum()) for name, mask in reasons.items()})


def local_median(rr: Floats, use: Mask, width: int = MEDIAN_BEATS) -> Floats:
    """Return, for every beat, the median of the `width` usable intervals around it (ms)."""
    chosen = np.flatnonzero(use)
    values = rr[chosen]
    smooth = median_filter(values, size=min(width, 2 * len(values) - 1), mode="nearest")
    out: Floats = np.interp(np.arange(len(rr)), chosen, smooth)
    return out


def runs_of(mask: Mask) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return (first, stop) indices of each run of True."""
    edges = np.diff(np.concatenate(([0], mask.astype(np.int8), [0])))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
