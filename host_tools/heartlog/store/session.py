"""A session as it is listed, and how lists are made of the tables."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session as Db

from heartlog.store.schema import SessionRow
from heartlog.store.schema_clinic import Patient

STATUSES = ("recording", "interrupted", "complete", "imported")


@dataclass(frozen=True, slots=True)
class Session:
    """One wear or imported test, as listed. Times are UNIX seconds (UTC)."""

    id: int
    patient_id: int | None
    patient_identifier: str
    patient_name: str
    device_id: str
    device_session: int | None
    status: str
    source: str
    started_at: float
    ended_at: float | None
    last_data_at: float | None
    time_zone: str
    planned_seconds: float | None
    lead_arrangement: str
    electrode_sites: dict[str, Any]
    fitted_by: str
    consent: str
    notes: str
    rate: float
    nv_per_code: float | None
    board: str
    part: str
    firmware: str
    settings: dict[str, Any]
    reason: str
    beat_count: int
    gap_count: int
    event_count: int
    archived: bool = field(default=False)


COLUMNS = tuple(name for name in Session.__dataclass_fields__ if not name.startswith("patient_"))
"""What `Store.open_session` and `Store.update_session` take, besides patient_id."""


def to_session(row: SessionRow, identifier: str | None, name: str | None) -> Session:
    """Return a row of the table with its patient's identifier and name."""
    values = {column: getattr(row, column) for column in COLUMNS}
    return Session(
        patient_id=row.patient_id,
        patient_identifier=identifier or "",
        patient_name=name or "",
        **values,
    )


def matching(
    patient_id: int | None, device_id: str | None, status: str | None, text: str, archived: bool
) -> list[ColumnElement[bool]]:
    """Return what SQL is to look for; see `Store.sessions`."""
    where: list[ColumnElement[bool]] = []
    if not archived:
        where.append(SessionRow.archived.is_(False))
    if patient_id is not None:
        where.append(SessionRow.patient_id == patient_id)
    if device_id is not None:
        where.append(SessionRow.device_id == device_id)
    if status is not None:
        where.append(SessionRow.status == status)
    for word in text.casefold().split():
        pattern = f"%{word.replace('%', '').replace('_', '')}%"
        fields = (SessionRow.device_id, SessionRow.notes, SessionRow.fitted_by)
        where.append(
            or_(
                Patient.search.like(pattern),
                *(func.lower(f).like(pattern) for f in fields),
            )
        )
    return where


def listed(
    db: Db, *where: ColumnElement[bool], limit: int | None = None, offset: int = 0
) -> list[Session]:
    """Return the sessions that fit, newest first."""
    query = (
        select(SessionRow, Patient.identifier, Patient.name)
        .outerjoin(Patient, Patient.id == SessionRow.patient_id)
        .where(*where)
        .order_by(SessionRow.started_at.desc(), SessionRow.id.desc())
    )
    if limit is not None:
        query = query.limit(limit).offset(offset)
    return [to_session(*row) for row in db.execute(query).all()]
