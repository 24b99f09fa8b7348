"""Writes the report's sections, in an order that never changes, empty ones included.

report = compose(store, material)
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from heartlog.report import texts
from heartlog.report.blocks import Block, Facts, Plot, Report, Section, Strip, Table, Text
from heartlog.report.clock import duration
from heartlog.report.gather import Material
from heartlog.report.sections_rhythm import ectopy, hrv, pauses, rate, runs, screen
from heartlog.report.sections_time import by_time, every_hour
from heartlog.report.strips import chosen_strips, event_strips
from heartlog.store import Store

MAX_EVENTS = 24
"""Events drawn with their 45 s either side; all are listed."""


def compose(store: Store, m: Material) -> Report:
    """Return the whole report of a session."""
    sections = [
        ("Set-up", setup(m)),
        ("Quality", quality(m)),
        ("Rate", rate(m)),
        ("Hour by hour", by_time(m)),
        ("Longest RR and pauses", pauses(m)),
        ("Slow and fast runs", runs(m)),
        ("Premature and wide beats", ectopy(m)),
        ("Irregular-rhythm screen", screen(m)),
        ("Heart rate variability", hrv(m)),
        ("Trends", trends(m)),
        ("RR distribution", distribution(m)),
        ("Diary and events", events(store, m)),
        ("Findings", findings(m)),
        ("Strips", strips(store, m)),
        ("Method and limits", method(m)),
        ("Appendix: hours of a long test", every_hour(m)),
    ]
    session = m.analysis.session
    made = dt.datetime.fromtimestamp(m.generated_at, m.clock.zone)
    return Report(
        title="Heart monitor report",
        subtitle=f"Session {session.id}, {m.clock.full(m.analysis.quality.start)}",
        head=head(m),
        urgent=[f"{m.clock.at(u.at)}  {u.text}" for u in m.analysis.urgent]
        + [f"Finding: {f.text}" for f in m.findings if f.urgent],
        sections=[Section(str(n), *part) for n, part in enumerate(sections, 1)],
        footer=(
            f"Heartlog {m.version}, session {session.id}, made "
            f"{made:%Y-%m-%d %H:%M} {made.tzname()}. {texts.NO_DIAGNOSIS_SHORT}"
        ),
        notice=texts.NOTICE,
    )


def head(m: Material) -> list[tuple[str, str]]:
    """Return who and when: what stands under the title."""
    p, q = m.patient, m.analysis.quality
    who = [
        ("Patient", (p.name or "-") if p else "not assigned"),
        ("Identifier", p.identifier if p else "-"),
        ("Born", (p.birth_date or "-") if p else "-"),
        ("Sex", (p.sex or "-") if p else "-"),
        ("Pacemaker", ("yes" if p.pacemaker else "no") if p else "-"),
        ("Indication", (p.indication or "-") if p else "-"),
    ]
    return [
        *who,
        ("Recorded", m.clock.full(q.start)),
        ("Length", duration(q.span_seconds)),
    ]


def setup(m: Material) -> list[Block]:
    """Device, leads, electrodes, who fitted, and the fitting's readings."""
    s = m.analysis.session
    sites = ", ".join(f"{k}: {v}" for k, v in s.electrode_sites.items()) or "not noted"
    planned = duration(s.planned_seconds) if s.planned_seconds else "not set"
    facts = [
        ("Monitor", m.equipment.serial if m.equipment else s.device_id),
        ("Board, front end", " ".join(x for x in (s.board, s.part) if x) or "not told"),
        ("Firmware", s.firmware or "not told"),
        ("Sampling", f"{s.rate:g} samples/s"),
        ("Leads", s.lead_arrangement or "not noted"),
        ("Electrode sites", sites),
        ("Fitted by", s.fitted_by or "not noted"),
        ("Planned length", planned),
        ("Consent", s.consent or "not noted"),
        ("Source", "Heartlog monitor" if s.source == "ble" else s.source),
        ("State", s.status + (f" ({s.reason})" if s.reason else "")),
        ("Beats corrected by hand", str(m.edits)),
    ]
    blocks: list[Block] = [Facts(facts)]
    if m.fit_readings:
        rows = [
            (
                m.clock.at(r.at),
                r.step,
                r.electrode or "-",
                "good" if r.good else "not good",
                ", ".join(_reading(k, v) for k, v in r.values.items()),
                "" if r.good and r.step == "contact" else r.advice,
            )
            for r in m.fit_readings
        ]
        header = ["Time", "Step", "Electrode", "Result", "Readings", "Advice"]
        blocks.append(Table(header, rows, note="Readings taken while fitting, each attempt."))
    if s.notes:
        blocks.append(Text(f"Notes: {s.notes}", "note"))
    return blocks


