"""Monitors on the shelf: what they are, what was done to them, what is due."""

import datetime as dt
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.exc import IntegrityError

from heartlog.errors import UsageProblem
from heartlog.records.audit import changing
from heartlog.records.patients import folded
from heartlog.store import NotFound, Store
from heartlog.store.schema_clinic import Equipment, EquipmentEntry

EDITABLE = (
    "serial",
    "device_id",
    "board",
    "part",
    "firmware",
    "maintenance_due",
    "notes",
)
KINDS = (
    "self-test",
    "calibration",
    "battery",
    "cleaning",
    "maintenance",
    "fault",
    "firmware",
    "note",
)


def check(values: dict[str, Any]) -> None:
    """Raise UsageProblem naming the first value that can't be."""
    for name in values:
        if name not in EDITABLE:
            raise UsageProblem(
                f"Equipment has no {name!r}.", f"Choose from: {', '.join(EDITABLE)}."
            )
    due = values.get("maintenance_due")
    if due:
        try:
            dt.date.fromisoformat(due)
        except ValueError:
            raise UsageProblem(f"{due!r} is not a date.", "Write it as 2027-01-31.") from None


def add(store: Store, serial: str, *, who: str = "", **values: Any) -> Equipment:
    """Add a monitor by its serial number."""
    check(values)
    if not serial.strip():
        raise UsageProblem("Equipment needs a serial number.", "Read it from the label.")
    try:
        with changing(store, who) as change:
            row = Equipment(serial=serial.strip(), **values)
            row.search = _search(row)
            change.add(row)
    except IntegrityError:
        raise UsageProblem(
            f"There is equipment {serial} (or its device) already.",
            "See: heartlog equipment list",
        ) from None
    return row


def _search(row: Equipment) -> str:
    parts = (row.serial, row.device_id, row.board, row.part, row.firmware, row.notes)
    return folded(*(p or "" for p in parts))


def find(store: Store, serial: str) -> Equipment:
    """Return the monitor with a serial number or device id."""
    query = select(Equipment).where((Equipment.serial == serial) | (Equipment.device_id == serial))
    with store.reading() as db:
        row = db.scalars(query).first()
    if row is None:
        raise NotFound(
            f"No equipment {serial!r} in {store.where}.", "List it: heartlog equipment list"
        )
    return row


def search(
    store: Store, text: str = "", *, archived: bool = False, limit: int = 200
) -> list[Equipment]:
    """Return equipment in which every word is found."""
    where: list[ColumnElement[bool]] = []
    if not archived:
        where.append(Equipment.archived.is_(False))
    for word in text.casefold().split():
        where.append(Equipment.search.contains(word, autoescape=True))
    with store.reading() as db:
        query = select(Equipment).where(*where).order_by(Equipment.serial).limit(limit)
        return list(db.scalars(query))


def due(store: Store, day: dt.date) -> list[Equipment]:
    """Return equipment whose maintenance is due on or before a day."""
    query = (
        select(Equipment)
        .where(
            Equipment.archived.is_(False),
            Equipment.maintenance_due != "",
            Equipment.maintenance_due <= day.isoformat(),
        )
        .order_by(Equipment.maintenance_due)
    )
    with store.reading() as db:
        return list(db.scalars(query))


def edit(store: Store, serial: str, *, who: str = "", **values: Any) -> Equipment:
    """Change a monitor's data."""
    check(values)
    known = find(store, serial)
    with changing(store, who) as change:
        row = change.db.get_one(Equipment, known.id)
        change.update(row, **values)
        row.search = _search(row)
    return row


def archive(store: Store, serial: str, *, back: bool = False, who: str = "") -> None:
    """Take a monitor out of use (nothing is deleted), or `back`."""
    known = find(store, serial)
    with changing(store, who) as change:
        row = change.db.get_one(Equipment, known.id)
        change.update(row, "unarchive" if back else "archive", archived=not back)


def note(
    store: Store,
    serial: str,
    kind: str,
    text: str = "",
    *,
    passed: bool | None = None,
    values: dict[str, Any] | None = None,
    who: str = "",
) -> EquipmentEntry:
    """Add a line to a monitor's history."""
    if kind not in KINDS:
        raise UsageProblem(f"There is no entry {kind!r}.", f"Choose from: {', '.join(KINDS)}.")
    known = find(store, serial)
    with changing(store, who) as change:
        row = EquipmentEntry(
            equipment_id=known.id,
            at=change.now,
            kind=kind,
            passed=passed,
            text=text,
            values=values or {},
            done_by=change.who,
        )
        change.add(row)
    return row


def history(store: Store, serial: str) -> list[EquipmentEntry]:
    """Return a monitor's history, newest first."""
    known = find(store, serial)
    query = (
        select(EquipmentEntry)
        .where(EquipmentEntry.equipment_id == known.id)
        .order_by(EquipmentEntry.at.desc(), EquipmentEntry.id.desc())
    )
    with store.reading() as db:
        return list(db.scalars(query))
