"""Takes a monitor's records in: one transaction, each record exactly once.

What a device's journal has delivered is kept as a short list of sequence ranges, so that repeats
are recognised whatever the order of delivery (live beats first, backlog after). Beats go into
chunks that are merged as they gather: 16 chunks of a level make one of the next, up to 4096
beats, so that a beat a second costs little to commit and a day of beats is few rows to read.
"""

import time
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session as Db

from heartlog.store.errors import NotFound, StoreDamaged
from heartlog.store.lead import is_change
from heartlog.store.schema import BeatChunk, Device, RecordRow, SeqRange, SessionRow
from heartlog.store.types import KINDS, PACKED_BEAT, Beats, Record, pack_beats

FAN = 16
"""Chunks of one level that are merged into one of the next."""
TOP_BEATS = FAN**3
"""Beats of a full chunk: 96 KiB."""
LEVELS = 3

Range = tuple[int, int]


def append(
    db: Db, session_id: int, records: Iterable[Record], journal: int = 0, now: float | None = None
) -> int:
    """Add what is new of `records` to the session; return how many were new."""
    moment = time.time() if now is None else now
    batch = sorted(records, key=lambda r: r.seq)
    session = db.get(SessionRow, session_id)
    if session is None:
        raise NotFound(f"No session {session_id}.", "List them: heartlog sessions")
    if not batch:
        return 0
    lock_device(db, session.device_id, moment)
    known = _Ranges(db, session.device_id, journal)
    fresh: list[Record] = []
    for record in batch:
        repeated = bool(fresh) and fresh[-1].seq == record.seq
        if not repeated and not known.holds(record.seq):
            fresh.append(record)
    if not fresh:
        return 0
    known.add([r.seq for r in fresh])
    beats = [r for r in fresh if r.kind == "beat"]
    others = [r for r in fresh if r.kind != "beat"]
    if beats:
        add_beats(db, session_id, pack_beats(beats), journal)
    for record in others:
        db.add(
            RecordRow(
                session_id=session_id,
                journal=journal,
                seq=record.seq,
                boot=record.boot,
                kind=record.kind if record.kind in KINDS else "unknown",
                sample=record.sample,
                received_at=moment,
                fields=dict(record.fields),
                raw=record.raw if record.raw and record.kind not in KINDS[:-1] else None,
            )
        )
        if record.kind == "dropped":
            first = int(record.fields.get("first") or 0)
            known.lose(first, first + int(record.fields.get("count") or 0) - 1)
    session.beat_count += len(beats)
    session.gap_count += sum(r.kind == "gap" for r in others)
    session.event_count += sum(r.kind == "event" and not is_change(r.fields) for r in others)
    session.last_data_at = moment
    return len(fresh)


def add_beats(db: Db, session_id: int, beats: Beats, journal: int = 0) -> None:
    """Store packed beats (in order of seq) as chunks, then merge what has gathered."""
    for start in range(0, len(beats), TOP_BEATS):
        part = beats[start : start + TOP_BEATS]
        db.add(_chunk(session_id, journal, _level(len(part)), part))
    db.flush()
    for level in range(LEVELS):
        _merge(db, session_id, journal, level)


def _level(count: int) -> int:
    level = 0
    while level < LEVELS and count >= FAN ** (level + 1):
        level += 1
    return level


def _chunk(session_id: int, journal: int, level: int, beats: Beats) -> BeatChunk:
    data = beats.tobytes()
    return BeatChunk(
        session_id=session_id,
        journal=journal,
        level=level,
        first_seq=int(beats["seq"].min()),
        last_seq=int(beats["seq"].max()),
        count=len(beats),
        crc=zlib.crc32(data),
        data=data,
    )


def unpack(rows: Sequence[BeatChunk]) -> Beats:
    """Return chunks' beats as PACKED_BEAT by seq; raise StoreDamaged on a bad checksum."""
    for row in rows:
        check_chunk(row.session_id, row.first_seq, row.count, row.crc, row.data)
    return in_order(np.frombuffer(b"".join(row.data for row in rows), PACKED_BEAT))


def check_chunk(session_id: int, first_seq: int, count: int, crc: int, data: bytes) -> None:
    """Raise StoreDamaged unless the chunk is as it was written."""
    if len(data) != count * PACKED_BEAT.itemsize or zlib.crc32(data) != crc:
        raise StoreDamaged(
            f"Beats {first_seq} and following of session {session_id} are damaged on disk.",
            "Restore the last backup (heartlog store restore); the monitor may still hold them.",
        )


