"""The picture of a session: numbers, heart rate over time, intervals, and a strip of ECG.

    draw_session(store, Overview.of(store, 12), Path("session-12.png"))

What is missing is shaded and named; nothing is drawn across it. The ECG strip has the boxes of
ECG paper (40 ms by 0.1 mV, bold each 0.2 s and 0.5 mV) in the proportions of 25 mm/s and 10 mm/mV.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from heartlog.ecg_sample import Strip, sample_strip
from heartlog.overview import GAP, LEAD_OFF, NOISY, Overview, duration
from heartlog.recorder.zone import own_zone
from heartlog.typeface.picture import families, pictured
from heartlog.wall_time import zone_names
from heartlog.whole_file import whole

if TYPE_CHECKING:
    from heartlog.store import Store

INK, FAINT, ACCENT, CALM = "#1d2733", "#66717d", "#c0264b", "#2f6690"
PAPER_LINE, PAPER_BOLD = "#f6d5d5", "#e9a5a5"
SHADES = {
    GAP: "#b9bec6",
    LEAD_OFF: "#f2b36b",
    NOISY: "#e6d9f2",
    "flat": "#bfe0d4",
    "settling": "#d6e6f5",
    "saturated": "#f3c6cf",
}
OTHER_SHADE = "#ead9c0"
KINDS = ((2, "#d98200", "premature"), (3, ACCENT, "wide"))
"""Beat kinds (`heartlog.store.BeatKind`) that get a colour of their own."""
WIDTH_INCHES, HEIGHT_INCHES, DPI = 14.0, 9.4, 120


def draw_session(
    store: Store,
    overview: Overview,
    file: Path,
    extra: Sequence[tuple[str, str]] = (),
    zone: tzinfo | None = None,
) -> None:
    """Draw `overview` to `file` (the ending says the format: png, svg, pdf).

    `extra` are more numbers for the top row, as (value, label); `zone` is the time zone of the
    axes, this computer's by default.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    zone = zone or ZoneInfo(own_zone())
    strip = sample_strip(store, overview)
    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    heights = (0.5, 2.3, 1.5, 2.1) if strip is not None else (0.5, 2.5, 1.7)
    grid = figure.add_gridspec(
        len(heights),
        2,
        height_ratios=heights,
        width_ratios=(3.4, 1),
        left=0.055,
        right=0.975,
        top=0.885,
        bottom=0.055 if strip is not None else 0.09,
        hspace=0.46,
        wspace=0.16,
    )
    _head(figure, overview, zone)
    _numbers(figure.add_subplot(grid[0, :]), overview, extra)
    rate = figure.add_subplot(grid[1, :])
    _rate(rate, overview, zone)
    _intervals(figure.add_subplot(grid[2, 0], sharex=rate), overview, zone)
    _scatter(figure.add_subplot(grid[2, 1]), overview)
    if strip is not None:
        _strip(figure.add_subplot(grid[3, :]), strip, overview, zone)
    figure.text(
        0.985,
        0.014,
        "Heart beats from a device for learning and research. Not a diagnosis.",
        ha="right",
        color=FAINT,
        fontsize=9,
    )
    with whole(file) as partial:
        figure.savefig(partial, format=file.suffix.lower()[1:])


def _dates(seconds: npt.ArrayLike) -> Any:
    """UNIX seconds as matplotlib's dates, in UTC: only the axis' labels know the zone."""
    from matplotlib.dates import date2num

    values = np.atleast_1d(np.asarray(seconds, np.float64))
    return date2num(np.asarray(values * 1e6, np.int64).astype("datetime64[us]"))


def _head(figure: Any, overview: Overview, zone: tzinfo) -> None:
    session = overview.session
    start = datetime.fromtimestamp(overview.start).astimezone(zone)
    who = " ".join(filter(None, (session.patient_identifier, session.patient_name)))
    title = f"Session {session.id}" + (f" · {who}" if who else "")
    title = pictured(title)
    font = {"family": families(title), "fontsize": 21, "fontweight": "bold"}
    figure.text(0.018, 0.955, title, parse_math=False, color=INK, **font)
    device = " · ".join(filter(None, (f"monitor {session.device_id}", session.part)))
    state = session.status + (f": {session.reason}" if session.reason else "")
    figure.text(
        0.018,
        0.922,
        f"{start:%A %d %B %Y, %H:%M:%S %Z} · {duration(overview.seconds)} · {device} · {state}",
        fontsize=11.5,
        color=FAINT,
    )
    figure.text(0.985, 0.955, "Heartlog", fontsize=15, ha="right", color=ACCENT, fontweight="bold")


