"""Which of the store's sessions takes a monitor's records.

The monitor writes down where its sessions begin and end (SESSION records, with the number that a
recorder gave). A session may have ended while nobody listened: its rest is fetched first, up to
that record, and only what follows belongs to the next one.

    found = resume(store, device, journal, status)   # an open one that goes on, or None
    end = end_of(store, found.session)
    last = end.among(records)                        # its last record, once it is known
"""

from __future__ import annotations

import secrets
from typing import NamedTuple

from sqlalchemy import select

from heartlog._firmware.monitor.link import wire
from heartlog.link import Record
from heartlog.store import Session, Store
from heartlog.store.schema import RecordRow

_LARGEST = 0x3FFFFFFF
"""Numbers that a monitor takes for a session: from 1 on."""
GOES_ON, REST, NEW = 1, 2, 3


def new_number() -> int:
    """A number for a session, drawn, so that no other store gives the same one."""
    return secrets.randbelow(_LARGEST) + 1


class Resumed(NamedTuple):
    """A session of the store that goes on, and how.

    GOES_ON: the monitor is in it. REST: the monitor has ended it meanwhile; what it has of it is
    to be fetched. NEW: its recorder ended before the monitor heard of it; nothing is in it yet.
    """

    session: Session
    how: int


def resume(store: Store, device: str, journal: int, status: dict[str, int]) -> Resumed | None:
    """The device's open session that the next records belong to, if there is one."""
    sessions = store.open_sessions(device)
    for session in sessions:
        if status["session"] and session.device_session == status["session"]:
            return Resumed(session, GOES_ON)
    for session in sessions[:1]:
        journals = _journals(store, session.id)
        if not journals:
            return Resumed(session, NEW)
        if session.device_session and journal in journals:  # not erased since
            return Resumed(session, REST)
    return None


def _journals(store: Store, session_id: int) -> set[int]:
    """The journals that the session has records of."""
    wanted = select(RecordRow.journal).where(RecordRow.session_id == session_id).distinct()
    with store.reading() as db:
        return set(db.scalars(wanted))


class End:
    """Looks for the end of session `number` among records as they come.

    Its own stop is its end, and so is another session's start, unless that lies before its own:
    a session that is new takes what the monitor kept from before, too.
    """

    def __init__(self, number: int, begun: bool = False) -> None:
        self.number = number
        self._begun = begun

    def among(self, records: list[Record]) -> int | None:
        """Seq of the session's last record, once it is known."""
        for record in records:
            if record.name != "session":
                continue
            mine = record.values["session"] == self.number
            if record.values["action"] == wire.SESSION_START:
                if not mine and self._begun:
                    return record.seq - 1
                self._begun = self._begun or mine
            elif mine:
                return record.seq
        return None


def end_of(store: Store, session: Session) -> End:
    """The End of a session of which the store has a part already."""
    number = session.device_session or 0
    row = RecordRow
    wanted = select(row.fields).where(row.session_id == session.id, row.kind == "session")
    with store.reading() as db:
        found = [(f.get("action"), f.get("session")) for f in db.scalars(wanted)]
    return End(number, (wire.SESSION_START, number) in found)
