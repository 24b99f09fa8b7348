"""Whether a store has a session already: the same file opened again, or one's own coming back.

number = known(small, session_id, store)      # the store's session that holds all of it, or None
others = same_recording(small, session_id, store)     # of the same recording, with other contents

The same recording is of the same monitor, with the same number there and the same start. A session
holds all of another when each row of beats, records, ECG, diary, findings and corrections is in
it, byte by byte; what was added to it since does not matter.
"""

import hashlib
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session as Db

from heartlog.store import Store
from heartlog.store.backup import PER_SESSION
from heartlog.store.schema import Base, SessionRow

_OWN = ("id", "session_id")


def same_recording(source: Store, session_id: int, target: Store) -> list[int]:
    """Numbers of the target's sessions of the recording that a session of the source is of."""
    with source.reading() as db:
        row = db.get_one(SessionRow, session_id)
        wanted = (
            select(SessionRow.id)
            .where(
                SessionRow.device_id == row.device_id,
                SessionRow.device_session == row.device_session
                if row.device_session is not None
                else SessionRow.device_session.is_(None),
                SessionRow.started_at == row.started_at,
            )
            .order_by(SessionRow.id)
        )
    with target.reading() as db:
        return list(db.scalars(wanted))


def known(source: Store, session_id: int, target: Store) -> int | None:
    """Number of the target's session that has all of the source's session, None without one."""
    for number in same_recording(source, session_id, target):
        with source.reading() as mine, target.reading() as theirs:
            if all(
                _rows(mine, table, session_id) <= _rows(theirs, table, number)
                for table in PER_SESSION
            ):
                return number
    return None


def _rows(db: Db, table: type[Base], session_id: int) -> set[bytes]:
    """A digest of each of the session's rows."""
    core = Base.metadata.tables[table.__tablename__]
    columns = [c for c in core.columns if c.name not in _OWN]
    query = select(*columns).where(core.c.session_id == session_id)
    return {_digest(row) for row in db.execute(query.execution_options(yield_per=200))}


def _digest(row: Any) -> bytes:
    return hashlib.sha256(repr(tuple(row)).encode()).digest()