def _numbers(axes: Any, overview: Overview, extra: Sequence[tuple[str, str]]) -> None:
    """A row of large numbers with small labels."""
    axes.set_axis_off()
    lowest, highest, longest = overview.lowest, overview.highest, overview.longest_rr
    usable = overview.usable_share
    items = [(f"{overview.beat_count:,}".replace(",", " "), "beats")]
    if np.isfinite(overview.mean_rate):
        items.append((f"{overview.mean_rate:.0f}", "mean beats/min"))
    if lowest is not None and highest is not None:
        items.append(
            (f"{lowest.value:.0f} – {highest.value:.0f}", "lowest – highest of 8 intervals")
        )
    if longest is not None:
        items.append((f"{longest.value / 1000:.2f} s", "longest interval"))
    items.append((f"{100 * usable:.1f} %" if np.isfinite(usable) else "–", "usable signal"))
    items.append((duration(overview.lead_off_seconds), "lead off"))
    items.append((f"{len(overview.gaps)}", "gaps"))
    items += extra
    # Shares of the row by the wider of number and label, so that none touches the next.
    sizes = [max(1.9 * len(value), len(label)) + 3.0 for value, label in items]
    x = -0.038
    for (value, label), size in zip(items, sizes, strict=True):
        axes.text(x, 0.98, value, fontsize=19, color=INK, va="top", transform=axes.transAxes)
        axes.text(x, 0.0, label, fontsize=9.5, color=FAINT, va="bottom", transform=axes.transAxes)
        x += size / max(sum(sizes), 120.0)


