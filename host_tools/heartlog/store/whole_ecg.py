"""The whole ECG of a session, block by block as a monitor numbers them, each exactly once.

    after = committed(store, device_id, journal, oldest)     # ask the monitor for after + 1 on
    added = append(store, session_id, blocks, journal, expected=after + 1, ...)

The numbers that are there are kept as those of records are (see `ingest`), under a journal number
of their own, and in the same transaction as the samples. Neighbouring blocks become one run.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from sqlalchemy import func, select
from sqlalchemy.orm import Session as Db

from heartlog._firmware.monitor.link import wire
from heartlog.store import ecg
from heartlog.store.errors import NotFound
from heartlog.store.ingest import lock_device, ranges
from heartlog.store.schema import EcgChunk, RecordRow, SessionRow
from heartlog.store.store import Store

_ECG_NUMBERS = 1 << 32
"""Added to a journal's number (u32): ECG blocks have numbers of their own."""
Codes = npt.NDArray[np.int32]


class MissingStrip(NamedTuple):
    """A strip of ECG that a monitor told of and the store has not, or not all of."""

    session_id: int
    strip: int
    block: int
    blocks: int


class Block(Protocol):
    """What of `heartlog.link.EcgBlock` counts here."""

    @property
    def number(self) -> int: ...
    @property
    def boot(self) -> int: ...
    @property
    def channel(self) -> int: ...
    @property
    def first(self) -> int: ...
    @property
    def codes(self) -> Codes: ...


def committed(store: Store, device_id: str, journal: int, oldest: int = 1) -> int:
    """Highest number n such that oldest..n are all here, or known to be lost; else oldest - 1."""
    return store.committed_seq(device_id, journal + _ECG_NUMBERS, oldest)


def append(
    store: Store,
    session_id: int,
    blocks: Sequence[Block],
    journal: int,
    *,
    expected: int,
    rate: float,
    nv_per_code: float,
) -> int:
    """Commit what is new of `blocks` in one transaction; return how many were.

    `expected`: the number that should come first; those between it and what came don't exist (any
    more). `rate` and `nv_per_code` hold where the store has no record of the block's boot.
    """
    with store.writing() as db:
        session = db.get(SessionRow, session_id)
        if session is None:
            raise NotFound(f"No session {session_id}.", "List them: heartlog sessions")
        lock_device(db, session.device_id, session.last_data_at or session.started_at)
        known = ranges(db, session.device_id, journal + _ECG_NUMBERS)
        fresh: list[Block] = []
        for block in sorted(blocks, key=lambda b: b.number):
            if block.number > expected:
                known.lose(expected, block.number - 1)
            expected = block.number + 1
            repeated = bool(fresh) and fresh[-1].number == block.number
            if not repeated and not known.holds(block.number):
                fresh.append(block)
        known.add([block.number for block in fresh])
        scales: dict[tuple[int, int], tuple[float, float]] = {}
        for run in _runs(fresh):
            head = run[0]
            which = head.boot, head.channel
            if which not in scales:
                found = _scale(db, session.device_id, journal, *which)
                scales[which] = found or (rate, nv_per_code)
            place = ecg.Place(
                session_id, ecg.CONTINUOUS, head.channel + 1, journal, head.boot, head.first
            )
            ecg.append(db, place, np.concatenate([b.codes for b in run]), *scales[which])
        return len(fresh)


def _runs(blocks: Sequence[Block]) -> list[list[Block]]:
    """Blocks in a row without a hole, of one boot and channel."""
    out: list[list[Block]] = []
    for block in blocks:
        last = out[-1][-1] if out else None
        if (
            last is not None
            and (last.boot, last.channel) == (block.boot, block.channel)
            and last.first + len(last.codes) == block.first
        ):
            out[-1].append(block)
        else:
            out.append([block])
    return out


def scale_of(
    store: Store, device_id: str, journal: int, boot: int, channel: int
) -> tuple[float, float] | None:
    """(samples/s, nV a code) that the monitor told of a boot and a channel (from 0), if it did."""
    with store.reading() as db:
        return _scale(db, device_id, journal, boot, channel)


def _scale(
    db: Db, device_id: str, journal: int, boot: int, channel: int
) -> tuple[float, float] | None:
    query = (
        select(RecordRow.kind, RecordRow.fields)
        .join(SessionRow, SessionRow.id == RecordRow.session_id)
        .where(
            SessionRow.device_id == device_id,
            RecordRow.journal == journal,
            RecordRow.kind.in_(("boot", "note")),
            RecordRow.boot == boot,
        )
        .order_by(RecordRow.seq.desc())
    )
    own = 0.0
    for kind, fields in db.execute(query):
        value = int(fields.get("value") or 0)
        if kind == "note":
            if fields.get("counter") == wire.NOTE_SCALE and value >> 28 == channel + 1:
                own = own or (value & 0xFFFFFFF) / 1000
        elif fields.get("rate") and fields.get("pv_per_code"):
            return float(fields["rate"]), own or fields["pv_per_code"] / 1000
    return None


def missing_strips(store: Store, device_id: str, journal: int) -> list[MissingStrip]:
    """The strips that a monitor told of, and whose samples are not here.

    One block may be missing: a cut of the power may have left it half written, and then it never
    comes.
    """
    row, chunk = RecordRow, EcgChunk
    told = (
        select(row.session_id, row.fields)
        .join(SessionRow, SessionRow.id == row.session_id)
        .where(SessionRow.device_id == device_id, row.journal == journal, row.kind == "strip")
        .order_by(row.seq)
    )
    have = (
        select(chunk.session_id, chunk.strip, func.sum(chunk.count))
        .where(chunk.journal == journal)
        .group_by(chunk.session_id, chunk.strip)
    )
    with store.reading() as db:
        latest = {(sid, f["strip"]): f for sid, f in db.execute(told)}  # the later record holds
        counts = {(sid, strip): int(n) for sid, strip, n in db.execute(have)}
    return [
        MissingStrip(sid, strip, f["block"], f["blocks"])
        for (sid, strip), f in latest.items()
        if counts.get((sid, strip), 0) < f["count"] - f["count"] // max(1, f["blocks"])
    ]
