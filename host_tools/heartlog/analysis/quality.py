"""How much of a session can be believed: signal states, lead-off, gaps with reasons, the clock.

q = quality(timeline, start, stop)
q.analysable_percent, q.off_seconds["LA"], q.gaps
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from heartlog.analysis.clocks import clock_remarks, edge, restarts, setbacks
from heartlog.analysis.rr import Intervals
from heartlog.overview import RESTART
from heartlog.store.clockfit import ClockFit
from heartlog.store.extent import extent
from heartlog.store.lead import followed
from heartlog.store.reading import Placed, Timeline
from heartlog.store.types import DOUBTFUL

ANALYSABLE = ("good", "noisy")
"""States in which the device judges beats; a noisy stretch is judged with doubt."""

Beats = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Gap:
    """Samples that do not exist, with the device's reason."""

    at: float
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Quality:
    """Seconds and percent of the session's span."""

    start: float
    stop: float
    span_seconds: float
    state_seconds: dict[str, float]
    """Time in each signal state; `not reported` where the source says nothing of it."""
    off_seconds: dict[str, float]
    """Time each electrode was off; empty where the source doesn't tell."""
    off_times: dict[str, int]
    gaps: tuple[Gap, ...]
    gap_seconds: float
    analysable_seconds: float
    rr_seconds: float
    """Time covered by known RR intervals."""
    doubtful_beats: int
    overruns: int
    dropped: tuple[tuple[float, int, str], ...]
    """Records that the device had to give up: (time, how many, why)."""
    faults: tuple[tuple[float, str], ...]
    boots: int
    fits: tuple[ClockFit, ...]
    setbacks: tuple[tuple[int, float], ...]
    """(start of the monitor from 2 on, seconds) by which it seems to begin before the one before
    it ended: the host's clock was set back between them."""
    bad_spans: tuple[tuple[float, float, str], ...]
    """(start, stop, why) of what can't be analysed, in order, for plots."""

    @property
    def clock_remarks(self) -> list[str]:
        """What was wrong with the host's clock, in words."""
        return clock_remarks(self.fits, self.setbacks)

    @property
    def analysable_percent(self) -> float:
        """Share of the span in which beats could be judged."""
        return 100.0 * self.analysable_seconds / self.span_seconds if self.span_seconds else 0.0

    @property
    def off_percent(self) -> float:
        """Share of the span with any electrode off."""
        off = self.state_seconds.get("lead off", 0.0)
        return 100.0 * off / self.span_seconds if self.span_seconds else 0.0


def span_of(timeline: Timeline, started_at: float, ended_at: float | None) -> tuple[float, float]:
    """Return (start, stop) of what was gathered, UNIX seconds."""
    return extent(timeline) or (started_at, started_at if ended_at is None else ended_at)


def quality(timeline: Timeline, rr: Intervals, start: float, stop: float) -> Quality:
    """Add up states, gaps and faults between `start` and `stop` (UNIX seconds)."""
    gaps = _gaps(timeline)
    states, off, off_times, bad = _states(timeline, start, stop)
    gap_spans = [(g.at, g.at + g.seconds, g.reason) for g in gaps]
    span = max(0.0, stop - start)
    usable = sum(states.get(name, 0.0) for name in (*ANALYSABLE, "not reported"))
    usable -= sum(g.seconds for g in gaps) - _overlap(gap_spans, bad)
    known = timeline.beats["rr_ms"][rr.known]
    return Quality(
        start=start,
        stop=stop,
        span_seconds=span,
        state_seconds=states,
        off_seconds=off,
        off_times=off_times,
        gaps=tuple(gaps),
        gap_seconds=sum(g.seconds for g in gaps),
        analysable_seconds=min(span, max(0.0, usable)),
        rr_seconds=float(np.sum(known, dtype=np.float64)) / 1000.0,
        doubtful_beats=int(((timeline.beats["flags"] & DOUBTFUL) != 0).sum()),
        overruns=sum(1 for r in timeline.of("gap") if "overran" in str(_reason(r))),
        dropped=tuple(
            (r.time, int(r.fields.get("count") or 0), str(_reason(r)))
            for r in timeline.of("dropped")
        ),
        faults=tuple((r.time, fault_text(r)) for r in timeline.of("fault")),
        boots=len(timeline.fits),
        fits=timeline.fits,
        setbacks=setbacks(timeline),
        bad_spans=tuple(sorted([*bad, *gap_spans])),
    )


