"""Backup and restore, and copying single sessions between stores.

    backup(store, Path("monday.heartlog"))        # any database into one SQLite file
    restore(Path("monday.heartlog"), empty_store) # and back, into SQLite or PostgreSQL

A backup is itself a store: it can be opened, listed and read. It is written beside its final
name, checked by counting and by every checksum, and only then put in place.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Table, func, insert, select, text
from sqlalchemy.orm import Session as Db

from heartlog.store.errors import StoreDamaged, StoreError
from heartlog.store.ingest import check_chunk
from heartlog.store.schema import Base, BeatChunk, Device, EcgChunk, RecordRow, SessionRow
from heartlog.store.schema_clinic import BeatEdit, DiaryEntry, Finding, Patient
from heartlog.store.store import Store

BATCH = 500
Progress = Callable[[str, float], None]


def backup(
    store: Store, path: Path, progress: Progress | None = None, encrypted: bool | None = None
) -> dict[str, int]:
    """Write a backup file; return rows by table. An existing file is never overwritten.

    It is encrypted if the store is, unless `encrypted` says otherwise; with the same secret.
    """
    sealed = store.encrypted if encrypted is None else encrypted
    if path.exists():
        raise StoreError(
            f"{path} exists already; a backup does not overwrite.", "Choose another name."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    _remove(partial)
    try:
        with Store.open(partial, encrypted=sealed) as target:
            counts = _copy_all(store, target, progress)
            _compare(store, target, counts)
            with target.engine.connect() as connection:
                connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except BaseException:
        _remove(partial)
        raise
    partial.replace(path)
    for suffix in ("-wal", "-shm"):
        Path(f"{partial}{suffix}").unlink(missing_ok=True)
    return counts


def restore(path: Path, store: Store, progress: Progress | None = None) -> dict[str, int]:
    """Fill an empty store from a backup; return rows by table. Refuses a store with content."""
    with store.reading() as db:
        for table in (SessionRow, Patient):
            if db.execute(select(func.count()).select_from(table)).scalar_one():
                raise StoreError(
                    f"{store.where} is not empty; a restore does not mix with what is there.",
                    "Restore into a new store: heartlog store restore FILE --store NEW",
                )
    with Store.open(path, read_only=True) as source:
        counts = _copy_all(source, store, progress)
        _compare(source, store, counts)
    return counts


def verify(store: Store) -> dict[str, int]:
    """Read everything and check every checksum; raise StoreDamaged on the first that is wrong."""
    import zlib

    counts = {"beat_chunk": 0, "ecg_chunk": 0}
    with store.reading() as db:
        for chunk in db.execute(select(BeatChunk).execution_options(yield_per=BATCH)).scalars():
            check_chunk(chunk.session_id, chunk.first_seq, chunk.count, chunk.crc, chunk.data)
            counts["beat_chunk"] += 1
        for row in db.execute(select(EcgChunk).execution_options(yield_per=BATCH)).scalars():
            if zlib.crc32(row.data) != row.crc:
                raise StoreDamaged(
                    f"ECG of session {row.session_id} from sample {row.first_sample} is damaged.",
                    "Restore the last backup: heartlog store restore.",
                )
            counts["ecg_chunk"] += 1
    return counts


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def _copy_all(source: Store, target: Store, progress: Progress | None) -> dict[str, int]:
    counts: dict[str, int] = {}
    tables = Base.metadata.sorted_tables
    with source.reading() as reading, target.writing() as writing:
        for number, table in enumerate(tables):
            if progress:
                progress(table.name, number / len(tables))
            counts[table.name] = 0
            for rows in _batches(reading, table):
                writing.execute(insert(table), rows)
                counts[table.name] += len(rows)
        _reset_sequences(writing)
    return counts


def _batches(db: Db, table: Table) -> Iterator[list[dict[str, Any]]]:
    key = next(iter(table.primary_key.columns))
    query = select(table).order_by(key).execution_options(yield_per=BATCH)
    for part in db.execute(query).mappings().partitions(BATCH):
        yield [dict(row) for row in part]


def _reset_sequences(db: Db) -> None:
    """PostgreSQL numbers new rows from a sequence that a copy does not move."""
    if db.get_bind().dialect.name != "postgresql":
        return
    for table in Base.metadata.sorted_tables:
        if table.primary_key.columns.keys() == ["id"] and table.name != "device":
            db.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), "
                    f'coalesce((SELECT max(id) FROM "{table.name}"), 0) + 1, false)'
                )
            )


def _compare(source: Store, target: Store, counts: dict[str, int]) -> None:
    with target.reading() as db:
        for table in Base.metadata.sorted_tables:
            found = db.execute(select(func.count()).select_from(table)).scalar_one()
            if found != counts[table.name]:
                raise StoreDamaged(
                    f"{target.where}: {table.name} has {found} rows of {counts[table.name]}.",
                    "The copy is not usable; do it again.",
                )
    verify(target)


PER_SESSION: tuple[type[Base], ...] = (
    BeatChunk,
    RecordRow,
    EcgChunk,
    DiaryEntry,
    Finding,
    BeatEdit,
)


def copy_session(source: Store, session_id: int, target: Store) -> int:
    """Copy a session, its patient and all that belongs to it; return its number in `target`.

    A patient whose identifier is there already is taken as the same person.
    """
    session = source.session(session_id)
    with source.reading() as reading, target.writing() as writing:
        patient_id = None
        if session.patient_id is not None:
            patient_id = _patient(reading, writing, session.patient_id)
        device = reading.get_one(Device, session.device_id)
        if writing.get(Device, device.id) is None:
            writing.execute(insert(Device), [_values(device)])
        row = _values(reading.get_one(SessionRow, session_id))
        row.pop("id")
        made = SessionRow(**{**row, "patient_id": patient_id})
        writing.add(made)
        writing.flush()
        for table in PER_SESSION:
            core = Base.metadata.tables[table.__tablename__]
            query = select(core).where(core.c.session_id == session_id).order_by(core.c.id)
            query = query.execution_options(yield_per=BATCH)
            for part in reading.execute(query).mappings().partitions(BATCH):
                rows = [{**dict(r), "session_id": made.id} for r in part]
                for values in rows:
                    values.pop("id")
                writing.execute(insert(core), rows)
        return made.id


def _patient(reading: Db, writing: Db, patient_id: int) -> int:
    row = reading.get_one(Patient, patient_id)
    there = writing.scalars(select(Patient).where(Patient.identifier == row.identifier)).first()
    if there is not None:
        return there.merged_into or there.id
    values = _values(row)
    values.pop("id")
    made = Patient(**{**values, "merged_into": None})
    writing.add(made)
    writing.flush()
    return made.id


def _values(row: Base) -> dict[str, Any]:
    return {c.key: getattr(row, c.key) for c in row.__table__.columns}