UNITS = {"uV": "µV", "Hz": "Hz", "ms": "ms", "min": "/min"}
"""A fitting's readings are stored as NAME_UNIT; how the unit is written."""


def _reading(name: str, value: Any) -> str:
    """One stored reading in words: r_wave_uV 1673 is `r wave 1673 µV`."""
    if name == "session":
        return f"number {value} on the monitor"
    if name == "seconds":
        return f"{value} s"
    words = name.removesuffix("_per_min") if name.endswith("_per_min") else name
    unit = "/min" if words != name else UNITS.get(name.rpartition("_")[2], "")
    if unit and words == name:
        words = name.rpartition("_")[0]
    return " ".join(x for x in (words.replace("_", " "), str(value), unit) if x)


def _most(why: str) -> str:
    """After a power cut the monitor knows how many records it may have lost, not how many it did:
    a restart leaves out all numbers that could have been waiting for the flash."""
    return "at most " if "power" in why else ""


def quality(m: Material) -> list[Block]:
    """What can be believed, before any figure of the heart."""
    q = m.analysis.quality
    span = q.span_seconds or 1.0
    given_up = str(sum(n for _, n, _ in q.dropped))
    if any(_most(why) for _, _, why in q.dropped):
        given_up = f"at most {given_up}"
    facts = [
        ("Length", duration(q.span_seconds)),
        ("Analysable", f"{q.analysable_percent:.1f} % ({duration(q.analysable_seconds)})"),
        ("Covered by RR", f"{100 * q.rr_seconds / span:.1f} %"),
        ("Gaps", f"{len(q.gaps)} ({duration(q.gap_seconds)})"),
        ("Overruns", str(q.overruns)),
        ("Doubtful beats", str(q.doubtful_beats)),
        ("Starts of the monitor", str(q.boots)),
        ("Records given up", given_up),
    ]
    blocks: list[Block] = [Facts(facts)]
    states = sorted(q.state_seconds.items(), key=lambda kv: -kv[1])
    rows = [(name, duration(t), f"{100 * t / span:.1f} %") for name, t in states]
    electrodes = sorted(q.off_seconds.items())
    rows += [
        (f"{name} off", duration(t), f"{100 * t / span:.1f} % ({q.off_times[name]} times)")
        for name, t in electrodes
    ]
    note = "" if electrodes else "No electrode was reported off."
    if set(q.state_seconds) == {"not reported"}:
        note = "The source says nothing of electrodes or signal quality."
    blocks.append(Table(["Signal", "Time", "Share"], rows, "lrr", note))
    if q.gaps:
        longest = sorted(q.gaps, key=lambda g: -g.seconds)[:10]
        gap_rows = [(m.clock.at(g.at), duration(g.seconds), g.reason) for g in longest]
        more = len(q.gaps) - len(longest)
        note = f"The ten longest; {more} more." if more else ""
        blocks.append(Table(["Gap at", "Length", "Reason"], gap_rows, "lrl", note))
    blocks.append(_clock_table(m))
    blocks += [Text(text, "warning") for text in q.clock_remarks]
    for at, text in q.faults[:10]:
        blocks.append(Text(f"Fault at {m.clock.at(at)}: {text}", "warning"))
    for at, count, why in q.dropped[:10]:
        most = _most(why)
        blocks.append(Text(f"{m.clock.at(at)}: {most}{count} records given up: {why}", "warning"))
    return blocks


