"""The comparison as a document, drawn by the report's PDF and HTML writers."""

import datetime as dt

from heartlog.compare.numbers import Comparison
from heartlog.report import texts
from heartlog.report.blocks import Block, Facts, Plot, Report, Section, Table, Text
from heartlog.report.clock import duration


def compose(comparison: Comparison, generated_at: float, version: str) -> Report:
    """Return the document; sections are always the same ones in the same order."""
    a = comparison.analyses
    sessions: list[Block] = []
    for x, clock in zip(a, comparison.clocks, strict=True):
        s = x.session
        sessions.append(
            Facts(
                [
                    (f"Session {s.id}", clock.full(x.quality.start)),
                    ("Length", duration(x.quality.span_seconds)),
                    ("Patient", s.patient_identifier or "not assigned"),
                    ("Leads", s.lead_arrangement or "not noted"),
                ]
            )
        )
    caveats: list[Block] = [Text(text, "warning") for text in comparison.caveats]
    urgent = [
        f"Session {x.session.id}, {clock.at(u.at)}: {u.text}"
        for x, clock in zip(a, comparison.clocks, strict=True)
        for u in x.urgent
    ]
    header = ["", *(f"Session {x.session.id}" for x in a)]
    header += [f"{x.session.id} minus {a[0].session.id}" for x in a[1:]]
    rows = [(f"{r.name} {r.unit}".strip(), *r.shown(), *r.differences()) for r in comparison.rows]
    note = "Same settings for all. Differences are not tested: day to day they vary in health too."
    plots: list[Block] = [
        Plot("trend", 58, "Mean rate, all on one scale."),
        Plot("histogram", 55, "All known RR intervals, in percent of each session's."),
        Plot("poincare", 66, "NN intervals that follow each other, one scale."),
    ]
    rules: list[Block] = [Table(["Rule", "Value"], a[0].settings.rows(), "ll")]
    made = dt.datetime.fromtimestamp(generated_at, dt.UTC)
    return Report(
        title="Comparison of sessions",
        subtitle=", ".join(f"session {x.session.id}" for x in a),
        head=[
            ("Patient", a[0].session.patient_name or "-"),
            ("Identifier", a[0].session.patient_identifier or "-"),
        ],
        urgent=urgent,
        sections=[
            Section("1", "Sessions", sessions),
            Section("2", "Caveats", caveats or [Text("None by the checks made.")]),
            Section("3", "Numbers", [Table(header, rows, "l" + "r" * (len(header) - 1), note)]),
            Section("4", "Plots", plots),
            Section("5", "Rules", rules),
        ],
        footer=f"Heartlog {version}, made {made:%Y-%m-%d %H:%M} UTC. {texts.NO_DIAGNOSIS_SHORT}",
        notice=texts.NOTICE,
    )
