"""`heartlog export`: a session as files for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from heartlog.cli import output
from heartlog.cli.options import JsonOption, SessionArgument, StoreOption


def export(
    session: SessionArgument,
    form: Annotated[
        str, typer.Option("--format", "-f", help="wfdb, edf, csv, fhir or json.")
    ] = "edf",
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write into.")] = Path(),
    deidentify: Annotated[
        bool,
        typer.Option("--deidentify", help="Take out names, move dates, replace identifiers."),
    ] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a session as WFDB, EDF+C, CSV, FHIR R4 or JSON."""
    from heartlog.cli.acts import act
    from heartlog.export import export_session
    from heartlog.store import Store

    with Store.open(store) as opened:
        act(opened, "export", "session", session, format=form, deidentified=deidentify)
        files, flagged = export_session(opened, session, form, out, deidentify=deidentify)
        output.in_clear("What was exported", opened.encrypted)
    if as_json:
        output.print_json({"files": [str(f) for f in files], "free_text_taken_out": flagged})
        return
    for file in files:
        output.out().print(str(file), soft_wrap=True)
    if flagged:
        output.note(f"Free text was taken out of: {', '.join(flagged)}.")
    if deidentify:
        output.note("Look over the files before they leave the house: an ECG stays a person's.")
