"""The store's tables that the monitor's data lies in (see `schema_clinic` for people's tables).

Beats lie in packed chunks (`types.PACKED_BEAT`), not a row each: 1.5 million of them are read in
a fraction of a second, and the file stays small. What a chunk holds is guarded by a CRC-32.
Times are seconds since 1970 (UTC) as doubles, so that every database keeps them alike.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Every table of the store."""

    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy reads it from the class)
        float: Double,
        dict[str, Any]: JSON,
        bytes: LargeBinary,
    }


class Device(Base):
    """A monitor that was heard; its row is also the lock that orders writers of its records."""

    __tablename__ = "device"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    first_seen: Mapped[float]
    last_seen: Mapped[float]


class SessionRow(Base):
    """One wear of one monitor, or one imported test."""

    __tablename__ = "session"
    id: Mapped[int] = mapped_column(primary_key=True)
    patient_id: Mapped[int | None] = mapped_column(ForeignKey("patient.id"), index=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), index=True)
    device_session: Mapped[int | None]
    status: Mapped[str] = mapped_column(String(16), default="recording")
    source: Mapped[str] = mapped_column(String(200), default="ble")
    started_at: Mapped[float] = mapped_column(index=True)
    ended_at: Mapped[float | None]
    last_data_at: Mapped[float | None]
    time_zone: Mapped[str] = mapped_column(String(64), default="UTC")
    planned_seconds: Mapped[float | None]
    lead_arrangement: Mapped[str] = mapped_column(String(80), default="")
    electrode_sites: Mapped[dict[str, Any]] = mapped_column(default=dict)
    fitted_by: Mapped[str] = mapped_column(String(120), default="")
    consent: Mapped[str] = mapped_column(String(200), default="")
    notes: Mapped[str] = mapped_column(Text, default="")
    rate: Mapped[float] = mapped_column(default=250.0)
    nv_per_code: Mapped[float | None]
    board: Mapped[str] = mapped_column(String(80), default="")
    part: Mapped[str] = mapped_column(String(40), default="")
    firmware: Mapped[str] = mapped_column(String(80), default="")
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    reason: Mapped[str] = mapped_column(String(300), default="")
    beat_count: Mapped[int] = mapped_column(BigInteger, default=0)
    gap_count: Mapped[int] = mapped_column(default=0)
    event_count: Mapped[int] = mapped_column(default=0)
    archived: Mapped[bool] = mapped_column(default=False)


class SeqRange(Base):
    """Sequence numbers of a device's journal that are committed (or known to be lost)."""

    __tablename__ = "seq_range"
    id: Mapped[int] = mapped_column(primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"))
    journal: Mapped[int] = mapped_column(BigInteger, default=0)
    first: Mapped[int] = mapped_column(BigInteger)
    last: Mapped[int] = mapped_column(BigInteger)
    lost: Mapped[bool] = mapped_column(default=False)
    __table_args__ = (Index("ix_seq_range_journal", "device_id", "journal", "first"),)


class BeatChunk(Base):
    """Beats of a session, packed; `level` says how many merges made it (see `ingest`)."""

    __tablename__ = "beat_chunk"
    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("session.id"))
    journal: Mapped[int] = mapped_column(BigInteger, default=0)
    level: Mapped[int]
    first_seq: Mapped[int] = mapped_column(BigInteger)
    last_seq: Mapped[int] = mapped_column(BigInteger)
    count: Mapped[int]
    crc: Mapped[int] = mapped_column(BigInteger)
    data: Mapped[bytes]
    __table_args__ = (Index("ix_beat_chunk_session", "session_id", "level", "first_seq"),)


class RecordRow(Base):
    """Every record that is not a beat. `seq` is null where the host made it itself."""

    __tablename__ = "record"
    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("session.id"))
    journal: Mapped[int] = mapped_column(BigInteger, default=0)
    seq: Mapped[int | None] = mapped_column(BigInteger)
    boot: Mapped[int] = mapped_column(default=0)
    kind: Mapped[str] = mapped_column(String(16))
    sample: Mapped[int | None] = mapped_column(BigInteger)
    received_at: Mapped[float]
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict)
    raw: Mapped[bytes | None]
    __table_args__ = (Index("ix_record_session", "session_id", "kind", "seq"),)


class EcgChunk(Base):
    """A run of ECG samples without a hole: differences of int32 codes, deflated."""

    __tablename__ = "ecg_chunk"
    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("session.id"))
    strip: Mapped[int] = mapped_column(BigInteger)
    channel: Mapped[int]
    journal: Mapped[int] = mapped_column(BigInteger, default=0)
    boot: Mapped[int] = mapped_column(default=0)
    first_sample: Mapped[int] = mapped_column(BigInteger)
    count: Mapped[int]
    rate: Mapped[float]
    nv_per_code: Mapped[float]
    crc: Mapped[int] = mapped_column(BigInteger)
    data: Mapped[bytes]
    __table_args__ = (
        UniqueConstraint(
            "session_id",
            "strip",
            "channel",
            "journal",
            "boot",
            "first_sample",
            name="uq_ecg_chunk_place",
        ),
    )
