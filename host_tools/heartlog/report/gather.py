"""Everything a report needs, read from the store once.

material = gather(store, session_id, settings)
"""

from dataclasses import dataclass
from importlib.metadata import version

from sqlalchemy import select

from heartlog.analysis import Analysis, AnalysisSettings, analyse
from heartlog.report.clock import Clock
from heartlog.store import Store
from heartlog.store.lead import is_change
from heartlog.store.schema_clinic import (
    BeatEdit,
    DiaryEntry,
    Equipment,
    Finding,
    FitReading,
    Fitting,
    Patient,
)
from heartlog.store.types import event_text


@dataclass(frozen=True, slots=True)
class Event:
    """A button press, a device's alarm, a diary entry, or (`source` "signal") another lead."""

    at: float
    what: str
    source: str


@dataclass(frozen=True, slots=True)
class Material:
    """A session with everything around it."""

    analysis: Analysis
    clock: Clock
    patient: Patient | None
    equipment: Equipment | None
    fit_readings: tuple[FitReading, ...]
    findings: tuple[Finding, ...]
    events: tuple[Event, ...]
    edits: int
    generated_at: float
    version: str


def gather(
    store: Store,
    session_id: int,
    settings: AnalysisSettings | None = None,
    generated_at: float | None = None,
) -> Material:
    """Read and analyse a session; `generated_at` (UNIX seconds) is printed on the report."""
    import time

    session = store.session(session_id)
    analysis = analyse(session, store.timeline(session_id), settings)
    with store.reading() as db:
        patient = db.get(Patient, session.patient_id) if session.patient_id else None
        equipment = db.scalars(
            select(Equipment).where(Equipment.device_id == session.device_id)
        ).first()
        fitting = db.scalars(
            select(Fitting).where(Fitting.session_id == session_id).order_by(Fitting.id.desc())
        ).first()
        readings = (
            db.scalars(
                select(FitReading)
                .where(FitReading.fitting_id == fitting.id)
                .order_by(FitReading.id)
            ).all()
            if fitting
            else ()
        )
        findings = db.scalars(
            select(Finding)
            .where(Finding.session_id == session_id, Finding.archived.is_(False))
            .order_by(Finding.starts_at.nulls_first(), Finding.id)
        ).all()
        diary = db.scalars(
            select(DiaryEntry)
            .where(DiaryEntry.session_id == session_id, DiaryEntry.archived.is_(False))
            .order_by(DiaryEntry.at)
        ).all()
        edits = len(
            db.scalars(
                select(BeatEdit.id).where(
                    BeatEdit.session_id == session_id, BeatEdit.undone.is_(False)
                )
            ).all()
        )
    events = [
        Event(r.time, event_text(r.fields), "signal" if is_change(r.fields) else "monitor")
        for r in analysis.timeline.of("event")
    ]
    for entry in diary:
        text = ", ".join(part for part in (entry.symptom, entry.activity) if part)
        events.append(Event(entry.at, text, "diary"))
    q = analysis.quality
    return Material(
        analysis=analysis,
        clock=Clock.of(session, q.start, q.stop),
        patient=patient,
        equipment=equipment,
        fit_readings=tuple(readings),
        findings=tuple(findings),
        events=tuple(sorted(events, key=lambda e: e.at)),
        edits=edits,
        generated_at=time.time() if generated_at is None else generated_at,
        version=version("heartlog"),
    )
