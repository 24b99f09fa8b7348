"""What can go wrong with a store, each with its next step.

try:
    store.append(session.id, records)
except StoreFull as problem:
    print(problem.hint)
"""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError

from heartlog.errors import ExitCode, StoreProblem


class StoreError(StoreProblem):
    """A store could not be opened, read or written (exit code 5)."""


class StoreFull(StoreError):
    """The disk under the store is full; the last change was not made."""


class StoreReadOnly(StoreError):
    """The store can be read but not written."""


class StoreForeign(StoreError):
    """The file is a database of something else, or no database at all."""


class StoreNewer(StoreError):
    """The store was written by a newer Heartlog."""


class StoreBusy(StoreError):
    """Another program holds the store's lock for longer than we wait."""


class StoreDamaged(StoreError):
    """The store's content contradicts its own checksums."""


class StoreLocked(StoreError):
    """The store is encrypted, and its key is not to be had here."""


class StoreUnreachable(StoreError):
    """The file's folder, or the database server, can't be reached."""


class NotFound(StoreError):
    """No such patient, session or piece of equipment (exit code 3)."""

    exit_code = ExitCode.NOT_FOUND


def translate(problem: BaseException, where: str) -> StoreError | None:
    """Return the StoreError that says what `problem` means for the store at `where`, if any."""
    text = str(getattr(problem, "orig", None) or problem)
    low = text.lower()
    full = "disk is full" in low or "no space left" in low or "disk full" in low
    if isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT):
        full = True
    if full:
        return StoreFull(
            f"The disk with {where} is full. The last change was undone whole.",
            "Free some space, then do it again. A monitor keeps what was not acknowledged.",
        )
    if "readonly database" in low or "read-only" in low:
        return StoreReadOnly(
            f"{where} can't be written.",
            "Check the file's and folder's permissions, or choose another store with --store.",
        )
    if "not a database" in low:
        return StoreForeign(
            f"{where} is not a database.",
            "Check the path: a store is made by Heartlog the first time it is named.",
        )
    if "disk i/o error" in low:  # (also where a file may not become so large)
        return StoreUnreachable(
            f"The disk with {where} could not be read or written ({text}). The last change was"
            " undone whole.",
            "Is the disk still there, and may the file grow (ulimit -f)? Then do it again; if it"
            " stays so, read every checksum: heartlog store check.",
        )
    if "malformed" in low:
        return StoreDamaged(
            f"{where} is damaged ({text}).",
            "Copy the file away first, then restore the last backup: heartlog store restore.",
        )
    if "database is locked" in low or "lock timeout" in low or "deadlock" in low:
        return StoreBusy(
            f"{where} is in use by another program that does not let go.",
            "Wait for a long task (backup, import) to end, or stop it, then do it again.",
        )
    if "permission denied" in low and isinstance(problem, OSError):
        return StoreUnreachable(
            f"{where} can't be opened: permission denied.",
            "Check the file's and folders' permissions, or choose another with --store.",
        )
    if "unable to open" in low or "connection" in low or "could not translate host" in low:
        return StoreUnreachable(
            f"{where} can't be opened ({text.splitlines()[0]}).",
            "Check that the folder exists and is yours, or that the database server runs.",
        )
    return None


@contextmanager
def clear_errors(where: str) -> Iterator[None]:
    """Turn the database's own errors into StoreErrors that name the store."""
    try:
        yield
    except (OperationalError, DBAPIError, sqlite3.Error, OSError) as problem:
        better = translate(problem, where)
        if better is None:
            raise
        raise better from problem