def _clock_table(m: Material) -> Block:
    rows = []
    for number, fit in enumerate(m.analysis.quality.fits, 1):
        if fit.known:
            drift = f"{fit.drift_ppm:+.1f} ppm ({fit.drift_ppm * 0.0864:+.2f} s/day)"
            residual = f"{fit.residual_ms:.1f} ms"
        else:
            drift, residual = "not measured", "time estimated"
        points = f"{fit.used} of {fit.points}"
        rows.append((str(number), points, drift, residual, str(fit.jumps)))
    note = "One row for each start of the monitor. Jumps are those of the host's clock."
    header = ["Start", "Sync points used", "Drift", "Residual", "Jumps"]
    return Table(header, rows, "rrrrr", note)


def trends(m: Material) -> list[Block]:
    """Plots over the session."""
    return [
        Plot(
            "rate_trend",
            52,
            "Heart rate: line = mean, band = lowest to highest; grey = not analysable; "
            "triangles = events.",
        ),
        Plot("burden_trend", 34, "Early and wide beats over time."),
        Plot(
            "quality_trend",
            20,
            "Analysable (pale green) and why not (grey, lower half: gap or noise; red, upper "
            "half: electrode off).",
        ),
    ]


def distribution(m: Material) -> list[Block]:
    """Histogram and Poincaré plot."""
    return [
        Plot(
            "rr_plots",
            78,
            "Left: histogram of all known RR. Right: Poincaré plot of NN intervals that follow "
            "each other; ellipse SD1, SD2.",
        )
    ]


def events(store: Store, m: Material) -> list[Block]:
    """Diary and button, each with its 45 s either side."""
    if not m.events:
        return [Text("No button press, alarm or diary entry.")]
    rows = [(m.clock.at(e.at), e.source, e.what) for e in m.events]
    blocks: list[Block] = [Table(["Time", "From", "What"], rows, "lll")]
    drawn = [(i, e) for i, e in enumerate(m.events) if e.source != "signal"]
    for i, event in drawn[:MAX_EVENTS]:
        caption = f"{event.what} at {m.clock.at(event.at)}: RR intervals 45 s before and after."
        blocks.append(Plot("event_rr", 38, caption, i))
        found: Sequence[Strip] = event_strips(store, m.analysis, m.clock, event.at)
        blocks += found or [Text(texts.NO_ECG, "note")]
    if len(drawn) > MAX_EVENTS:
        blocks.append(Text(f"{len(drawn) - MAX_EVENTS} more are listed above only.", "note"))
    return blocks


def findings(m: Material) -> list[Block]:
    """What people wrote."""
    if not m.findings:
        return [Text("No finding has been written.")]
    rows = [
        (
            m.clock.at(f.starts_at) if f.starts_at else "whole",
            ("URGENT: " if f.urgent else "") + f.text,
            f.written_by,
        )
        for f in m.findings
    ]
    return [Table(["Time", "Finding", "By"], rows, "lll")]


def strips(store: Store, m: Material) -> list[Block]:
    """ECG true to scale."""
    found = chosen_strips(store, m.analysis, m.clock)
    if not found:
        return [Text("No ECG was kept for the moments of interest, apart from the events above.")]
    legend = (
        "25 mm/s, 10 mm/mV when printed at 100 %. Small squares 1 mm, large 5 mm. Letters: "
        "N normal, S early, V wide, F fusion, P paced, ? not told; the number is the RR in ms."
    )
    return [Text(legend, "note"), *found]


def method(m: Material) -> list[Block]:
    """Versions, rules, sources, limits."""
    s = m.analysis.session
    rules = [*m.analysis.settings.rows()]
    scale = f"{s.nv_per_code:.2f} nV per code" if s.nv_per_code else "not told"
    facts = [
        ("Heartlog", m.version),
        ("Firmware", s.firmware or "not told"),
        ("Board, front end", " ".join(x for x in (s.board, s.part) if x) or "not told"),
        ("Sampling", f"{s.rate:g} samples/s, {scale}"),
    ]
    blocks: list[Block] = [Facts(facts), Table(["Rule", "Value"], rules, "ll")]
    blocks += [Text(text) for text in texts.LIMITS]
    blocks += [Text(text, "note") for text in texts.SOURCES]
    blocks.append(Text(texts.NOTICE, "warning"))
    return blocks
