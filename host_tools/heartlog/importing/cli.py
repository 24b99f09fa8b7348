"""`heartlog import`: tests of other equipment into the store."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from heartlog.cli import output
from heartlog.cli.options import JsonOption, StoreOption
from heartlog.errors import UsageProblem

if TYPE_CHECKING:
    from heartlog.store import Session


def import_(
    paths: Annotated[
        list[Path], typer.Argument(help="WFDB record, .edf, or text of RR intervals.")
    ],
    patient: Annotated[
        str | None, typer.Option("--patient", help="Identifier of the patient it belongs to.")
    ] = None,
    annotator: Annotated[
        str | None, typer.Option("--annotator", help="WFDB annotator; default: atr, then qrs.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--start", metavar="TIME", help="Start, as 2026-03-01T09:30:00+01:00."),
    ] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read WFDB, EDF+ or RR text, so that tests of other equipment can be compared."""
    from heartlog.cli.working import working
    from heartlog.importing import import_file
    from heartlog.records import patients
    from heartlog.store import Store

    moment = None if start is None else _moment(start)
    done: list[tuple[Path, Session]] = []
    try:
        with Store.open(store) as opened, working("Import") as tell:
            owner = None if patient is None else patients.by_identifier(opened, patient).id
            for path in paths:
                session = import_file(
                    opened,
                    path,
                    patient_id=owner,
                    annotator=annotator,
                    started_at=moment,
                    progress=tell,
                )
                done.append((path, session))
    finally:  # what was imported before one that can't be is in the store, and said
        _say(done, as_json)


def _say(done: "list[tuple[Path, Session]]", as_json: bool) -> None:
    if as_json:
        output.print_json(
            [{"file": str(p), "session": s.id, "beats": s.beat_count} for p, s in done]
        )
        return
    for path, session in done:
        output.out().print(
            f"{path} is session {session.id}: {session.beat_count} beats", soft_wrap=True
        )


def _moment(text: str) -> float:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise UsageProblem(
            f"{text!r} is not a time.", "Write it as 2026-03-01T09:30:00+01:00."
        ) from None
    return moment.astimezone().timestamp() if moment.tzinfo is None else moment.timestamp()
