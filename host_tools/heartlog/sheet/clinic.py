"""The clinic's details, asked for once: a small file beside the store.

    clinic = load()
    save(Clinic("Heart Clinic", "012 345 678", "012 345 679"))

`HEARTLOG_CLINIC` names another file (a department's, on a shared drive).
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from heartlog.errors import CommandError

VARIABLE = "HEARTLOG_CLINIC"


@dataclass(frozen=True)
class Clinic:
    """Name and telephone numbers; an empty one becomes a line to write on."""

    name: str = ""
    telephone: str = ""
    out_of_hours: str = ""


def place() -> Path:
    """Where the details lie."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    from platformdirs import user_data_path

    return user_data_path("heartlog") / "clinic.json"


def load() -> Clinic:
    """The details; empty ones before any were kept. CommandError for a file that is none."""
    path = place()
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return Clinic(**{f.name: str(told.get(f.name, "")) for f in fields(Clinic)})
    except FileNotFoundError:
        return Clinic()
    except (OSError, ValueError, AttributeError) as error:
        raise CommandError(
            f"The clinic's details in {path} can't be read: {error}.",
            "Write them anew: heartlog sheet FILE.pdf --clinic ... --remember",
        ) from error


def save(clinic: Clinic) -> Path:
    """Keep the details; returns the file. CommandError when it can't be written."""
    path = place()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(clinic), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(
            f"The clinic's details can't be kept in {path}: {error.strerror}.",
            f"Choose another file: {VARIABLE}=FILE",
        ) from error
    return path