def in_order(beats: Beats) -> Beats:
    """Return `beats` by seq, sorted only where they are not already."""
    seq = beats["seq"]
    if len(seq) > 1 and bool(np.any(seq[1:] < seq[:-1])):
        return beats[np.argsort(seq, kind="stable")]
    return beats


def _merge(db: Db, session_id: int, journal: int, level: int) -> None:
    here = (
        (BeatChunk.session_id == session_id)
        & (BeatChunk.journal == journal)
        & (BeatChunk.level == level)
    )
    ids = db.execute(select(BeatChunk.id).where(here)).scalars().all()
    if len(ids) < FAN:
        return
    rows = db.execute(select(BeatChunk).where(here)).scalars().all()
    beats = unpack(rows)
    db.execute(delete(BeatChunk).where(BeatChunk.id.in_(ids)))
    db.add(_chunk(session_id, journal, min(level + 1, LEVELS), beats))
    db.flush()


def lock_device(db: Db, device_id: str, moment: float) -> None:
    """Make the device's row, or take its lock, until the transaction ends.

    On SQLite the transaction already owns the write lock; on PostgreSQL the updated row is it.
    """
    found = db.execute(
        update(Device).where(Device.id == device_id).values(last_seen=moment)
    ).rowcount  # type: ignore[attr-defined]
    if not found:
        if db.get_bind().dialect.name == "postgresql":
            from sqlalchemy.dialects.postgresql import insert

            row = {"id": device_id, "first_seen": moment, "last_seen": moment}
            db.execute(
                insert(Device)
                .values(row)
                .on_conflict_do_update(index_elements=["id"], set_={"last_seen": moment})
            )
        else:
            db.add(Device(id=device_id, first_seen=moment, last_seen=moment))
            db.flush()


class _Ranges:
    """The committed ranges of one device's journal, merged as they touch."""

    def __init__(self, db: Db, device_id: str, journal: int) -> None:
        self._db = db
        self._device, self._journal = device_id, journal
        here = (SeqRange.device_id == device_id) & (SeqRange.journal == journal)
        self._rows = list(
            db.execute(select(SeqRange).where(here).order_by(SeqRange.first)).scalars()
        )
        self._first = [row.first for row in self._rows]

    def holds(self, seq: int) -> bool:
        from bisect import bisect_right

        at = bisect_right(self._first, seq) - 1
        return at >= 0 and self._rows[at].last >= seq

    def add(self, seqs: list[int], lost: bool = False) -> None:
        """Add sequence numbers (sorted, none held yet)."""
        runs: list[Range] = []
        for seq in seqs:
            if runs and runs[-1][1] + 1 == seq:
                runs[-1] = (runs[-1][0], seq)
            else:
                runs.append((seq, seq))
        for first, last in runs:
            self.add_range(first, last, lost)

    def add_range(self, first: int, last: int, lost: bool = False) -> None:
        before = next((r for r in self._rows if r.last + 1 == first and r.lost == lost), None)
        after = next((r for r in self._rows if r.first == last + 1 and r.lost == lost), None)
        if before is not None and after is not None:
            before.last = after.last
            self._rows.remove(after)
            self._db.delete(after)
        elif before is not None:
            before.last = last
        elif after is not None:
            after.first = first
        else:
            row = SeqRange(
                device_id=self._device, journal=self._journal, first=first, last=last, lost=lost
            )
            self._db.add(row)
            self._rows.append(row)
        self._rows.sort(key=lambda r: r.first)
        self._first = [row.first for row in self._rows]

    def lose(self, first: int, last: int) -> list[Range]:
        """Note that what is missing of first..last never comes; returns what that was."""
        gone = self.missing(first, last)
        for a, b in gone:
            self.add_range(a, b, lost=True)
        return gone

    def missing(self, oldest: int, newest: int) -> list[Range]:
        """Return the ranges within oldest..newest that are neither committed nor lost."""
        out: list[Range] = []
        at = oldest
        for row in self._rows:
            if row.last < at:
                continue
            if row.first > newest:
                break
            if row.first > at:
                out.append((at, row.first - 1))
            at = row.last + 1
        if at <= newest:
            out.append((at, newest))
        return out


def ranges(db: Db, device_id: str, journal: int) -> _Ranges:
    """Return the committed ranges of a device's journal."""
    return _Ranges(db, device_id, journal)
