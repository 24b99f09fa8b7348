"""Chooses the moments that deserve a strip, and cuts them from the stored ECG.

for strip in chosen_strips(store, analysis, clock): ...
"""

from collections.abc import Callable, Sequence

import numpy as np

from heartlog.analysis import Analysis
from heartlog.analysis.quality import Quality
from heartlog.report.blocks import Strip, StripRow
from heartlog.report.clock import Clock
from heartlog.store import AFTER_GAP, BeatKind, Store
from heartlog.store.ecg import FIT_STRIP
from heartlog.store.lead import lead
from heartlog.store.reading import Timeline
from heartlog.store.window import ecg_window

ROW_SECONDS = 7.0
"""7 s at 25 mm/s are 175 mm: the width of A4 and of Letter within the margins."""
MAX_STRIPS = 12
EVENT_SECONDS = 45.0
OVERVIEW_ROW_SECONDS = 30.0
OVERVIEW_SPEED, OVERVIEW_GAIN = 5.0, 5.0
LETTERS = {
    BeatKind.UNCLASSIFIED: "?",
    BeatKind.NORMAL: "N",
    BeatKind.PREMATURE: "S",
    BeatKind.WIDE: "V",
    BeatKind.FUSION: "F",
    BeatKind.PACED: "P",
    BeatKind.ARTEFACT: "x",
}
Ask = Callable[[float, float], "StripRow | None"]


def cutter(store: Store, analysis: Analysis, clock: Clock) -> Callable[..., StripRow | None]:
    """Return a function that cuts one row of ECG: (start, seconds, moment) -> StripRow or None."""

    def cut(start: float, seconds: float, moment: float | None = None) -> StripRow | None:
        window = ecg_window(store, analysis.session.id, analysis.timeline, start, start + seconds)
        if window is None or window.covered < 0.02:
            return None
        names = [(at, lead(channel)) for at, channel in window.channels]
        several = any(channel != 1 for _, channel in window.channels)
        told = [clock.at(start), *([names[0][1]] if several else [])]
        told += unusable(analysis.quality, start, start + seconds)
        return StripRow(
            start_text="  ".join(told),
            rate=window.rate,
            microvolts=window.microvolts,
            marks=sorted([*marks(analysis.timeline, start, seconds), *names[1:]]),
            moment=None if moment is None else moment - start,
            seconds=seconds,
        )

    return cut


def unusable(quality: Quality, start: float, stop: float) -> list[str]:
    """Return why the row shows no heart (`lead off: LA`, `flat: no signal`), each reason once: a
    flat line that an electrode left is no standstill. Gaps show as such."""
    gaps = {(g.at, g.at + g.seconds, g.reason) for g in quality.gaps}
    here = [s for s in quality.bad_spans if s not in gaps and s[0] < stop and s[1] > start]
    return list(dict.fromkeys(why for _, _, why in here))


def marks(timeline: Timeline, start: float, seconds: float) -> Sequence[tuple[float, str]]:
    """Return (seconds into the row, label) of the beats: kind, and RR in ms where known."""
    times = timeline.beats["time"]
    first, stop = np.searchsorted(times, [start, start + seconds])
    found = []
    for beat in timeline.beats[first:stop]:
        letter = LETTERS.get(BeatKind(int(beat["kind"])), "?")
        known = beat["rr_ms"] > 0 and not int(beat["flags"]) & AFTER_GAP
        rr = f" {beat['rr_ms']:.0f}" if known else ""
        found.append((float(beat["time"]) - start, letter + rr))
    return found


