"""The figures that are compared, and what makes them hard to compare."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from heartlog.analysis import Analysis, AnalysisSettings, analyse
from heartlog.errors import UsageProblem
from heartlog.report.clock import Clock, duration
from heartlog.store import Store

MAX_SESSIONS = 6


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of every session; None where a session has none."""

    name: str
    unit: str
    values: Sequence[float | None]
    digits: int = 0

    def shown(self) -> list[str]:
        """Return each value as text."""
        return ["-" if v is None else f"{v:.{self.digits}f}" for v in self.values]

    def differences(self) -> list[str]:
        """Return each later value minus the first, with its sign."""
        first = self.values[0]
        return [self._difference(first, v) for v in self.values[1:]]

    def _difference(self, first: float | None, value: float | None) -> str:
        """Subtract what is printed, so that a reader who does the sum finds the same."""
        if first is None or value is None:
            return "-"
        step = round(value, self.digits) - round(first, self.digits)
        text = f"{step:+.{self.digits}f}"
        return text.lstrip("+-") if float(text) == 0 else text


@dataclass(frozen=True, slots=True)
class Comparison:
    """Sessions in order of time, their figures, and the caveats."""

    analyses: tuple[Analysis, ...]
    clocks: tuple[Clock, ...]
    rows: tuple[Row, ...]
    caveats: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison in JSON's types."""
        return {
            "sessions": [a.session.id for a in self.analyses],
            "rows": [
                {"name": r.name, "unit": r.unit, "values": list(r.values)} for r in self.rows
            ],
            "caveats": list(self.caveats),
        }


def compare_sessions(
    store: Store, session_ids: Sequence[int], settings: AnalysisSettings | None = None
) -> Comparison:
    """Analyse sessions by the same settings and lay their figures side by side."""
    if not 2 <= len(set(session_ids)) <= MAX_SESSIONS or len(set(session_ids)) != len(session_ids):
        raise UsageProblem(
            "A comparison needs two to six different sessions.", "As: heartlog compare 3 8"
        )
    sessions = sorted((store.session(n) for n in session_ids), key=lambda s: s.started_at)
    analyses = tuple(analyse(s, store.timeline(s.id), settings) for s in sessions)
    clocks = tuple(Clock.of(a.session, a.quality.start, a.quality.stop) for a in analyses)
    return Comparison(analyses, clocks, tuple(_rows(analyses)), tuple(_caveats(analyses)))


def _rows(analyses: Sequence[Analysis]) -> list[Row]:
    a = analyses

    def per_hour(count: int, x: Analysis) -> float | None:
        hours = x.quality.rr_seconds / 3600
        return count / hours if hours > 0 else None

    return [
        Row("Length", "h", [x.quality.span_seconds / 3600 for x in a], 2),
        Row("Analysable", "%", [x.quality.analysable_percent for x in a], 1),
        Row("Beats", "", [float(x.rate.beats) for x in a]),
        Row("Mean rate", "/min", [x.rate.mean for x in a]),
        Row("Lowest rate", "/min", [x.rate.lowest for x in a]),
        Row("Highest rate", "/min", [x.rate.highest for x in a]),
        Row("Longest RR", "ms", [x.rate.longest_rr_ms for x in a]),
        Row("Pauses", "", [float(len(x.pauses)) for x in a]),
        Row("Longest pause", "ms", [x.longest_pause_ms for x in a]),
        Row("Slow runs", "", [float(sum(r.kind == "slow" for r in x.runs)) for x in a]),
        Row("Fast runs", "", [float(sum(r.kind == "fast" for r in x.runs)) for x in a]),
        Row("Wide beats", "%", [x.wide.burden for x in a], 2),
        Row("Wide beats", "per h", [per_hour(x.wide.count, x) for x in a], 1),
        Row("Wide couplets", "", [float(x.wide.couplets) for x in a]),
        Row("Wide runs", "", [float(x.wide.runs) for x in a]),
        Row("Early narrow beats", "%", [x.premature.burden for x in a], 2),
        Row("Irregular by RR", "%", [x.screen.percent for x in a], 1),
        Row("NN left out", "%", [x.hrv.nn_percent_out for x in a], 1),
        Row("SDNN", "ms", [x.hrv.sdnn for x in a], 1),
        Row("SDANN", "ms", [x.hrv.sdann for x in a], 1),
        Row("RMSSD", "ms", [x.hrv.rmssd for x in a], 1),
        Row("pNN50", "%", [x.hrv.pnn50 for x in a], 1),
        Row("LF power", "ms²", [x.hrv.lf_ms2 for x in a]),
        Row("HF power", "ms²", [x.hrv.hf_ms2 for x in a]),
        Row("LF/HF", "", [x.hrv.lf_hf for x in a], 2),
    ]


def _caveats(analyses: Sequence[Analysis]) -> list[str]:
    found: list[str] = []
    owners = {x.session.patient_id for x in analyses}
    if len(owners) > 1:
        found.append("These sessions do not all belong to the same patient.")
    elif owners == {None}:
        found.append("No patient is assigned: whether it is the same person is not known.")
    for x in analyses:
        s, q = x.session, x.quality
        if q.analysable_percent < 90:
            found.append(
                f"Session {s.id}: only {q.analysable_percent:.0f} % of it could be analysed."
            )
        if x.hrv.nn_percent_out > 20:
            found.append(
                f"Session {s.id}: {x.hrv.nn_percent_out:.0f} % of intervals left out of HRV."
            )
        if x.screen.percent > 10:
            found.append(f"Session {s.id}: irregular by RR, so its HRV is not comparable.")
    lengths = [x.quality.span_seconds for x in analyses]
    if min(lengths) > 0 and max(lengths) / min(lengths) > 1.2:
        texts = ", ".join(duration(t) for t in lengths)
        found.append(f"Lengths differ ({texts}): counts, extremes and SDNN grow with length.")
    for what, values in (
        ("sampling rates", {x.session.rate for x in analyses}),
        ("sources", {"monitor" if x.session.source == "ble" else "import" for x in analyses}),
        ("leads", {x.session.lead_arrangement for x in analyses}),
        ("firmware versions", {x.session.firmware for x in analyses}),
    ):
        if len(values) > 1:
            texts = "; ".join(sorted(str(v) or "not noted" for v in values))
            found.append(f"Different {what}: {texts}.")
    return found
