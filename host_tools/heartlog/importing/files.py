"""Tells which importer a file needs, by its name and its first bytes."""

from pathlib import Path

from heartlog.errors import ExitCode
from heartlog.importing.common import ImportedTest, ImportProblem, Progress, save
from heartlog.store import Session, Store


def read_file(
    path: str | Path, annotator: str | None = None, started_at: float | None = None
) -> ImportedTest:
    """Read a test; `started_at` (UNIX seconds) overrides or supplies the start."""
    place = Path(path).expanduser()
    suffix = place.suffix.lower()
    if place.is_dir():
        raise ImportProblem(
            f"{place} is a folder, not a test.",
            "Name the files in it, several at once if you like.",
        )
    if suffix == ".edf":
        from heartlog.importing.edf_import import read_edf

        return read_edf(place, started_at)
    if suffix in (".txt", ".csv", ".hrm", ".rr"):
        from heartlog.importing.rr_text import read_rr_text

        return read_rr_text(place, started_at)
    if suffix in (".hea", ".dat") or place.with_name(place.name + ".hea").exists():
        from heartlog.importing.wfdb_import import read_wfdb

        return read_wfdb(place, annotator, started_at)
    if not place.exists():
        raise ImportProblem(
            f"There is no file {place}, and no WFDB record of that name.",
            "A WFDB record is named without its extension, as mitdb/208.",
            ExitCode.NOT_FOUND,
        )
    raise ImportProblem(
        f"{place} is not of a kind that can be imported.",
        "Known: WFDB (.hea), EDF or EDF+ (.edf), RR text of Polar or HRS (.txt, .csv, .hrm).",
    )


def import_file(
    store: Store,
    path: str | Path,
    *,
    patient_id: int | None = None,
    annotator: str | None = None,
    started_at: float | None = None,
    progress: Progress | None = None,
) -> Session:
    """Read a test and save it as a session of the store."""
    return save(store, read_file(path, annotator, started_at), patient_id, progress)
