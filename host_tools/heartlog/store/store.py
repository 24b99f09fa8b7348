"""The door to the store. Each method is one transaction; several processes may use one store.

with Store.open("tests.sqlite") as store:
    session = store.open_session("8a6f2c00", rate=250)
    new = store.append(session.id, records)      # committed when it returns
    store.acknowledge_up_to = store.committed_seq("8a6f2c00")
"""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session as Db

from heartlog.store import ecg, ingest, schema_clinic
from heartlog.store.cipher import QUERY, Secret
from heartlog.store.engine import (
    as_url,
    default_url,
    memory_content,
    open_engine,
    open_memory,
    place,
)
from heartlog.store.errors import NotFound, StoreReadOnly, clear_errors
from heartlog.store.reading import Placed, Timeline, apply_edits
from heartlog.store.schema import RecordRow, SessionRow
from heartlog.store.session import COLUMNS, STATUSES, Session, listed, matching
from heartlog.store.types import Beats, Record, WireRecord, from_wire
from heartlog.store.who import entry

__all__ = ["STATUSES", "Session", "Store"]

MOST_ID = 2**31 - 1
"""The greatest number of a session: PostgreSQL's integer."""


class Store:
    """An open store. Make it with `Store.open`; close it, or use it in a `with` statement."""

    def __init__(self, engine: Engine, where: str, read_only: bool) -> None:
        self.engine = engine
        self.where = where
        """What to call it in a message: the file's path or the URL without its password."""
        self.read_only = read_only
        self.url = ""
        """By which another process opens the same store (holds the password or key, if any)."""
        self.encrypted = False
        self._writer = engine.execution_options(writing=True)

    @classmethod
    def open(
        cls,
        url: str | os.PathLike[str] | None = None,
        read_only: bool = False,
        encrypted: bool = False,
    ) -> Self:
        """Open (and make, or bring up to date) the store at a path or URL; None is the default.

        `encrypted`: a file that is not there yet is made an encrypted one; one that is there
        says itself what it is.

        Raises a StoreError that names the store: foreign file, newer schema, no permission,
        full disk, unreachable server, no key. What can't be written is opened for reading only.
        """
        address = as_url(url if url is not None else default_url())
        secret = None
        if address.get_backend_name() == "sqlite" and address.database:
            path = Path(address.database)
            secret = Secret.of(path, address)
            address = address.difference_update_query([QUERY])
            if encrypted and not path.exists():
                secret = Secret.new()
        engine, read_only = open_engine(address, read_only, secret)
        store = cls(engine, place(address), read_only)
        if secret is not None:
            store.encrypted = True
            address = secret.in_url(address)
        store.url = address.render_as_string(hide_password=False)
        return store

    @classmethod
    def in_memory(cls, content: bytes = b"") -> Self:
        """A store that no file is made for: empty, or with what a store's file held.

        Use it in one thread. `content` tells what it holds, as a file's bytes.
        """
        return cls(open_memory(content), "the store in memory", False)

    @property
    def content(self) -> bytes:
        """The bytes of a store in memory."""
        return memory_content(self.engine)

    def close(self) -> None:
        """Give back the connections."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def reading(self) -> Iterator[Db]:
        """Give a database session that sees one consistent state and changes nothing."""
        with clear_errors(self.where), Db(self.engine, expire_on_commit=False) as db:
            yield db

    @contextmanager
    def writing(self) -> Iterator[Db]:
        """Give a database session that is committed at the end, or undone on an error."""
        if self.read_only:
            raise StoreReadOnly(
                f"{self.where} is open for reading only.",
                "Check the file's and folder's permissions, or choose another with --store.",
            )
        with clear_errors(self.where), Db(self._writer, expire_on_commit=False) as db, db.begin():
            yield db

    # Sessions

    def open_session(
        self, device_id: str, *, started_at: float | None = None, **values: Any
    ) -> Session:
        """Begin a device's session; `values` are columns of Session (rate, board, notes ...)."""
        unknown = set(values) - set(COLUMNS) - {"patient_id"}
        if unknown:
            raise TypeError(f"a session has no {', '.join(sorted(unknown))}")
        moment = time.time() if started_at is None else started_at
        with self.writing() as db:
            ingest.lock_device(db, device_id, moment)
            row = SessionRow(device_id=device_id, started_at=moment, **values)
            db.add(row)
            db.flush()
            session_id = row.id
        return self.session(session_id)

    def session(self, session_id: int) -> Session:
        """Return one session; raise NotFound."""
        fits = 0 < session_id <= MOST_ID  # a database would refuse to look for another
        found = self._sessions(SessionRow.id == session_id) if fits else []
        if not found:
            raise NotFound(
                f"No session {session_id} in {self.where}.", "List them: heartlog sessions"
            )
        return found[0]

    def sessions(
        self,
        *,
        patient_id: int | None = None,
        device_id: str | None = None,
        status: str | None = None,
        text: str = "",
        archived: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Session]:
        """Return sessions, newest first. `text` looks into patient, device, notes and fitter."""
        where = matching(patient_id, device_id, status, text, archived)
        return self._sessions(*where, limit=limit, offset=offset)

    def _sessions(self, *where: Any, limit: int | None = None, offset: int = 0) -> list[Session]:
        with self.reading() as db:
            return listed(db, *where, limit=limit, offset=offset)

    def open_sessions(self, device_id: str) -> list[Session]:
        """Return the device's sessions that are recording or interrupted, the last made first:
        one that took up what a monitor had kept may begin before one that was made earlier."""
        open_states = ("recording", "interrupted")
        found = self._sessions(
            SessionRow.device_id == device_id, SessionRow.status.in_(open_states)
        )
        return sorted(found, key=lambda session: -session.id)

    def update_session(self, session_id: int, **values: Any) -> None:
        """Set columns of a session (recorders' facts; people's edits go through `records`)."""
        unknown = set(values) - set(COLUMNS) - {"patient_id"}
        if unknown:
            raise TypeError(f"a session has no {', '.join(sorted(unknown))}")
        with self.writing() as db:
            row = self._row(db, session_id)
            for name, value in values.items():
                setattr(row, name, value)

    def mark_recording(self, session_id: int) -> None:
        """Say that the session goes on."""
        self.update_session(session_id, status="recording", ended_at=None, reason="")

    def mark_interrupted(self, session_id: int, reason: str = "") -> None:
        """Say that recording stopped without the session's end; what was gathered stays."""
        self.update_session(session_id, status="interrupted", reason=reason)

    def mark_complete(self, session_id: int, ended_at: float | None = None) -> None:
        """Say that the session ended as it should."""
        moment = time.time() if ended_at is None else ended_at
        self.update_session(session_id, status="complete", ended_at=moment, reason="")

    @staticmethod
    def _row(db: Db, session_id: int) -> SessionRow:
        row = db.get(SessionRow, session_id)
        if row is None:
            raise NotFound(f"No session {session_id}.", "List them: heartlog sessions")
        return row

    # Records

    def append(
        self,
        session_id: int,
        records: Iterable[Record | WireRecord],
        journal: int = 0,
        now: float | None = None,
    ) -> int:
        """Commit records of the session's device, each exactly once; return how many were new.

        Any order, repeats allowed: a record is known by (device, journal, seq). When this
        returns, what was given is on disk and may be acknowledged to the monitor. Takes the
        link's decoded records as they are.
        """
        batch = [
            r if isinstance(r, Record) else from_wire(r.seq, r.name, r.boot, r.values, r.body)
            for r in records
        ]
        with self.writing() as db:
            return ingest.append(db, session_id, batch, journal, now)

    def committed_seq(self, device_id: str, journal: int = 0, oldest: int = 1) -> int:
        """Return the highest n such that all of oldest..n is committed (oldest - 1 if none).

        `oldest` is the oldest number that the device still holds: all up to n may be
        acknowledged, nothing beyond.
        """
        with self.reading() as db:
            missing = ingest.ranges(db, device_id, journal).missing(oldest, 2**40)
        return missing[0][0] - 1

    def missing(
        self, device_id: str, oldest: int, newest: int, journal: int = 0
    ) -> list[tuple[int, int]]:
        """Return the ranges (first, last) within oldest..newest that are not committed."""
        with self.reading() as db:
            return ingest.ranges(db, device_id, journal).missing(oldest, newest)

    def mark_lost(self, device_id: str, first: int, last: int, journal: int = 0) -> None:
        """Note that the device no longer holds first..last: what is missing of it never comes.
        The audit trail tells which that were."""
        with self.writing() as db:
            now = time.time()
            ingest.lock_device(db, device_id, now)
            gone = ingest.ranges(db, device_id, journal).lose(first, last)
            for a, b in gone:
                what = {"first": a, "last": b, "journal": journal}
                db.add(entry("give up", "records", device_id, None, what, at=now))

    def add_sync(
        self,
        session_id: int,
        sample: int,
        host_time: float,
        uncertainty_ms: float = 50.0,
        boot: int = 0,
        journal: int = 0,
    ) -> None:
        """Add a synchronisation point that the host made: sample index at a UNIX time."""
        fields = {"host_time": host_time, "uncertainty_ms": uncertainty_ms}
        with self.writing() as db:
            self._row(db, session_id)
            db.add(
                RecordRow(
                    session_id=session_id,
                    journal=journal,
                    kind="sync",
                    boot=boot,
                    sample=sample,
                    received_at=host_time,
                    fields=fields,
                )
            )

    # Reading

    def timeline(self, session_id: int, edited: bool = True) -> Timeline:
        """Return the whole session in order; `edited` applies people's corrections to beats."""
        with self.reading() as db:
            line = Timeline.load(db, session_id)
        return self.with_edits(session_id, line) if edited else line

    def with_edits(self, session_id: int, line: Timeline) -> Timeline:
        """Return a session's original timeline with people's corrections applied to its beats."""
        edit = schema_clinic.BeatEdit
        query = (
            select(edit)
            .where(edit.session_id == session_id, edit.undone.is_(False))
            .order_by(edit.id)
        )
        with self.reading() as db:
            edits = db.scalars(query).all()
        return Timeline(apply_edits(line.beats, edits), line.records, line.fits)

    def beats(self, session_id: int, edited: bool = True) -> Beats:
        """Return the session's beats in order as an array of `types.BEAT`."""
        return self.timeline(session_id, edited).beats

    def records(self, session_id: int, *kinds: str) -> list[Placed]:
        """Return records other than beats (all kinds if none is named), placed in time."""
        line = self.timeline(session_id, edited=False)
        return line.of(*kinds) if kinds else list(line.records)

    def signal_states(self, session_id: int) -> list[Placed]:
        """Return the electrodes' and channels' state changes."""
        return self.records(session_id, "signal")

    def gaps(self, session_id: int) -> list[Placed]:
        """Return the gaps, each with samples lost and reason."""
        return self.records(session_id, "gap")

    def events(self, session_id: int) -> list[Placed]:
        """Return button presses and the device's own alarms."""
        return self.records(session_id, "event")

    def syncs(self, session_id: int) -> list[Placed]:
        """Return the synchronisation points, raw."""
        return self.records(session_id, "sync")

    def boots(self, session_id: int) -> list[Placed]:
        """Return the device's boots."""
        return self.records(session_id, "boot")

    # ECG

    def append_ecg(
        self,
        session_id: int,
        strip: int,
        first_sample: int,
        codes: npt.NDArray[np.int32] | Sequence[int],
        *,
        rate: float,
        nv_per_code: float,
        channel: int = 1,
        boot: int = 0,
        journal: int = 0,
    ) -> bool:
        """Store a run of ECG codes (int32) of a strip; False if it was there already."""
        with self.writing() as db:
            self._row(db, session_id)
            place = ecg.Place(session_id, strip, channel, journal, boot, first_sample)
            return ecg.append(db, place, codes, rate, nv_per_code)

    def ecg(
        self,
        session_id: int,
        *,
        strip: int | None = None,
        channel: int | None = None,
        start: int | None = None,
        stop: int | None = None,
    ) -> list[ecg.EcgRun]:
        """Return runs of ECG without holes, touching ones joined, in order."""
        with self.reading() as db:
            return ecg.load(db, session_id, strip, channel, start, stop)
