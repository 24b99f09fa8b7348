"""`heartlog session`: what people add to a recorded session."""

import datetime as dt
import re
from typing import Annotated

import typer

from heartlog.cli import output
from heartlog.cli.options import SessionArgument, StoreOption
from heartlog.errors import UsageProblem
from heartlog.records import notes as room
from heartlog.records import patients
from heartlog.report.clock import Clock
from heartlog.store import Session, Store

session = typer.Typer(no_args_is_help=True, help="Add to a session: patient, diary, findings.")


TIME_OF_DAY = re.compile(r"(\d{1,3}):(\d\d)(?::(\d\d))?")


def moment(text: str, of: Session) -> float:
    """Return UNIX seconds for "2026-03-01 14:30", or "14:30" on or after the session's start.

    Where the source gave no time of day, "0:05" is five minutes from its start.
    """
    stop = of.ended_at or of.last_data_at or of.started_at
    shown = Clock.of(of, of.started_at, stop)
    short = TIME_OF_DAY.fullmatch(text)
    try:
        if short:
            hour, minute, second = (int(v or 0) for v in short.groups())
            if not shown.known:
                return of.started_at + hour * 3600 + minute * 60 + second
            start = dt.datetime.fromtimestamp(of.started_at, shown.zone)
            clock = dt.time(hour, minute, second)
            at = dt.datetime.combine(start.date(), clock, tzinfo=shown.zone)
            if at < start - dt.timedelta(minutes=1):
                at += dt.timedelta(days=1)
            return at.timestamp()
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        raise UsageProblem(
            f"{text!r} is not a time.", "Write 14:30 or 2026-03-01T14:30."
        ) from None
    return (at.replace(tzinfo=shown.zone) if at.tzinfo is None else at).timestamp()


def _when(at: float, of: Session) -> str:
    """The moment as it was taken, since "14:30" leaves the day open; and whether it is outside."""
    stop = of.ended_at or of.last_data_at or of.started_at
    shown = Clock.of(of, of.started_at, stop)
    if not shown.known:
        return f"{at - of.started_at:.0f} s from the start"
    zone = shown.zone
    text = f"{dt.datetime.fromtimestamp(at, zone):%Y-%m-%d %H:%M:%S %Z}"
    if of.started_at <= at <= stop:
        return text
    first, last = (dt.datetime.fromtimestamp(t, zone) for t in (of.started_at, stop))
    return (
        f"{text}, which is outside the session ({first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M})"
    )


@session.command()
def assign(
    number: SessionArgument,
    patient: Annotated[str, typer.Argument(help="Identifier of the patient.")],
    store: StoreOption = None,
) -> None:
    """Say whose session it is."""
    with Store.open(store) as opened:
        owner = patients.by_identifier(opened, patient)
        room.edit_session(opened, number, patient_id=owner.id)
    output.note(f"Session {number} belongs to {owner.identifier}.")


@session.command()
def edit(
    number: SessionArgument,
    leads: Annotated[str | None, typer.Option("--leads", help="Where the electrodes sat.")] = None,
    fitted_by: Annotated[str | None, typer.Option("--fitted-by", help="Who fitted it.")] = None,
    consent: Annotated[str | None, typer.Option("--consent", help="What was agreed to.")] = None,
    notes: Annotated[str | None, typer.Option("--notes", help="Anything else.")] = None,
    zone: Annotated[str | None, typer.Option("--zone", help="As Europe/Berlin.")] = None,
    store: StoreOption = None,
) -> None:
    """Change what was noted at the fitting; what was recorded stays."""
    if zone is not None:
        from zoneinfo import available_timezones

        if zone not in available_timezones():
            raise UsageProblem(f"There is no time zone {zone!r}.", "As Europe/Berlin or UTC.")
    values = {
        "lead_arrangement": leads,
        "fitted_by": fitted_by,
        "consent": consent,
        "notes": notes,
        "time_zone": zone,
    }
    given = {k: v for k, v in values.items() if v is not None}
    if not given:
        raise UsageProblem("Nothing to change was given.", "See: heartlog session edit --help")
    with Store.open(store) as opened:
        room.edit_session(opened, number, **given)
    output.note(f"Changed {', '.join(given)} of session {number}.")


@session.command()
def diary(
    number: SessionArgument,
    at: Annotated[str, typer.Argument(help="When: 14:30, or 2026-03-01T14:30.")],
    symptom: Annotated[str, typer.Argument(help="What was felt.")] = "",
    activity: Annotated[str, typer.Option("--activity", help="What was done then.")] = "",
    store: StoreOption = None,
) -> None:
    """Add a diary entry."""
    with Store.open(store) as opened:
        row = opened.session(number)
        when = moment(at, row)
        room.add_diary(opened, number, when, symptom, activity)
    output.note(f"Noted for {_when(when, row)}.")


@session.command()
def finding(
    number: SessionArgument,
    text: Annotated[str, typer.Argument(help="What was seen.")],
    at: Annotated[str | None, typer.Option("--at", help="When: 14:30.")] = None,
    urgent: Annotated[bool, typer.Option("--urgent", help="On top of the report.")] = False,
    store: StoreOption = None,
) -> None:
    """Write a finding."""
    with Store.open(store) as opened:
        row = opened.session(number)
        when = None if at is None else moment(at, row)
        room.add_finding(opened, number, text, starts_at=when, urgent=urgent)
    output.note("Written." if when is None else f"Written for {_when(when, row)}.")


@session.command()
def archive(
    number: SessionArgument,
    back: Annotated[bool, typer.Option("--back", help="Bring back.")] = False,
    store: StoreOption = None,
) -> None:
    """Put a session out of sight; nothing is deleted."""
    with Store.open(store) as opened:
        room.edit_session(opened, number, archived=not back)
    output.note(f"Session {number} is {'back' if back else 'archived'}.")
