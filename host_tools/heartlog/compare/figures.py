"""Plots of a comparison; all sessions share each axis."""

import datetime as dt
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from heartlog.compare.numbers import Comparison
from heartlog.report.blocks import Plot
from heartlog.report.clock import elapsed
from heartlog.report.figures import STYLE

COLOURS = ("#0b6e8c", "#c4452d", "#7a5cc4", "#4f8a3c", "#b8860b", "#5b6770")
LINES = ("-", "--", "-.", ":", "-", "--")
"""Lines differ too, so that a print without colour can be read."""
MAX_POINTS = 8_000


def draw(comparison: Comparison, plot: Plot, width_mm: float) -> Figure:
    """Return the named figure."""
    with mpl.rc_context(STYLE):
        size = (width_mm / 25.4, plot.height_mm / 25.4)
        figure = Figure(figsize=size, layout="constrained")
        FIGURES[plot.name](figure, comparison)
    return figure


def _label(comparison: Comparison, i: int) -> str:
    return f"session {comparison.analyses[i].session.id}"


def _trend(figure: Figure, c: Comparison) -> None:
    axis = figure.add_subplot()
    by_clock = all(k.known for k in c.clocks) and all(
        a.quality.span_seconds > 6 * 3600 for a in c.analyses
    )
    for i, a in enumerate(c.analyses):
        if by_clock:
            x, y = _by_hour(a, c.clocks[i].zone)
        else:
            x, y = a.trend.starts - a.quality.start, a.trend.mean
        axis.plot(x, y, color=COLOURS[i], ls=LINES[i], lw=1.1, label=_label(c, i))
    axis.set_ylabel("mean rate (beats/min)")
    axis.legend(loc="lower right", bbox_to_anchor=(1.0, 0.98), ncols=6, borderpad=0)
    axis.grid(axis="y", color="#e3e7ea", lw=0.5)
    if by_clock:
        axis.set_xlim(0, 24)
        axis.set_xticks(range(0, 25, 3), [f"{h:02d}:00" for h in range(0, 25, 3)])
        axis.set_xlabel("hour of the day (mean of all days)")
    else:
        axis.set_xlim(left=0)
        axis.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 1.2, 1.8, 3, 6, 10]))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda v, _: elapsed(v)))
        axis.set_xlabel("time from each session's start (h:mm:ss)")


def _by_hour(a: Any, zone: dt.tzinfo) -> tuple[Any, Any]:
    """Mean rate for each half hour of the day, over all days."""
    t = a.trend
    hours = np.array(
        [
            (lambda d: d.hour + d.minute / 60)(dt.datetime.fromtimestamp(float(s), zone))
            for s in t.starts
        ]
    )
    where = np.minimum((hours * 2).astype(np.int64), 47)
    good = np.isfinite(t.mean)
    count = np.bincount(where[good], minlength=48)
    total = np.bincount(where[good], t.mean[good], minlength=48)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.arange(48) / 2 + 0.25, np.where(count > 0, total / count, np.nan)


def _span(c: Comparison) -> tuple[float, float]:
    values = [a.beats["rr_ms"][a.intervals.known] for a in c.analyses]
    joined = np.concatenate(values) if values else np.zeros(0)
    if len(joined) == 0:
        return 300.0, 1500.0
    low, high = np.percentile(joined, [0.1, 99.9])
    return max(0.0, float(low) - 50.0), float(high) + 50.0


def _histogram(figure: Figure, c: Comparison) -> None:
    axis = figure.add_subplot()
    low, high = _span(c)
    bins = np.arange(low, high + 16, 16).tolist()
    for i, a in enumerate(c.analyses):
        rr = a.beats["rr_ms"][a.intervals.known]
        weights = np.full(len(rr), 100.0 / max(1, len(rr)))
        axis.hist(
            np.clip(rr, low, high),
            bins,
            weights=weights,
            histtype="step",
            color=COLOURS[i],
            ls=LINES[i],
            lw=1.1,
            label=_label(c, i),
        )
    axis.set_xlabel("RR interval (ms)")
    axis.set_ylabel("% of intervals per 16 ms")
    axis.legend(loc="upper right")


def _poincare(figure: Figure, c: Comparison) -> None:
    axes = np.atleast_1d(figure.subplots(1, len(c.analyses), sharex=True, sharey=True))
    low, high = _span(c)
    for i, (axis, a) in enumerate(zip(axes, c.analyses, strict=True)):
        nn = a.intervals.nn
        follows = nn.copy()
        follows[1:] &= nn[:-1]
        follows[:1] = False
        hits = np.flatnonzero(follows)
        if len(hits) > MAX_POINTS:
            hits = hits[np.linspace(0, len(hits) - 1, MAX_POINTS).astype(np.int64)]
        rr = a.beats["rr_ms"]
        axis.plot(
            rr[hits - 1],
            rr[hits],
            ".",
            color=COLOURS[i],
            ms=1.5,
            alpha=0.5,
            mew=0,
            rasterized=True,
        )
        axis.plot((low, high), (low, high), color="#1b2733", lw=0.5, ls=":")
        axis.set_xlim(low, high)
        axis.set_ylim(low, high)
        axis.set_aspect("equal")
        axis.set_title(_label(c, i), fontsize=8)
        axis.set_xlabel("NN (ms)")
    axes[0].set_ylabel("next NN (ms)")


FIGURES = {"trend": _trend, "histogram": _histogram, "poincare": _poincare}
