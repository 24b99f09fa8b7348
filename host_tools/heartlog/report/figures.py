"""The report's plots, by matplotlib: each function fills one figure of a given width.

figure = draw("rate_trend", material, width_mm=186, height_mm=52)
"""

from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from matplotlib.ticker import FuncFormatter, MaxNLocator

from heartlog.report.clock import elapsed
from heartlog.report.gather import Material
from heartlog.store import AFTER_GAP, BeatKind
from heartlog.wall_time import zone_names

INK, ACCENT, BAND = "#1b2733", "#0b6e8c", "#a9d3df"
EARLY, WIDE, BAD, OFF = "#7a5cc4", "#c4452d", "#c9ced3", "#d98b7f"
EARLY_FILL, GAP_FILL, GOOD_FILL = "#cdc3f2", "#6f7880", "#cdeed5"
"""Told apart in black and white, too: by how dark they are, by hatching, and by where they lie."""
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 7.5,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "heartlog",
}
LONG_SECONDS = 48 * 3600.0
MAX_POINTS = 20_000
"""Points in a Poincaré plot: more make it slower, not clearer."""


def draw(name: str, m: Material, width_mm: float, height_mm: float, about: int = -1) -> Figure:
    """Return the named figure."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width_mm / 25.4, height_mm / 25.4), layout="constrained")
        FIGURES[name](figure, m, about)
    return figure


def _x(m: Material, times: Any) -> Any:
    """Plot positions: dates in the session's zone, or seconds from the start."""
    values = np.atleast_1d(np.asarray(times, np.float64))
    if not m.clock.known:
        return values - m.clock.start
    return date2num(np.asarray(values * 1e6, "int64").astype("datetime64[us]"))


def _time_axis(axis: Any, m: Material, start: float, stop: float) -> None:
    axis.set_xlim(*_x(m, [start, max(stop, start + 1.0)]))
    if m.clock.known:
        locator = AutoDateLocator(minticks=4, maxticks=9, tz=m.clock.zone)
        axis.xaxis.set_major_locator(locator)
        form = ConciseDateFormatter(locator, tz=m.clock.zone)
        form.formats[5], form.zero_formats[5] = "%H:%M:%S", "%H:%M"
        axis.xaxis.set_major_formatter(form)
        name = zone_names(start, stop, m.clock.zone)
        word = "date" if stop - start > LONG_SECONDS else "time of day"
        axis.set_xlabel(f"{word} ({name})")
    else:
        axis.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 1.2, 1.8, 3, 6, 10]))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda v, _: elapsed(v)))
        axis.set_xlabel("time from the start (h:mm:ss)")


def _shade(axis: Any, m: Material) -> None:
    for start, stop, why in m.analysis.quality.bad_spans[:2000]:
        a, b = _x(m, [start, stop])
        colour = OFF if why.startswith("lead off") else BAD
        axis.axvspan(a, b, color=colour, alpha=0.55, lw=0)


def _rate_trend(figure: Figure, m: Material, about: int) -> None:
    axis = figure.add_subplot()
    t, q = m.analysis.trend, m.analysis.quality
    x = _x(m, t.starts + t.seconds / 2)
    _shade(axis, m)
    axis.fill_between(x, t.low, t.high, color=BAND, lw=0)
    axis.plot(x, t.mean, color=ACCENT, lw=0.9)
    alone = np.isfinite(t.mean)
    alone[1:] &= ~np.isfinite(t.mean[:-1])
    alone[:-1] &= ~np.isfinite(t.mean[1:])
    axis.plot(x[alone], t.mean[alone], ".", color=ACCENT, ms=2)
    with np.errstate(invalid="ignore"):
        top = np.nanmax(t.high) if np.isfinite(t.high).any() else 100.0
        low = np.nanmin(t.low) if np.isfinite(t.low).any() else 40.0
    axis.set_ylim(max(0.0, 10 * np.floor(low / 10 - 0.5)), 10 * np.ceil(top / 10 + 0.5))
    # What lies outside the session would be drawn over the margins, or off the page.
    inside = [e for e in m.events if q.start <= e.at <= q.stop]
    told = [e.at for e in inside if e.source != "signal"]
    if told:
        y = axis.get_ylim()[1]
        spots = _x(m, told)
        axis.plot(spots, np.full(len(spots), y), "v", color=WIDE, ms=5, clip_on=False)
    axis.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    axis.grid(axis="y", color="#e3e7ea", lw=0.5)
    axis.set_axisbelow(True)
    axis.set_ylabel("beats per minute")
    _time_axis(axis, m, q.start, q.stop)


def _burden_trend(figure: Figure, m: Material, about: int) -> None:
    axis = figure.add_subplot()
    t, q = m.analysis.trend, m.analysis.quality
    per = max(1, int(np.ceil(len(t.starts) / 96)))
    edges = np.arange(0, len(t.starts), per)
    early = np.add.reduceat(t.premature, edges)
    wide = np.add.reduceat(t.wide, edges)
    x = _x(m, t.starts[edges])
    step = _x(m, [t.starts[0], t.starts[0] + per * t.seconds])
    width = float(step[1] - step[0]) * 0.9
    axis.bar(x, wide, width, align="edge", color=WIDE, label="wide")
    look = {"color": EARLY_FILL, "hatch": "////", "edgecolor": EARLY, "lw": 0}
    axis.bar(x, early, width, align="edge", bottom=wide, label="early, narrow", **look)
    axis.set_ylim(0, max(1.0, float((early + wide).max(initial=0)) * 1.25))
    axis.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    seconds = per * t.seconds
    unit = f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"
    axis.set_ylabel(f"beats per {unit}")
    axis.legend(loc="upper right", ncols=2, borderaxespad=0.1)
    _time_axis(axis, m, q.start, q.stop)


