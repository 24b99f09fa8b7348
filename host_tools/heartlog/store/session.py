"""A session as it is listed."""

from dataclasses import dataclass, field
from typing import Any

from heartlog.store.schema import SessionRow

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
