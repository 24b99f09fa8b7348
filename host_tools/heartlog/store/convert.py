"""Turns a store that lies here in clear into an encrypted one, or back.

    counts = encrypt(Path("heartlog.sqlite"))
    counts = decrypt(Path("heartlog.sqlite"))

The new file is written beside the old one, read back and compared row by row count and checksum
by checksum, and only then takes its place in one step: whatever happens on the way, one whole
store is there. Nobody else may have it open meanwhile. What the old file's blocks held can still
be on the disk afterwards: no program can make an SSD forget a block for certain.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from heartlog.store.backup import verify
from heartlog.store.cipher import Secret, cipher_errors, module
from heartlog.store.engine import APPLICATION_ID, as_url, open_engine
from heartlog.store.errors import (
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreUnreachable,
    clear_errors,
)
from heartlog.store.store import Store

PARTIAL = ".converting"


def encrypt(path: Path) -> dict[str, int]:
    """Encrypt the store at `path`; rows by table. A StoreError: nothing changed."""
    if Secret.of(_there(path)) is not None:
        raise StoreError(f"{path} is encrypted already.", "There is nothing to do.")
    _settled(path, None)
    return convert(path, None, Secret.new())


def decrypt(path: Path) -> dict[str, int]:
    """Bring the store at `path` back into clear; rows by table."""
    secret = Secret.of(_there(path))
    if secret is None:
        raise StoreError(f"{path} is not encrypted.", "There is nothing to do.")
    _settled(path, secret)
    return convert(path, secret, None)


def _there(path: Path) -> Path:
    if not path.is_file():
        raise StoreUnreachable(f"There is no store at {path}.", "Check the path.")
    return path


def _settled(path: Path, secret: Secret | None) -> None:
    """Refuse what is no store of ours, and bring an older one up to date first."""
    engine, read_only = open_engine(as_url(path), secret=secret)
    engine.dispose()
    if read_only:
        raise StoreError(f"{path} can't be written.", "Check the file's permissions.")


def convert(path: Path, old: Secret | None, new: Secret | None) -> dict[str, int]:
    """Rewrite the store, opened by `old`, so that `new` opens it (None: in clear)."""
    partial = path.with_name(path.name + PARTIAL)
    _remove(partial)
    with clear_errors(str(path)), cipher_errors(str(path)):
        raw = _open_alone(path, old)
        try:
            try:
                counts = _copy(raw, partial, new)
            except module().OperationalError as problem:
                raise StoreFull(
                    f"The copy beside {path} could not be written ({problem}). Nothing changed.",
                    "Make as much room on the disk as the store takes, then do it again.",
                ) from problem
            _check(partial, new, counts)
            if os.name == "nt":
                raw.close()  # an open file can't be replaced there
            os.replace(partial, path)
            _sync_folder(path.parent)
        finally:
            raw.close()
            _remove(partial)
    return counts


def _open_alone(path: Path, secret: Secret | None) -> Any:
    """A connection that nobody can read or write beside, with no log left beside the file."""
    if secret is not None:
        raw = secret.connect(str(path))
    else:
        raw = module().connect(str(path), check_same_thread=False)
        raw.execute("PRAGMA temp_store=MEMORY")
    raw.isolation_level = None
    try:
        mode = raw.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
        if mode != "delete":
            raise module().OperationalError("database is locked")
        raw.execute("PRAGMA locking_mode=EXCLUSIVE")
        raw.execute("BEGIN EXCLUSIVE")
        raw.execute("COMMIT")  # the lock stays
    except module().OperationalError as problem:
        raw.close()
        if "locked" not in str(problem):
            raise
        raise StoreBusy(
            f"{path} is open in another program.",
            "End recordings, reviews and other commands that use it, then do it again.",
        ) from None
    return raw


def _copy(raw: Any, partial: Path, new: Secret | None) -> dict[str, int]:
    raw.execute("ATTACH DATABASE ? AS target KEY ?", (str(partial), new.literal if new else ""))
    raw.execute("SELECT sqlcipher_export('target')")
    raw.execute(f"PRAGMA target.application_id={APPLICATION_ID}")
    names = raw.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall()
    counts = {name: _count(raw, "main", name) for (name,) in names}
    raw.execute("DETACH DATABASE target")
    return counts


def _check(partial: Path, new: Secret | None, counts: dict[str, int]) -> None:
    """Open the new file as a store and compare; it is on the disk when this returns."""
    engine, _ = open_engine(as_url(partial), secret=new)
    store = Store(engine, str(partial), False)
    try:
        with engine.connect() as connection:
            raw = connection.connection.cursor()
            for name, count in counts.items():
                if _count(raw, "main", name) != count:
                    raise StoreDamaged(
                        f"The new file has not all rows of {name}: nothing was changed.",
                        "Do it again; if it stays so, check the disk.",
                    )
            raw.close()
        verify(store)
        with engine.connect() as connection:
            connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        store.close()
    with partial.open("r+b") as file:
        os.fsync(file.fileno())


def _count(raw: Any, schema: str, name: str) -> int:
    return int(raw.execute(f'SELECT count(*) FROM {schema}."{name}"').fetchone()[0])


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
