"""Takes identity out of a small store before it is sealed; as `export.deidentify` does for files.

flagged = strip_identity(small)      # free-text fields that were emptied
"""

import secrets
from typing import Any

from sqlalchemy import delete, select, update

from heartlog.export.deidentify import FREE_TEXT, MAX_WEEKS, MIN_WEEKS, WEEK
from heartlog.store import Store
from heartlog.store.schema import Device, RecordRow, SeqRange, SessionRow
from heartlog.store.schema_clinic import BeatEdit, DiaryEntry, Finding, Patient


def strip_identity(small: Store) -> list[str]:
    """Replace identifiers, move every time by the same whole weeks, empty free text."""
    shift = -WEEK * (MIN_WEEKS + secrets.randbelow(MAX_WEEKS - MIN_WEEKS))
    flagged: set[str] = set()

    def emptied(row: Any, what: str, *names: str) -> None:
        for name in names:
            if getattr(row, name):
                flagged.add(f"{what} {name.replace('_', ' ')}")
                setattr(row, name, "")

    with small.writing() as db:
        for patient in db.scalars(select(Patient)):
            patient.identifier = f"DEID-{secrets.token_hex(5).upper()}"
            emptied(patient, "patient", "indication", "notes")
            patient.name = patient.birth_date = ""
            patient.search = patient.identifier.casefold()
            patient.created_at = patient.updated_at = 0.0
        codes = {
            old: f"DEID-{secrets.token_hex(5).upper()}" for old in db.scalars(select(Device.id))
        }
        for old, new in codes.items():
            db.add(Device(id=new, first_seen=0.0, last_seen=0.0))
            db.flush()
            db.execute(update(SessionRow).where(SessionRow.device_id == old).values(device_id=new))
            db.execute(delete(SeqRange).where(SeqRange.device_id == old))
            db.execute(delete(Device).where(Device.id == old))
        for session in db.scalars(select(SessionRow)):
            emptied(session, "session", "fitted_by", "consent", "notes", "reason")
            session.started_at += shift
            session.ended_at = None if session.ended_at is None else session.ended_at + shift
            session.last_data_at = None
            session.source = session.source.split(" ")[0]
        for record in db.scalars(select(RecordRow)):
            record.received_at += shift
            fields = dict(record.fields)
            if "host_time" in fields:
                fields["host_time"] += shift
            if "host_us" in fields:
                fields["host_us"] += int(shift * 1_000_000)
            if fields.get("text") and not str(fields["text"]).startswith("("):
                fields["text"] = FREE_TEXT
                flagged.add("remarks")
            record.fields, record.raw = fields, None
        for entry in db.scalars(select(DiaryEntry)):
            emptied(entry, "diary", "activity", "entered_by")
            entry.symptom, entry.at = FREE_TEXT, entry.at + shift
            flagged.add("diary symptom")
        if db.scalars(select(Finding)).first() is not None:
            flagged.add("findings")
            db.execute(delete(Finding))
        for edit in db.scalars(select(BeatEdit)):
            edit.made_by, edit.reason, edit.made_at = "", "", edit.made_at + shift
    with small.engine.connect() as connection:
        # What was deleted still lies in free pages of the file until they are written anew.
        raw = connection.connection.cursor()
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        raw.execute("VACUUM")
    return sorted(flagged)
