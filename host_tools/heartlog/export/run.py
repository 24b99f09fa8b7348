"""Writes a session in a format by name."""

from collections.abc import Callable
from pathlib import Path

from heartlog.analysis import AnalysisSettings
from heartlog.errors import UsageProblem
from heartlog.export.common import ExportData, collect
from heartlog.export.deidentify import deidentified
from heartlog.store import Store
from heartlog.whole_file import whole_files


def _edf(data: ExportData, folder: Path) -> list[Path]:
    from heartlog.export.edf_export import write_edf

    return write_edf(data, folder / f"{data.name}.edf")


def _wfdb(data: ExportData, folder: Path) -> list[Path]:
    from heartlog.export.wfdb_export import write_wfdb

    return write_wfdb(data, folder)


def _csv(data: ExportData, folder: Path) -> list[Path]:
    from heartlog.export.text_export import write_csv

    return write_csv(data, folder)


def _json(data: ExportData, folder: Path) -> list[Path]:
    from heartlog.export.text_export import write_json

    return write_json(data, folder / f"{data.name}.json")


def _fhir(data: ExportData, folder: Path) -> list[Path]:
    from heartlog.export.fhir_export import write_fhir

    return write_fhir(data, folder / f"{data.name}.fhir.json")


FORMATS: dict[str, Callable[[ExportData, Path], list[Path]]] = {
    "wfdb": _wfdb,
    "edf": _edf,
    "csv": _csv,
    "fhir": _fhir,
    "json": _json,
}


def export_session(
    store: Store,
    session_id: int,
    form: str,
    folder: Path,
    *,
    deidentify: bool = False,
    settings: AnalysisSettings | None = None,
) -> tuple[list[Path], list[str]]:
    """Write a session; return (files, free-text fields that were taken out)."""
    if form not in FORMATS:
        raise UsageProblem(f"There is no format {form!r}.", f"Choose from: {', '.join(FORMATS)}.")
    data = collect(store, session_id, settings)
    flagged: list[str] = []
    if deidentify:
        data, flagged = deidentified(data)
    with whole_files(folder) as partial:
        made = FORMATS[form](data, partial)
    return [folder / file.name for file in made], flagged
