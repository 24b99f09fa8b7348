"""What the review shows and does, without a screen.

The base timeline is read once; a correction is written to the store with its audit entry and
applied to the beats in memory, and the figures follow.
"""

from dataclasses import dataclass

import numpy as np

from heartlog.analysis import Analysis, AnalysisSettings, analyse
from heartlog.records import notes
from heartlog.report.clock import Clock, duration
from heartlog.report.gather import Event
from heartlog.store import BeatKind, Store
from heartlog.store.lead import is_change
from heartlog.store.types import Beats, event_text
from heartlog.store.window import EcgWindow, ecg_window

TABS = ("quality", "rate", "rhythm", "events", "findings")
LISTED = 200
"""Entries of one sort in a list; what is left out is counted in the last line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a list: a moment that can be looked at."""

    at: float | None
    what: str
    text: str


class ReviewModel:
    """A session under review; `cursor` is the index of the beat in focus."""

    def __init__(
        self,
        store: Store,
        session_id: int,
        settings: AnalysisSettings | None = None,
        who: str = "",
    ) -> None:
        self.store = store
        self.who = who
        self.settings = settings
        self.session = store.session(session_id)
        self._base = store.timeline(session_id, edited=False)
        self.analysis = self._analyse()
        q = self.analysis.quality
        self.clock = Clock.of(self.session, q.start, q.stop)
        self.channel: int | None = None  # None: the one that the beats come from
        self.cursor = 0
        self.moment = q.start

    def _analyse(self) -> Analysis:
        self.timeline = self.store.with_edits(self.session.id, self._base)
        return analyse(self.session, self.timeline, self.settings, with_hrv=False)

    @property
    def beats(self) -> Beats:
        """All beats, corrected."""
        return self.timeline.beats

    # What is listed

    def headline(self) -> str:
        """Return the session in one line of at most 78 characters."""
        s, q = self.session, self.analysis.quality
        who = s.patient_identifier or "no patient"
        mean = self.analysis.rate.mean
        rate = f"{mean:.0f}/min" if mean else "no rate"
        return (
            f"{s.id}  {who[:18]}  {duration(q.span_seconds)}  {self.analysis.rate.beats} beats  "
            f"{rate}  {q.analysable_percent:.1f} % good"
        )[:78]

    def entries(self, tab: str) -> list[Entry]:
        """Return a list's lines: quality, rate, rhythm, events or findings."""
        make = {
            "quality": self._quality,
            "rate": self._rate,
            "rhythm": self._rhythm,
            "events": self._events,
            "findings": self._findings,
        }
        return make[tab]()

    def _quality(self) -> list[Entry]:
        q = self.analysis.quality
        span = q.span_seconds or 1.0
        out = [
            Entry(None, "analysable", f"{q.analysable_percent:.1f} %"),
            Entry(None, "covered by RR", f"{100 * q.rr_seconds / span:.1f} %"),
        ]
        for name, seconds in sorted(q.state_seconds.items(), key=lambda kv: -kv[1]):
            out.append(Entry(None, name, f"{duration(seconds)} ({100 * seconds / span:.1f} %)"))
        for name, seconds in sorted(q.off_seconds.items()):
            text = f"{duration(seconds)} in {q.off_times[name]} times"
            out.append(Entry(None, f"{name} off", text))
        for fit in q.fits:
            drift = (
                f"{fit.drift_ppm:+.1f} ppm from {fit.used} points" if fit.known else "estimated"
            )
            out.append(Entry(None, "clock", drift))
        out += [Entry(None, "clock", text) for text in q.clock_remarks]
        spans = [Entry(a, why, duration(b - a)) for a, b, why in q.bad_spans]
        return out + _cut(spans)

    def _rate(self) -> list[Entry]:
        a = self.analysis
        r = a.rate
        if r.mean is None:
            return [Entry(None, "rate", "no RR interval is known")]
        out = [
            Entry(None, "mean", f"{r.mean:.0f}/min"),
            Entry(r.lowest_at, "lowest", f"{r.lowest or 0:.0f}/min"),
            Entry(r.highest_at, "highest", f"{r.highest or 0:.0f}/min"),
            Entry(r.longest_rr_at, "longest RR", f"{r.longest_rr_ms:.0f} ms"),
            Entry(r.shortest_rr_at, "shortest RR", f"{r.shortest_rr_ms:.0f} ms"),
        ]
        runs = [
            Entry(x.starts_at, f"{x.kind} run", f"{x.beats} beats, {x.rate:.0f}/min")
            for x in a.runs
        ]
        return out + _cut(runs)

    def _rhythm(self) -> list[Entry]:
        a = self.analysis
        out = [Entry(u.at, "URGENT", u.text) for u in a.urgent]
        out += [
            Entry(None, "wide", f"{a.wide.count} ({a.wide.burden:.2f} %)"),
            Entry(None, "early, narrow", f"{a.premature.count} ({a.premature.burden:.2f} %)"),
            Entry(None, "irregular by RR", f"{a.screen.percent:.1f} % of the time judged"),
        ]
        found = [
            Entry(p.at, "pause", f"{p.rr_ms:.0f} ms" + (", doubtful" if p.doubtful else ""))
            for p in a.pauses
        ]
        found += [
            Entry(float(a.beats["time"][first]), "wide run", f"{count} beats")
            for first, count in zip(a.wide.run_starts, a.wide.run_lengths, strict=True)
        ]
        found += [Entry(x, "irregular", duration(y - x)) for x, y in a.screen.episodes]
        singles = np.flatnonzero(a.beats["kind"] == BeatKind.WIDE)[:LISTED]
        found += [Entry(float(a.beats["time"][i]), "wide beat", "") for i in singles]
        early = np.flatnonzero(a.beats["kind"] == BeatKind.PREMATURE)[:LISTED]
        found += [Entry(float(a.beats["time"][i]), "early beat", "") for i in early]
        return out + _cut(sorted(found, key=lambda e: e.at or 0.0))

    def _events(self) -> list[Entry]:
        from sqlalchemy import select

        from heartlog.store.schema_clinic import DiaryEntry

        found = [
            Event(r.time, event_text(r.fields), "signal" if is_change(r.fields) else "monitor")
            for r in self.timeline.of("event")
        ]
        query = select(DiaryEntry).where(
            DiaryEntry.session_id == self.session.id, DiaryEntry.archived.is_(False)
        )
        with self.store.reading() as db:
            for d in db.scalars(query):
                text = ", ".join(x for x in (d.symptom, d.activity) if x)
                found.append(Event(d.at, text, "diary"))
        found += [
            Event(r.time, str(r.fields.get("text")), "note")
            for r in self.timeline.of("note")
            if r.fields.get("text")
        ]
        if not found:
            return [Entry(None, "events", "none")]
        return _cut([Entry(e.at, e.source, e.what) for e in sorted(found, key=lambda e: e.at)])

    def _findings(self) -> list[Entry]:
        rows = notes.findings(self.store, self.session.id)
        if not rows:
            return [Entry(None, "findings", "none yet: press f to write one")]
        return [Entry(f.starts_at, "URGENT" if f.urgent else f.written_by, f.text) for f in rows]

    # Where we look

    def go(self, moment: float) -> None:
        """Look at a time; the cursor takes the beat nearest to it."""
        self.moment = moment
        times = self.beats["time"]
        if len(times) == 0:
            return
        at = int(np.searchsorted(times, moment))
        best = [i for i in (at - 1, at) if 0 <= i < len(times)]
        self.cursor = min(best, key=lambda i: abs(float(times[i]) - moment))

    def step(self, beats: int) -> None:
        """Move the cursor by beats."""
        if len(self.beats):
            self.cursor = max(0, min(len(self.beats) - 1, self.cursor + beats))
            self.moment = float(self.beats["time"][self.cursor])

    def window(self, seconds: float) -> EcgWindow | None:
        """Return the ECG around the moment, None where none was kept."""
        return ecg_window(
            self.store,
            self.session.id,
            self.timeline,
            self.moment - seconds / 2,
            self.moment + seconds / 2,
            self.channel,
        )

    def other_channel(self) -> None:
        """Look at another channel than the beats come from here, or again at that one."""
        here = self.window(1.0)
        first = here is None or here.channels[0][1] == 1
        self.channel = None if self.channel is not None else 2 if first else 1

    # What is changed

    def reclassify(self, kind: BeatKind, reason: str = "") -> None:
        """Change the kind of the beat under the cursor."""
        beat = self.beats[self.cursor]
        where = (int(beat["seq"]), int(beat["boot"]), int(beat["index"]))
        notes.reclassify_beat(self.store, self.session.id, *where, kind, reason, who=self.who)
        self._follow()

    def delete(self, reason: str = "") -> None:
        """Take the beat under the cursor out."""
        beat = self.beats[self.cursor]
        where = (int(beat["seq"]), int(beat["boot"]), int(beat["index"]))
        notes.delete_beat(self.store, self.session.id, *where, reason, who=self.who)
        self._follow()

    def add(self, kind: BeatKind = BeatKind.NORMAL, reason: str = "") -> None:
        """Add a beat half way between the beat under the cursor and the one before it."""
        if self.cursor == 0:
            raise ValueError("there is no beat before the first")
        before, here = self.beats[self.cursor - 1], self.beats[self.cursor]
        if before["boot"] != here["boot"]:
            raise ValueError("the monitor was started anew between these beats")
        index = (int(before["index"]) + int(here["index"])) // 2
        boot = int(here["boot"])
        notes.add_beat(self.store, self.session.id, boot, index, kind, reason, who=self.who)
        self._follow()

    def undo(self) -> bool:
        """Undo the last correction of the session; False if there is none."""
        done = notes.undo_edit(self.store, self.session.id, who=self.who)
        self._follow()
        return done is not None

    def write_finding(self, text: str, urgent: bool = False) -> None:
        """Write a finding at the moment looked at."""
        notes.add_finding(
            self.store,
            self.session.id,
            text,
            starts_at=self.moment,
            urgent=urgent,
            who=self.who,
        )

    def _follow(self) -> None:
        self.analysis = self._analyse()
        self.go(self.moment)


def _cut(entries: list[Entry]) -> list[Entry]:
    more = len(entries) - LISTED
    if more <= 0:
        return entries
    return [*entries[:LISTED], Entry(None, "...", f"{more} more are in the report's counts")]
