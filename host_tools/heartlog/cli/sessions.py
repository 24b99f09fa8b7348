"""`heartlog sessions`: what has been recorded."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from heartlog.cli import output
from heartlog.cli.options import JsonOption, LimitOption, StoreOption, WordsArgument

if TYPE_CHECKING:
    from heartlog.store import Session

STATUS_STYLE = {"complete": "green", "recording": "cyan", "interrupted": "yellow"}


def sessions(
    words: WordsArgument = None,
    status: Annotated[
        str | None,
        typer.Option("--status", help="Only those: recording, interrupted, complete or imported."),
    ] = None,
    limit: LimitOption = 50,
    archived: Annotated[bool, typer.Option("--archived", help="Archived ones too.")] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the recorded sessions, newest first."""
    from heartlog.errors import UsageProblem
    from heartlog.store import Store
    from heartlog.store.store import STATUSES

    if status is not None and status not in STATUSES:
        raise UsageProblem(
            f"There is no status {status!r}.", f"Choose one of: {', '.join(STATUSES)}"
        )
    text = " ".join(words or ())
    with Store.open(store) as opened:
        found = opened.sessions(text=text, status=status, archived=archived, limit=limit + 1)
        where = opened.where
    more, found = len(found) > limit, found[:limit]
    if as_json:
        output.print_json([as_dict(session) for session in found])
        return
    if not found:
        if text or status:
            output.note(f"No such session in {where}. All there are: heartlog sessions")
        else:
            output.note(f"No session in {where}. Record one: heartlog record")
        return
    columns = ("No.", "Start", "Length", "Beats", "Patient", "Monitor", "Status")
    output.out().print(
        output.table(columns, map(row, found), length="right", beats="right", no_="right")
    )
    if more:
        output.note(f"There are more than {limit}: --limit {limit * 4}, or search by words.")


def row(session: Session) -> tuple[str | Text, ...]:
    """One line of the table."""
    stop = session.ended_at or session.last_data_at
    status = session.status
    return (
        str(session.id),
        local(session.started_at),
        short_duration(stop - session.started_at) if stop else "-",
        str(session.beat_count),
        session.patient_identifier or "-",
        session.device_id[-8:],
        Text(status, style=STATUS_STYLE.get(status, "")),
    )


def as_dict(session: Session) -> dict[str, Any]:
    """A session as plain values; times are ISO 8601 in UTC."""
    from heartlog.overview import iso

    def when(value: float | None) -> str | None:
        return None if value is None else iso(value)

    return {
        "id": session.id,
        "status": session.status,
        "reason": session.reason or None,
        "patient": session.patient_identifier or None,
        "device": session.device_id,
        "start": when(session.started_at),
        "stop": when(session.ended_at),
        "last_data": when(session.last_data_at),
        "beats": session.beat_count,
        "gaps": session.gap_count,
        "events": session.event_count,
        "rate_sps": session.rate,
        "lead_arrangement": session.lead_arrangement or None,
        "notes": session.notes or None,
    }


def local(seconds: float) -> str:
    """A time for a person at this computer: local, with its zone."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M %Z")


def short_duration(seconds: float) -> str:
    """`0:05:01` or `3 d 04:00`: fits a column."""
    whole = max(0, round(seconds))
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    if days:
        return f"{days} d {hours:02}:{rest // 60:02}"
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"