def fault_text(row: Placed) -> str:
    """Return a fault in words."""
    names = {
        1: "front end",
        2: "journal",
        3: "detector",
        4: "link",
        5: "battery",
        6: "exception",
        7: "flash",
        8: "settings",
    }
    code, detail = row.fields.get("code"), row.fields.get("detail")
    name = names.get(int(code), f"code {code}") if code is not None else "unknown"
    return f"{name} (detail {detail})"


def _reason(row: Placed) -> Any:
    return row.fields.get("reason_name") or row.fields.get("reason") or "not told"


def _gaps(timeline: Timeline) -> list[Gap]:
    rates = {i: fit.rate for i, fit in enumerate(timeline.fits)}
    found = [
        Gap(r.time, float(r.fields.get("lost") or 0) / rates[r.boot], str(_reason(r)))
        for r in timeline.of("gap")
    ]
    found += [Gap(a, b - a, RESTART) for a, b in restarts(timeline)]
    return sorted(found, key=lambda g: g.at)


def _states(
    timeline: Timeline, start: float, stop: float
) -> tuple[dict[str, float], dict[str, float], dict[str, int], list[tuple[float, float, str]]]:
    """Add up the states of the channel in which beats are looked for, and each electrode's."""
    seconds: dict[str, float] = {}
    bad: list[tuple[float, float, str]] = []
    off, off_times = _electrodes(timeline, start, stop)
    rows = _detectors_channel(timeline)
    if not rows:
        return {"not reported": max(0.0, stop - start)}, off, off_times, bad
    if rows[0].time > start:
        seconds["not reported"] = rows[0].time - start
    for row, end in _with_ends(timeline, rows, stop):
        length = max(0.0, end - max(row.time, start))
        name = str(row.fields.get("state_name", "unknown"))
        seconds[name] = seconds.get(name, 0.0) + length
        if name not in ANALYSABLE and length > 0:
            detail = str(row.fields.get("electrodes_off") or row.fields.get("reason_name") or "")
            bad.append((row.time, row.time + length, name + (f": {detail}" if detail else "")))
    return seconds, off, off_times, bad


def _detectors_channel(timeline: Timeline) -> list[Placed]:
    """Return signal records of the channel in which beats are looked for."""
    return [
        row
        for row, channel in followed(timeline.records)
        if row.kind == "signal" and row.fields.get("channel", 0) in (0, channel)
    ]


def _with_ends(
    timeline: Timeline, rows: list[Placed], stop: float
) -> Iterator[tuple[Placed, float]]:
    """Give each record the time until which it holds: the next one, or the end of its boot."""
    for row, following in itertools.zip_longest(rows, rows[1:]):
        end = following.time if following is not None else stop
        if following is not None and following.boot != row.boot:
            end = min(end, edge(timeline, row.boot, last=True) or end)
        yield row, min(end, stop)


def _electrodes(
    timeline: Timeline, start: float, stop: float
) -> tuple[dict[str, float], dict[str, int]]:
    """Return how long and how often each electrode was off; every record tells of all."""
    off: dict[str, float] = {}
    times: dict[str, int] = {}
    was_off: set[str] = set()
    for row, end in _with_ends(timeline, timeline.of("signal"), stop):
        now_off = set(str(row.fields.get("electrodes_off") or "").split())
        for electrode in now_off:
            off[electrode] = off.get(electrode, 0.0) + max(0.0, end - max(row.time, start))
        for electrode in now_off - was_off:
            times[electrode] = times.get(electrode, 0) + 1
        was_off = now_off
    return off, times


def _overlap(
    gaps: Sequence[tuple[float, float, str]], bad: Sequence[tuple[float, float, str]]
) -> float:
    """Seconds of gaps that lie in unusable stretches anyway, so that they are taken off once.

    A gap for lack of power lies outside every state's time (states end with their boot).
    """
    total = 0.0
    j = 0
    for a, b, why in sorted(gaps):
        if why == RESTART:
            total += b - a
            continue
        while j < len(bad) and bad[j][1] <= a:
            j += 1
        k = j
        while k < len(bad) and bad[k][0] < b:
            total += min(b, bad[k][1]) - max(a, bad[k][0])
            k += 1
    return total
