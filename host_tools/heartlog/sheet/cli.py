"""`heartlog sheet`: print the patient's page."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from heartlog.errors import UsageProblem


def _site(texts: list[str]) -> tuple[str, ...]:
    if len(texts) > 4:
        raise UsageProblem(
            f"{len(texts)} electrodes were named; the light can tell four.",
            "Name those that the patient can put on again.",
        )
    return tuple(texts)


def sheet(
    out: Annotated[Path, typer.Argument(metavar="FILE.pdf", help="The PDF to write.")],
    clinic: Annotated[str, typer.Option(help="The clinic's name.")] = "",
    telephone: Annotated[str, typer.Option(help="Whom to call in office hours.")] = "",
    out_of_hours: Annotated[str, typer.Option(help="Whom to call otherwise.")] = "",
    start: Annotated[
        datetime | None, typer.Option("--from", help="When the test begins (local time).")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option("--until", help="When the test ends (local time).")
    ] = None,
    electrode: Annotated[
        list[str] | None,
        typer.Option(metavar="SITE", help="Where electrode 1, 2 ... sits; once for each."),
    ] = None,
    page: Annotated[str, typer.Option(help="A4 or Letter.")] = "A4",
) -> None:
    """Print the patient's page: what to do, what the light means, whom to call.

    Fields that are not given are left as lines to write on.
    """
    from heartlog.sheet.paper import PAGES, Details, make_sheet

    if page not in PAGES:
        raise UsageProblem(f"There is no page {page}.", f"Choose one of {', '.join(PAGES)}.")
    if start and end and end <= start:
        raise UsageProblem("The test would end before it begins.", "Look at --from and --until.")
    details = Details(clinic, telephone, out_of_hours, start, end, _site(electrode or []))
    typer.echo(f"Wrote {make_sheet(out, details, page)}: print both sides on one leaf.")
