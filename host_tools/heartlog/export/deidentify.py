"""Takes out what tells who a person is.

    safe, flagged = deidentified(data)
    flagged       # free texts that were taken out, for a person to check: ["indication", ...]

Name and birth date go; identifier and device become random codes that nothing leads back from;
all times move by the same random number of whole weeks (up to ten years back), so that day of
week, time of day and intervals stay; free text is taken out and its fields are named. What the
ECG itself could tell stays: it is the purpose of the file.
"""

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from heartlog.analysis import analyse
from heartlog.export.common import ExportData, PatientData
from heartlog.report.gather import Event
from heartlog.store.reading import Placed, Timeline

WEEK = 7 * 86_400
MIN_WEEKS, MAX_WEEKS = 52, 520
FREE_TEXT = "[free text taken out]"


def deidentified(
    data: ExportData, weeks: int | None = None, code: Callable[[], str] | None = None
) -> tuple[ExportData, list[str]]:
    """Return the data without identity, and the names of the free-text fields taken out."""
    shift = -WEEK * (weeks or MIN_WEEKS + secrets.randbelow(MAX_WEEKS - MIN_WEEKS))
    draw = code or (lambda: secrets.token_hex(5).upper())
    flagged: list[str] = []

    def drop(name: str, value: str) -> str:
        if value:
            flagged.append(name)
        return ""

    s, p = data.session, data.patient
    patient = None
    if p is not None:
        drop("patient indication", p.indication)
        drop("patient notes", p.notes)
        patient = PatientData(f"DEID-{draw()}", "", "", p.sex, p.pacemaker, "", "")

    def moved(value: float | None) -> float | None:
        return None if value is None else value + shift

    imported = s.source.split(" ")[0] if s.source != "ble" else "ble"
    session = replace(
        s,
        patient_id=None,
        patient_identifier=patient.identifier if patient else "",
        patient_name="",
        device_id=f"DEID-{draw()}",
        started_at=s.started_at + shift,
        ended_at=moved(s.ended_at),
        last_data_at=moved(s.last_data_at),
        fitted_by=drop("fitted by", s.fitted_by),
        consent=drop("consent", s.consent),
        notes=drop("session notes", s.notes),
        reason=drop("reason", s.reason),
        lead_arrangement=s.lead_arrangement,
        source=imported,
    )
    line = _shifted(data.timeline, shift, flagged)
    analysis = analyse(session, line, data.analysis.settings)
    events = tuple(_event(e, shift, flagged) for e in data.events)
    if data.findings:
        flagged.append("findings")
    return (
        replace(
            data,
            session=session,
            patient=patient,
            analysis=analysis,
            timeline=line,
            events=events,
            findings=(),
            start=data.start + shift,
            stop=data.stop + shift,
            deidentified=True,
            name=f"deid{draw().lower()}",
        ),
        sorted(set(flagged)),
    )


def _event(event: Event, shift: float, flagged: list[str]) -> Event:
    if event.source == "diary":
        flagged.append("diary")
        return Event(event.at + shift, FREE_TEXT, "diary")
    return Event(event.at + shift, event.what, event.source)


def _shifted(line: Timeline, shift: float, flagged: list[str]) -> Timeline:
    beats = line.beats.copy()
    beats["time"] += shift
    beats["raw_time"] += shift
    records = []
    for r in line.records:
        fields: dict[str, Any] = dict(r.fields)
        if "host_time" in fields:
            fields["host_time"] = float(fields["host_time"]) + shift
        if "host_us" in fields:
            fields["host_us"] = int(fields["host_us"]) + int(shift * 1e6)
        if "text" in fields and not str(fields["text"]).startswith("("):
            fields["text"] = FREE_TEXT
            flagged.append("remarks")
        records.append(_moved(r, fields, shift))
    fits = tuple(fit.moved(shift) for fit in line.fits)
    return Timeline(beats, tuple(records), fits)


def _moved(r: Placed, fields: dict[str, Any], shift: float) -> Placed:
    return replace(
        r, time=r.time + shift, received_at=r.received_at + shift, fields=fields, raw=None
    )
