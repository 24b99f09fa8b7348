"""`heartlog sheet`: print the patient's page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from heartlog.cli import output
from heartlog.cli.options import StoreOption
from heartlog.errors import UsageProblem

if TYPE_CHECKING:
    from heartlog.store import Session

MOST_ELECTRODES = 4
"""The light counts to four."""


def _site(texts: list[str]) -> tuple[str, ...]:
    if len(texts) > MOST_ELECTRODES:
        raise UsageProblem(
            f"{len(texts)} electrodes were named; the light can tell four.",
            "Name those that the patient can put on again.",
        )
    return tuple(texts)


def _began(session: Session) -> datetime:
    """When a session began, by the clock on the wall where it was."""
    moment = datetime.fromtimestamp(session.started_at, UTC)
    try:
        return moment.astimezone(ZoneInfo(session.time_zone)).replace(tzinfo=None)
    except (ZoneInfoNotFoundError, ValueError):
        return moment.astimezone().replace(tzinfo=None)


def _sites_of(session: Session) -> tuple[str, ...]:
    """Where a session's electrodes sit, in the order in which the light counts them."""
    from heartlog._firmware.monitor.link import wire

    known = [name for name in wire.ELECTRODES[:MOST_ELECTRODES] if name in session.electrode_sites]
    return tuple(str(session.electrode_sites[name]).partition(",")[0] for name in known)


def sheet(
    out: Annotated[Path, typer.Argument(metavar="FILE.pdf", help="The PDF to write.")],
    session: Annotated[
        int | None,
        typer.Option("--session", metavar="N", help="Take dates and electrodes from a session."),
    ] = None,
    clinic: Annotated[str | None, typer.Option(help="The clinic's name.")] = None,
    telephone: Annotated[str | None, typer.Option(help="Whom to call in office hours.")] = None,
    out_of_hours: Annotated[str | None, typer.Option(help="Whom to call otherwise.")] = None,
    remember: Annotated[
        bool, typer.Option("--remember", help="Keep the clinic's details for the next sheets.")
    ] = False,
    start: Annotated[
        datetime | None, typer.Option("--from", help="When the test begins (local time).")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option("--until", help="When the test ends (local time).")
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, help="How many days the test lasts, in place of --until.")
    ] = None,
    electrode: Annotated[
        list[str] | None,
        typer.Option(metavar="SITE", help="Where electrode 1, 2 ... sits; once for each."),
    ] = None,
    page: Annotated[str, typer.Option(help="A4 or Letter.")] = "A4",
    store: StoreOption = None,
) -> None:
    """Print the patient's page: what to do, what the light means, whom to call.

    Fields that are not given are left as lines to write on.
    """
    from heartlog.sheet.clinic import Clinic, load, save
    from heartlog.sheet.paper import make_sheet
    from heartlog.sheet.side import PAGES, Details
    from heartlog.store import Store

    if out.suffix.lower() != ".pdf":
        raise UsageProblem(f"{out}: the sheet is a PDF.", "End the name in .pdf.")
    if page not in PAGES:
        raise UsageProblem(f"There is no page {page}.", f"Choose one of {', '.join(PAGES)}.")
    if end and days:
        raise UsageProblem("Both --until and --days were given.", "Give one of them.")
    sites = _site(electrode or [])
    if session is not None:
        with Store.open(store) as opened:
            worn = opened.session(session)
        start = start or _began(worn)
        if end is None and days is None and worn.planned_seconds:
            end = start + timedelta(seconds=worn.planned_seconds)
        sites = sites or _sites_of(worn)
    if days and start is None:
        raise UsageProblem(
            "--days counts from the beginning of the test.", "Add --from or --session."
        )
    if start and days:
        end = start + timedelta(days=days)
    if start and end and end <= start:
        raise UsageProblem("The test would end before it begins.", "Look at --from and --until.")
    kept = load()
    whom = Clinic(
        kept.name if clinic is None else clinic,
        kept.telephone if telephone is None else telephone,
        kept.out_of_hours if out_of_hours is None else out_of_hours,
    )
    if remember:
        typer.echo(f"Kept the clinic's details in {save(whom)}.")
    details = Details(whom.name, whom.telephone, whom.out_of_hours, start, end, sites)
    typer.echo(f"Wrote {make_sheet(out, details, page)}: print both sides on one leaf.")
    output.unprinted("the sheet")
