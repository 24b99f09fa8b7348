"""The audit trail: who changed what, when, with the values before and after.

with changing(store, "J. Doe") as change:
    change.update("patient", row, name="Anna Müller")
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session as Db

from heartlog.store import Store
from heartlog.store.schema import Base
from heartlog.store.schema_clinic import AuditEntry
from heartlog.store.who import current_user, entry

HIDDEN = ("search",)
"""Columns derived from others: not part of the trail."""


class Change:
    """One transaction of changes by one person."""

    def __init__(self, db: Db, who: str) -> None:
        self.db = db
        self.who = who
        self.now = time.time()

    def add(self, row: Base) -> None:
        """Add a row and note it."""
        self.db.add(row)
        self.db.flush()
        self._note("add", row, None, values_of(row))

    def update(self, row: Base, action: str = "edit", **values: Any) -> bool:
        """Set columns; note only what changed. False if nothing did."""
        before = {k: getattr(row, k) for k, v in values.items() if getattr(row, k) != v}
        if not before:
            return False
        for name in before:
            setattr(row, name, values[name])
        after = {k: values[k] for k in before}
        visible = [k for k in before if k not in HIDDEN]
        if visible:
            self._note(
                action, row, {k: before[k] for k in visible}, {k: after[k] for k in visible}
            )
        return True

    def _note(
        self,
        action: str,
        row: Base,
        before: dict[str, Any] | None,
        after: dict[str, Any] | None,
    ) -> None:
        self.db.flush()
        number = str(row.__mapper__.primary_key_from_instance(row)[0])
        self.db.add(
            entry(action, row.__tablename__, number, before, after, who=self.who, at=self.now)
        )


def values_of(row: Base) -> dict[str, Any]:
    """Return a row's columns, without derived ones and without bulk data."""
    out: dict[str, Any] = {}
    for column in row.__table__.columns:
        value = getattr(row, column.key)
        if column.key not in HIDDEN and not isinstance(value, bytes):
            out[column.key] = value
    return out


@contextmanager
def changing(store: Store, who: str = "") -> Iterator[Change]:
    """Open one transaction whose changes are all noted."""
    with store.writing() as db:
        yield Change(db, who or current_user())


def trail(
    store: Store, entity: str | None = None, entity_id: str | None = None, limit: int = 100
) -> list[AuditEntry]:
    """Return the newest entries first."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if entity is not None:
        query = query.where(AuditEntry.entity == entity)
    if entity_id is not None:
        query = query.where(AuditEntry.entity_id == entity_id)
    with store.reading() as db:
        return list(db.scalars(query))
