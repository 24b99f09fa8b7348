"""The report's figures by hour and, for tests of more than two days, by day.

by_time(material)       # section "Hour by hour"
every_hour(material)    # the appendix
"""

import datetime as dt

import numpy as np

from heartlog.analysis.quality import Quality
from heartlog.analysis.rate import between
from heartlog.analysis.rr import Floats
from heartlog.report.blocks import Block, Table, Text
from heartlog.report.clock import Clock
from heartlog.report.gather import Material

LONG_SECONDS = 48 * 3600.0
"""A longer test has a row a day, and its hours in the appendix: 14 days are 336 hours."""
DAY_SECONDS = 86_400.0


def is_long(m: Material) -> bool:
    """Whether the test has a table of days."""
    return m.analysis.quality.span_seconds > LONG_SECONDS


def by_time(m: Material) -> list[Block]:
    """Days of a long test, hours of any other."""
    if not is_long(m):
        return [hours(m)]
    return [days(m), Text("Every hour of this test stands in the appendix, at the end.", "note")]


def every_hour(m: Material) -> list[Block]:
    """Hours of a long test; where they are, of any other."""
    if is_long(m):
        return [hours(m)]
    return [Text("This test is no longer than 48 h: its hours stand under Hour by hour.", "note")]


def day_edges(clock: Clock, start: float, stop: float) -> Floats:
    """Return midnights of the session's zone around it, UNIX seconds.

    Where the source gave no time of day, days of 24 h are counted from its start.
    """
    if not clock.known:
        count = max(1, int(np.ceil((stop - start) / DAY_SECONDS)))
        return start + DAY_SECONDS * np.arange(count + 1, dtype=np.float64)
    first = dt.datetime.fromtimestamp(start, clock.zone).date()
    last = dt.datetime.fromtimestamp(stop, clock.zone).date()
    nights = (first + dt.timedelta(n) for n in range((last - first).days + 2))
    midnight = dt.time(tzinfo=clock.zone)
    return np.array([dt.datetime.combine(night, midnight).timestamp() for night in nights])


def analysable_seconds(q: Quality, start: float, stop: float) -> float:
    """Return the time between two moments (UNIX seconds) in which beats could be judged."""
    start, stop = max(start, q.start), min(stop, q.stop)
    bad, reached = 0.0, start
    for a, b, _ in q.bad_spans:  # in order of their start; a gap may lie in a bad stretch
        a, b = max(a, reached), min(b, stop)
        if b > a:
            bad += b - a
            reached = b
    return max(0.0, stop - start - bad)


def days(m: Material) -> Table:
    """One row a day."""
    a, q = m.analysis, m.analysis.quality
    edges = day_edges(m.clock, q.start, q.stop)
    d = between(a.beats, a.intervals, a.settings, edges)
    rows = []
    for i, begin in enumerate(edges[:-1].tolist()):
        end = float(edges[i + 1])
        span = min(end, q.stop) - max(begin, q.start)
        share = 100.0 * analysable_seconds(q, begin, end) / span if span > 0 else 0.0
        rows.append(
            (
                _day(m.clock, begin, i),
                f"{max(span, 0.0) / 3600:.1f}",
                f"{d.beats[i]}",
                number(d.low[i]),
                number(d.mean[i]),
                number(d.high[i]),
                f"{d.premature[i]}",
                f"{d.wide[i]}",
                f"{d.pauses[i]}",
                number(d.longest_rr[i]),
                f"{share:.1f}",
            )
        )
    header = ["Day", "Hours", "Beats", "Low", "Mean", "High", "Early", "Wide", "Pauses"]
    header += ["RR max", "Good %"]
    note = (
        "Days from midnight to midnight in the session's zone. Rates in beats per minute, RR in "
        f"ms. Pauses: RR of {a.settings.pause_ms:g} ms or more. Good: share of the day's recorded "
        "hours that is analysable."
    )
    if not m.clock.known:
        note = note.replace(
            "from midnight to midnight in the session's zone", "of 24 h from the start"
        )
    return Table(header, rows, "lrrrrrrrrrr", note)


def _day(clock: Clock, begin: float, i: int) -> str:
    if not clock.known:
        return f"Day {i + 1}"
    return dt.datetime.fromtimestamp(begin, clock.zone).strftime("%a %d %b")


def hours(m: Material) -> Table:
    """One row an hour."""
    a = m.analysis
    h = a.hours
    rows = []
    for i in range(len(h.starts)):
        label = m.clock.at(max(float(h.starts[i]), a.quality.start), seconds=False)
        if h.beats[i] == 0:
            rows.append((label, "0", *["-"] * 8))
            continue
        burden = 100.0 * float(h.wide[i]) / float(h.beats[i])
        rows.append(
            (
                label,
                f"{h.beats[i]}",
                f"{h.known_seconds[i] / 60:.1f}",
                number(h.low[i]),
                number(h.mean[i]),
                number(h.high[i]),
                f"{h.premature[i]}",
                f"{h.wide[i]}",
                f"{burden:.1f}",
                number(h.longest_rr[i]),
            )
        )
    header = [
        "From",
        "Beats",
        "Minutes",
        "Low",
        "Mean",
        "High",
        "Early",
        "Wide",
        "Wide %",
        "RR max",
    ]
    note = "Rates in beats per minute, RR in ms. Minutes: time covered by known RR intervals."
    return Table(header, rows, "lrrrrrrrrr", note)


def number(value: float) -> str:
    """Return a whole number, or a dash for NaN."""
    return "-" if value != value else f"{value:.0f}"
