"""The store's tables that people write: patients, diary, findings, equipment, fittings, audit."""

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from heartlog.store.schema import Base


class Patient(Base):
    """A person under test, by the department's own identifier."""

    __tablename__ = "patient"
    id: Mapped[int] = mapped_column(primary_key=True)
    identifier: Mapped[str] = mapped_column(String(80), unique=True)
    name: Mapped[str] = mapped_column(String(200), default="")
    birth_date: Mapped[str] = mapped_column(String(10), default="")
    sex: Mapped[str] = mapped_column(String(10), default="")
    indication: Mapped[str] = mapped_column(Text, default="")
    notes: Mapped[str] = mapped_column(Text, default="")
    pacemaker: Mapped[bool] = mapped_column(default=False)
    archived: Mapped[bool] = mapped_column(default=False)
    merged_into: Mapped[int | None] = mapped_column(ForeignKey("patient.id"))
    created_at: Mapped[float]
    updated_at: Mapped[float]
    search: Mapped[str] = mapped_column(Text, default="")


class DiaryEntry(Base):
    """What the patient wrote or said: a symptom or an activity, at a time."""

    __tablename__ = "diary"
    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("session.id"), index=True)
    at: Mapped[float]
    symptom: Mapped[str] = mapped_column(String(300), default="")
    activity: Mapped[str] = mapped_column(String(300), default="")
    entered_by: Mapped[str] = mapped_column(String(120), default="")
    archived: Mapped[bool] = mapped_column(default=False)


class Finding(Base):
    """What a person concluded from the session, about a span of it or the whole."""

    __tablename__ = "finding"
    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("session.id"), index=True)
    starts_at: Mapped[float | None]
    ends_at: Mapped[float | None]
    urgent: Mapped[bool] = mapped_column(default=False)
    text: Mapped[str] = mapped_column(Text)
    written_by: Mapped[str] = mapped_column(String(120), default="")
    written_at: Mapped[float]
    archived: Mapped[bool] = mapped_column(default=False)


class BeatEdit(Base):
    """A correction of a beat; the original stays in its chunk, an edit can be undone."""

    __tablename__ = "beat_edit"
    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("session.id"), index=True)
    action: Mapped[str] = mapped_column(String(12))
    seq: Mapped[int | None] = mapped_column(BigInteger)
    boot: Mapped[int] = mapped_column(default=0)
    sample_index: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str] = mapped_column(String(300), default="")
    made_by: Mapped[str] = mapped_column(String(120), default="")
    made_at: Mapped[float]
    undone: Mapped[bool] = mapped_column(default=False)


class Equipment(Base):
    """A monitor as a thing on the shelf."""

    __tablename__ = "equipment"
    id: Mapped[int] = mapped_column(primary_key=True)
    device_id: Mapped[str | None] = mapped_column(String(64), unique=True)
    serial: Mapped[str] = mapped_column(String(80), unique=True)
    board: Mapped[str] = mapped_column(String(80), default="")
    part: Mapped[str] = mapped_column(String(40), default="")
    firmware: Mapped[str] = mapped_column(String(80), default="")
    maintenance_due: Mapped[str] = mapped_column(String(10), default="")
    notes: Mapped[str] = mapped_column(Text, default="")
    archived: Mapped[bool] = mapped_column(default=False)
    search: Mapped[str] = mapped_column(Text, default="")


class EquipmentEntry(Base):
    """One line of a monitor's history: self-test, calibration, battery, cleaning, fault ..."""

    __tablename__ = "equipment_entry"
    id: Mapped[int] = mapped_column(primary_key=True)
    equipment_id: Mapped[int] = mapped_column(ForeignKey("equipment.id"), index=True)
    at: Mapped[float]
    kind: Mapped[str] = mapped_column(String(20))
    passed: Mapped[bool | None]
    text: Mapped[str] = mapped_column(Text, default="")
    values: Mapped[dict[str, Any]] = mapped_column(default=dict)
    done_by: Mapped[str] = mapped_column(String(120), default="")


class Fitting(Base):
    """One preparation of a patient, step by step; it can be left and taken up again."""

    __tablename__ = "fitting"
    id: Mapped[int] = mapped_column(primary_key=True)
    patient_id: Mapped[int | None] = mapped_column(ForeignKey("patient.id"), index=True)
    session_id: Mapped[int | None] = mapped_column(ForeignKey("session.id"), index=True)
    device_id: Mapped[str] = mapped_column(String(64), default="")
    done_by: Mapped[str] = mapped_column(String(120), default="")
    started_at: Mapped[float]
    finished_at: Mapped[float | None]
    step: Mapped[str] = mapped_column(String(40), default="")
    answers: Mapped[dict[str, Any]] = mapped_column(default=dict)


class FitReading(Base):
    """One reading taken while fitting: contact, noise, R-wave size, each attempt kept."""

    __tablename__ = "fit_reading"
    id: Mapped[int] = mapped_column(primary_key=True)
    fitting_id: Mapped[int] = mapped_column(ForeignKey("fitting.id"), index=True)
    at: Mapped[float]
    step: Mapped[str] = mapped_column(String(40))
    electrode: Mapped[str] = mapped_column(String(20), default="")
    good: Mapped[bool]
    values: Mapped[dict[str, Any]] = mapped_column(default=dict)
    advice: Mapped[str] = mapped_column(Text, default="")


class AuditEntry(Base):
    """Who changed what, when: the values before and after. Rows are only ever added."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[float]
    who: Mapped[str] = mapped_column(String(120))
    action: Mapped[str] = mapped_column(String(40))
    entity: Mapped[str] = mapped_column(String(40))
    entity_id: Mapped[str] = mapped_column(String(64))
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    __table_args__ = (Index("ix_audit_entity", "entity", "entity_id"),)