def _quality_trend(figure: Figure, m: Material, about: int) -> None:
    axis = figure.add_subplot()
    q = m.analysis.quality
    a, b = _x(m, [q.start, max(q.stop, q.start + 1.0)])
    axis.axvspan(a, b, color=GOOD_FILL, lw=0)
    for start, stop, why in q.bad_spans[:5000]:
        x0, x1 = _x(m, [start, stop])
        off = why.startswith("lead off")
        axis.axvspan(
            x0, x1, 0.5 * off, 1.0 if off else 0.5, color=WIDE if off else GAP_FILL, lw=0.4
        )
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)
    _time_axis(axis, m, q.start, q.stop)


def _rr_plots(figure: Figure, m: Material, about: int) -> None:
    left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
    beats, rr = m.analysis.beats, m.analysis.intervals
    values = beats["rr_ms"][rr.known].astype(np.float64)
    if len(values) == 0:
        for axis in (left, right):
            axis.set_axis_off()
            axis.text(0.5, 0.5, "no RR interval is known", ha="center", transform=axis.transAxes)
        return
    low, high = np.percentile(values, [0.05, 99.95])
    low, high = max(0.0, low - 60.0), high + 60.0
    bins = np.arange(low, high + 16, 16)
    normal = beats["rr_ms"][rr.nn]
    left.hist(np.clip(values, low, high), bins, color=BAND, label="all RR")
    left.hist(np.clip(normal, low, high), bins, histtype="step", color=ACCENT, label="NN")
    left.set_xlabel("RR interval (ms)")
    left.set_ylabel("intervals per 16 ms")
    left.legend(loc="upper right")
    follows = rr.nn.copy()
    follows[1:] &= rr.nn[:-1]
    follows[:1] = False
    hits = np.flatnonzero(follows)
    if len(hits) > MAX_POINTS:
        hits = hits[np.linspace(0, len(hits) - 1, MAX_POINTS).astype(np.int64)]
    x, y = beats["rr_ms"][hits - 1], beats["rr_ms"][hits]
    size = 1.6 if len(hits) > 2000 else 3.5
    right.plot(x, y, ".", color=ACCENT, ms=size, alpha=0.5, rasterized=True, mew=0)
    if len(hits):  # what pauses and early beats there are is in the histogram
        low, high = min(x.min(), y.min()) - 60.0, max(x.max(), y.max()) + 60.0
    span = (low, high)
    right.plot(span, span, color=INK, lw=0.5, ls=":")
    h = m.analysis.hrv
    if h.sd1 and h.sd2 and h.mean_nn and len(hits):
        centre = (h.mean_nn, h.mean_nn)
        right.add_patch(Ellipse(centre, 2 * h.sd2, 2 * h.sd1, angle=45, fc="none", ec=WIDE, lw=1))
    if len(hits) == 0:
        right.text(0.5, 0.5, "no NN intervals in a row", ha="center", transform=right.transAxes)
    right.set_xlim(span)
    right.set_ylim(span)
    right.set_aspect("equal")
    right.set_xlabel("NN interval (ms)")
    right.set_ylabel("next NN interval (ms)")


def _event_rr(figure: Figure, m: Material, about: int) -> None:
    axis = figure.add_subplot()
    at = m.events[about].at
    beats = m.analysis.timeline.beats
    first, stop = np.searchsorted(beats["time"], [at - 45.0, at + 45.0])
    near = beats[first:stop]
    known = (near["rr_ms"] > 0) & ((near["flags"] & AFTER_GAP) == 0)
    x = near["time"] - at
    for start, end, _ in m.analysis.quality.bad_spans:
        if end > at - 45 and start < at + 45:
            axis.axvspan(max(start - at, -45), min(end - at, 45), color=BAD, lw=0)
    y = np.where(known, near["rr_ms"], np.nan)
    axis.plot(x, y, color=ACCENT, lw=0.8, marker=".", ms=3)
    for kind, colour, word in (
        (BeatKind.PREMATURE, EARLY, "early"),
        (BeatKind.WIDE, WIDE, "wide"),
    ):
        hit = known & (near["kind"] == kind)
        if hit.any():
            axis.plot(x[hit], near["rr_ms"][hit], "o", color=colour, ms=3.5, label=word)
            axis.legend(loc="lower right", bbox_to_anchor=(1.0, 0.98), ncols=2, borderpad=0)
    axis.axvline(0.0, color=WIDE, lw=1)
    axis.set_xlim(-45, 45)
    if not known.any():
        axis.text(0.25, 0.5, "no beats were found here", transform=axis.transAxes)
        axis.set_yticks([])
    axis.set_xlabel("seconds from the event")
    axis.set_ylabel("RR (ms)")
    axis.grid(axis="y", color="#e3e7ea", lw=0.5)


FIGURES: dict[str, Callable[[Figure, Material, int], None]] = {
    "rate_trend": _rate_trend,
    "burden_trend": _burden_trend,
    "quality_trend": _quality_trend,
    "rr_plots": _rr_plots,
    "event_rr": _event_rr,
}
