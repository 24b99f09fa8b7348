"""ECG in the store: strips around events, live traces and whole sessions, lossless.

A run of codes without a hole is kept as differences (int32, little-endian) deflated by zlib.
Strip 0 is the continuous (full-disclosure or live) ECG; others carry the device's strip number.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session as Db

from heartlog.store.errors import StoreDamaged
from heartlog.store.schema import EcgChunk

CONTINUOUS = 0
"""Strip number of the session's continuous ECG."""
FIT_STRIP = 1 << 31
"""Strip number of the sample accepted at the fitting: the monitor's own numbers stay below."""


@dataclass(frozen=True, slots=True)
class EcgRun:
    """ECG without a hole. `microvolts` has shape (n,), float32."""

    strip: int
    channel: int
    journal: int
    boot: int
    """The device's boot number."""
    first_sample: int
    rate: float
    nv_per_code: float
    codes: npt.NDArray[np.int32]

    @property
    def microvolts(self) -> npt.NDArray[np.float32]:
        """The signal at the electrodes in microvolts."""
        return (self.codes * (self.nv_per_code / 1000.0)).astype(np.float32)

    @property
    def stop(self) -> int:
        """Sample index just after the run."""
        return self.first_sample + len(self.codes)


def encode(codes: npt.NDArray[np.int32]) -> bytes:
    """Return codes as deflated differences (wrapping in 32 bits, so any code survives)."""
    steps = np.diff(codes.astype(np.uint32), prepend=np.uint32(0))
    return zlib.compress(steps.astype("<u4").tobytes(), 6)


def decode(data: bytes, count: int) -> npt.NDArray[np.int32]:
    """Return `count` codes from `encode`'s bytes; ValueError if it holds another number."""
    steps = np.frombuffer(zlib.decompress(data), "<u4")
    if len(steps) != count:
        raise ValueError(f"an ECG chunk holds {len(steps)} samples, not {count}")
    return np.cumsum(steps, dtype=np.uint32).view(np.int32)


class Place(NamedTuple):
    """Where a run of ECG belongs; two runs never share a place."""

    session_id: int
    strip: int
    channel: int
    journal: int
    boot: int
    first_sample: int


def append(
    db: Db,
    place: Place,
    codes: npt.NDArray[np.int32] | Sequence[int],
    rate: float,
    nv_per_code: float,
) -> bool:
    """Store one run; False if a run with this place is there already."""
    values = np.ascontiguousarray(codes, np.int32)
    if len(values) == 0:
        return False
    taken = select(EcgChunk.id).filter_by(**place._asdict())
    if db.execute(taken).first() is not None:
        return False
    data = encode(values)
    db.add(
        EcgChunk(
            **place._asdict(),
            count=len(values),
            rate=rate,
            nv_per_code=nv_per_code,
            crc=zlib.crc32(data),
            data=data,
        )
    )
    return True


def load(
    db: Db,
    session_id: int,
    strip: int | None,
    channel: int | None,
    start: int | None,
    stop: int | None,
) -> list[EcgRun]:
    """Return runs that touch start..stop (sample indices), joined where nothing is missing."""
    query = select(EcgChunk).where(EcgChunk.session_id == session_id)
    if strip is not None:
        query = query.where(EcgChunk.strip == strip)
    if channel is not None:
        query = query.where(EcgChunk.channel == channel)
    if start is not None:
        query = query.where(EcgChunk.first_sample + EcgChunk.count > start)
    if stop is not None:
        query = query.where(EcgChunk.first_sample < stop)
    e = EcgChunk
    order = (e.channel, e.strip, e.journal, e.boot, e.first_sample)
    groups: list[list[EcgChunk]] = []
    for row in db.scalars(query.order_by(*order)):
        if zlib.crc32(row.data) != row.crc:
            raise StoreDamaged(
                f"ECG of session {session_id} from sample {row.first_sample} is damaged on disk.",
                "Restore the last backup: heartlog store restore.",
            )
        if groups and _follows(groups[-1][-1], row):
            groups[-1].append(row)
        else:
            groups.append([row])
    return [_joined(group) for group in groups]


def _follows(a: EcgChunk, b: EcgChunk) -> bool:
    same = all(
        getattr(a, name) == getattr(b, name)
        for name in ("channel", "strip", "journal", "boot", "rate")
    )
    return same and a.first_sample + a.count == b.first_sample


def _joined(group: list[EcgChunk]) -> EcgRun:
    head = group[0]
    codes = np.concatenate([decode(row.data, row.count) for row in group])
    return EcgRun(
        head.strip,
        head.channel,
        head.journal,
        head.boot,
        head.first_sample,
        head.rate,
        head.nv_per_code,
        codes,
    )