def fitting_strip(store: Store, analysis: Analysis) -> list[tuple[float, float, str]]:
    """Return where the sample that was accepted at the fitting lies, if it was kept."""
    found = []
    for run in store.ecg(analysis.session.id, strip=FIT_STRIP):
        fit = analysis.timeline.fit_for(run.boot, run.journal)
        if fit is not None:
            middle = float(fit.time(run.first_sample + len(run.codes) // 2))
            found.append((middle, middle, "Sample accepted at the fitting"))
    return found


def moments(
    analysis: Analysis, fitted: Sequence[tuple[float, float, str]] = ()
) -> list[tuple[float, float, str]]:
    """Return (start, stop, why) of what should be seen, most important first."""
    a = analysis
    wanted: list[tuple[float, float, str]] = []
    for pause in sorted(a.pauses, key=lambda p: -p.rr_ms)[:3]:
        stop = pause.at + pause.rr_ms / 1000.0
        name = "Doubtful pause" if pause.doubtful else "Pause"
        wanted.append((pause.at, stop, f"{name} of {pause.rr_ms / 1000:.2f} s"))
    wide = a.wide
    longest = sorted(zip(wide.run_lengths, wide.run_starts, strict=True), key=lambda r: -r[0])[:2]
    for count, first in longest:
        begin = float(a.beats["time"][first])
        end = float(a.beats["time"][first + count - 1])
        wanted.append((begin, end, f"Run of {count} wide beats"))
    for kind, word in (("fast", "Fast run"), ("slow", "Slow run")):
        runs = [r for r in a.runs if r.kind == kind]
        if runs:
            run = (max if kind == "fast" else min)(runs, key=lambda r: r.extreme)
            middle = run.starts_at + run.seconds / 2
            wanted.append((middle, middle, f"{word}: {run.beats} beats at {run.rate:.0f}/min"))
    for at, rate, word in (
        (a.rate.highest_at, a.rate.highest, "Highest rate"),
        (a.rate.lowest_at, a.rate.lowest, "Lowest rate"),
    ):
        if at is not None and rate is not None:
            wanted.append((at - 3.0, at, f"{word}: {rate:.0f}/min"))
    for kind_, word in ((BeatKind.WIDE, "Wide beat"), (BeatKind.PREMATURE, "Premature beat")):
        hits = np.flatnonzero(a.beats["kind"] == kind_)
        if len(hits):
            at = float(a.beats["time"][hits[0]])
            wanted.append((at, at, f"{word} (the first)"))
    if a.screen.episodes:
        at = a.screen.episodes[0][0] + 10.0
        wanted.append((at, at, "Irregular rhythm (the first episode)"))
    wanted += fitted
    opening = a.quality.start + ROW_SECONDS / 2
    wanted.append((opening, opening, "At the start"))
    return wanted


def chosen_strips(
    store: Store, analysis: Analysis, clock: Clock, limit: int = MAX_STRIPS
) -> list[Strip]:
    """Return strips at 25 mm/s and 10 mm/mV of the moments for which ECG was kept."""
    cut = cutter(store, analysis, clock)
    strips: list[Strip] = []
    shown: list[tuple[float, float]] = []
    for start, stop, why in moments(analysis, fitting_strip(store, analysis)):
        if len(strips) >= limit:
            break
        rows = max(1, min(3, int(np.ceil((stop - start + 2.0) / ROW_SECONDS))))
        begin = (start + stop) / 2 - rows * ROW_SECONDS / 2
        begin = max(begin, analysis.quality.start)
        if any(a - 2 < start and stop < b + 2 for a, b in shown):
            continue
        found = [cut(begin + i * ROW_SECONDS, ROW_SECONDS) for i in range(rows)]
        kept = [row for row in found if row is not None]
        if kept:
            strips.append(Strip(f"{why}, {clock.at(start)}", kept))
            shown.append((begin, begin + rows * ROW_SECONDS))
    return strips


def event_strips(store: Store, analysis: Analysis, clock: Clock, at: float) -> list[Strip]:
    """Return the 7 s around an event true to scale, and its 45 s either side as an overview."""
    cut = cutter(store, analysis, clock)
    close = cut(at - ROW_SECONDS / 2, ROW_SECONDS, at)
    if close is None:
        return []
    rows = [
        cut(at - EVENT_SECONDS + i * OVERVIEW_ROW_SECONDS, OVERVIEW_ROW_SECONDS, at)
        for i in range(3)
    ]
    overview = [
        StripRow(r.start_text, r.rate, r.microvolts, (), r.moment, r.seconds)
        for r in rows
        if r is not None
    ]
    title = f"Event at {clock.at(at)}"
    return [
        Strip(f"{title}: 7 s", [close]),
        Strip(f"{title}: 45 s before to 45 s after", overview, OVERVIEW_SPEED, OVERVIEW_GAIN),
    ]