def _rate(axes: Any, overview: Overview, zone: tzinfo) -> None:
    x = _dates(overview.time)
    rates = overview.rate
    _shade(axes, overview, labels=True)
    thin = max(1, len(x) // 20000)
    size = float(np.clip(5.5 - len(x) / 2500, 1.5, 5.5))
    axes.plot(x[::thin], rates[::thin], ".", ms=size, color=CALM, alpha=0.35, mew=0)
    slices = int(min(360, max(20, overview.beat_count / 8)))
    centers = overview.start + (np.arange(slices) + 0.5) / slices * overview.seconds
    trend = overview.trend(slices)
    for piece in _pieces(centers, trend, overview):
        axes.plot(
            _dates(centers[piece]),
            trend[piece],
            color=ACCENT,
            lw=2.0,
            solid_capstyle="round",
        )
    for mark, name in overview.marks[:40]:
        at = float(_dates(mark)[0])
        axes.axvline(at, color=INK, lw=0.9, ls=(0, (3, 3)))
        if len(overview.marks) <= 6:
            axes.annotate(
                name,
                (at, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(3, -3),
                textcoords="offset points",
                va="top",
                fontsize=9,
                color=INK,
            )
    known = rates[np.isfinite(rates)]
    if len(known):
        low, high = np.percentile(known, (0.5, 99.5))
        room = max(8.0, 0.12 * (high - low))
        axes.set_ylim(max(0.0, low - room), high + room)
    _dress(axes, "Heart rate, beats/min", overview, zone)
    axes.set_title(
        "Heart rate: beat by beat (dots) and its average over time (line)",
        loc="left",
        fontsize=11,
        color=INK,
    )


def _pieces(
    centers: npt.NDArray[np.float64], trend: npt.NDArray[np.float64], overview: Overview
) -> list[npt.NDArray[np.intp]]:
    """Runs of neighbouring slices with a value: a line is broken where something is missing."""
    at = np.flatnonzero(np.isfinite(trend))
    if len(at) == 0:
        return []
    cuts = [
        i + 1
        for i, (a, b) in enumerate(pairwise(at))
        if any(s.start < centers[b] and s.stop > centers[a] for s in overview.missing)
    ]
    return np.split(at, cuts)


def _intervals(axes: Any, overview: Overview, zone: tzinfo) -> None:
    x = _dates(overview.time)
    _shade(axes, overview)
    thin = max(1, len(x) // 20000)
    size = float(np.clip(5.5 - len(x) / 2500, 1.5, 5.5))
    axes.plot(x[::thin], overview.rr[::thin], ".", ms=size, color=CALM, alpha=0.5, mew=0)
    for kind, color, name in KINDS:
        chosen = overview.kind == kind
        if chosen.any():
            axes.plot(
                x[chosen],
                overview.rr[chosen],
                ".",
                ms=max(size, 4),
                color=color,
                mew=0,
                label=f"{name}: {int(chosen.sum())}",
            )
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper right", fontsize=9, frameon=True, framealpha=0.9, ncols=2)
    _dress(axes, "RR interval, ms", overview, zone)
    axes.set_title("Intervals between beats", loc="left", fontsize=11, color=INK)


def _scatter(axes: Any, overview: Overview) -> None:
    """Each interval against the next (Poincaré): only pairs that really follow each other."""
    first, second = overview.rr[:-1], overview.rr[1:]
    pair = np.isfinite(first) & np.isfinite(second)
    axes.plot(first[pair], second[pair], ".", ms=4, color=CALM, alpha=0.45, mew=0)
    if pair.any():
        low = 0.9 * float(np.percentile(first[pair], 0.5))
        high = 1.08 * float(np.percentile(first[pair], 99.5))
        axes.plot((low, high), (low, high), color=FAINT, lw=0.8, ls=(0, (4, 4)))
        axes.set_xlim(low, high)
        axes.set_ylim(low, high)
    axes.set_xlabel("RR, ms", color=FAINT, fontsize=10, labelpad=1)
    axes.set_ylabel("next RR, ms", color=FAINT, fontsize=10)
    axes.set_title("Each interval and the next", loc="left", fontsize=11, color=INK)
    _frame(axes)
    axes.grid(color="#e8ebef", lw=0.8)


def _strip(axes: Any, strip: Strip, overview: Overview, zone: tzinfo) -> None:
    """ECG on paper: as many millimetres high as the room allows, never squeezed."""
    from matplotlib.ticker import MultipleLocator

    millivolts = strip.microvolts / 1000.0
    x = np.arange(len(millivolts)) / strip.rate
    box = axes.get_position()
    seconds = len(millivolts) / strip.rate
    ratio = (box.height * HEIGHT_INCHES) / (box.width * WIDTH_INCHES)
    low, high = float(np.percentile(millivolts, 0.05)), float(np.percentile(millivolts, 99.95))
    for gain in (10, 5, 2.5):  # mm/mV: the standard one, or halved until the trace fits
        tall = seconds * 25 / gain * ratio  # millivolts that fit beside 25 mm/s
        if high - low < 0.85 * tall:
            break
    middle = (low + high) / 2 - 0.05 * tall
    axes.set_xlim(0, seconds)
    axes.set_ylim(middle - tall / 2, middle + tall / 2)
    axes.xaxis.set_minor_locator(MultipleLocator(0.04))
    axes.xaxis.set_major_locator(MultipleLocator(0.2))
    axes.yaxis.set_minor_locator(MultipleLocator(0.1))
    axes.yaxis.set_major_locator(MultipleLocator(0.5))
    axes.yaxis.set_major_formatter(lambda v, _: f"{v:.0f}" if abs(v - round(v)) < 0.01 else "")
    axes.grid(which="minor", color=PAPER_LINE, lw=0.5)
    axes.grid(which="major", color=PAPER_BOLD, lw=0.8)
    axes.tick_params(which="both", length=0, labelbottom=False, labelsize=9, colors=FAINT)
    axes.set_axisbelow(True)
    axes.plot(x, millivolts, color=INK, lw=1.1)
    inside = (overview.time >= strip.start) & (overview.time <= strip.stop)
    bottom = axes.get_ylim()[0]
    at = overview.time[inside] - strip.start
    axes.plot(at, np.full(len(at), bottom + 0.05 * tall), "^", ms=6.5, color=ACCENT, mew=0)
    axes.set_ylabel("mV", color=FAINT, fontsize=10)
    when = datetime.fromtimestamp(strip.start).astimezone(zone)
    axes.set_title(
        f"{strip.title}, from {when:%H:%M:%S}, drawn as 25 mm/s : {gain:g} mm/mV"
        " (small box 40 ms × 0.1 mV), ▲ beat found by the monitor",
        loc="left",
        fontsize=11,
        color=INK,
    )
    for side in axes.spines.values():
        side.set_color(PAPER_BOLD)


def _shade(axes: Any, overview: Overview, labels: bool = False) -> None:
    named: set[str] = set()
    for span in overview.spans:
        a, b = (float(v) for v in _dates([span.start, span.stop]))
        new = labels and span.kind not in named
        named.add(span.kind)
        axes.axvspan(
            a,
            b,
            color=SHADES.get(span.kind, OTHER_SHADE),
            alpha=0.75,
            lw=0,
            label=span.kind if new else None,
        )
    if named and labels:
        axes.legend(loc="lower right", fontsize=9, frameon=True, framealpha=0.9, ncols=4)


def _dress(axes: Any, label: str, overview: Overview, zone: tzinfo) -> None:
    from matplotlib.dates import AutoDateLocator, DateFormatter

    axes.set_ylabel(label, color=FAINT, fontsize=10)
    edges = _dates([overview.start, max(overview.stop, overview.start + 1)])
    axes.set_xlim(float(edges[0]), float(edges[1]))
    axes.xaxis.set_major_locator(AutoDateLocator(minticks=4, maxticks=11, tz=zone))
    form = "%H:%M:%S" if overview.seconds < 900 else "%H:%M"
    axes.xaxis.set_major_formatter(
        DateFormatter(form if overview.seconds < 86400 else "%d %b %H:%M", tz=zone)
    )
    names = zone_names(overview.start, overview.stop, zone)
    if "," in names:
        axes.set_xlabel(f"time of day, {names}", color=FAINT, fontsize=9)
    axes.grid(color="#e8ebef", lw=0.8)
    axes.set_axisbelow(True)
    _frame(axes)


def _frame(axes: Any) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#c9ced6")
    axes.tick_params(colors=FAINT, labelsize=9.5)
