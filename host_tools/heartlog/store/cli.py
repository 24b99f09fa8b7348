"""`heartlog store`: backup, restore, check, and the audit trail."""

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from heartlog.cli import output
from heartlog.cli.options import JsonOption, StoreOption
from heartlog.store.store import Store

store = typer.Typer(no_args_is_help=True, help="Back up, restore and check the store.")


@store.command("backup")
def backup_(
    file: Annotated[Path, typer.Argument(help="File to write; never overwritten.")],
    store: StoreOption = None,
) -> None:
    """Write everything into one file, checked while it is written."""
    from heartlog.cli.working import working
    from heartlog.store.backup import backup

    with Store.open(store) as opened, working("Backup") as tell:
        counts = backup(opened, file, tell)
    sessions, patients = counts["session"], counts["patient"]
    output.note(f"{file}: {sessions} sessions, {patients} patients. Checked.")


@store.command("restore")
def restore_(
    file: Annotated[Path, typer.Argument(help="A backup.")],
    store: StoreOption = None,
) -> None:
    """Fill an empty store from a backup."""
    from heartlog.cli.working import working
    from heartlog.store.backup import restore

    with Store.open(store) as opened, working("Restore") as tell:
        counts = restore(file, opened, tell)
        where = opened.where
    output.note(f"{where}: {counts['session']} sessions, {counts['patient']} patients. Checked.")


@store.command()
def check(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Read everything and check every checksum."""
    from heartlog.store.backup import verify

    with Store.open(store, read_only=True) as opened:
        counts = verify(opened)
        where = opened.where
    if as_json:
        output.print_json({"store": where, **counts})
    else:
        total = sum(counts.values())
        output.note(f"{where}: {total} chunks of beats and ECG are as they were written.")


@store.command()
def audit(
    entity: Annotated[
        str | None, typer.Argument(help="patient, session, equipment, finding ...")
    ] = None,
    number: Annotated[str | None, typer.Argument(help="Its number in the store.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1)] = 50,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who changed what, newest first."""
    from heartlog.records.audit import trail

    with Store.open(store) as opened:
        entries = trail(opened, entity, number, limit)
    if as_json:
        names = ("at", "who", "action", "entity", "entity_id", "before", "after")
        output.print_json([{n: getattr(e, n) for n in names} for e in entries])
        return
    rows = []
    for e in entries:
        when = dt.datetime.fromtimestamp(e.at).astimezone().strftime("%Y-%m-%d %H:%M")
        keys = e.after or {}
        what = ", ".join(
            f"{k}: {e.before[k]!r} -> {v!r}" if e.before else f"{k}: {v!r}"
            for k, v in keys.items()
            if v not in ("", None, {}, False) or e.before
        )
        rows.append((when, e.who, e.action, f"{e.entity} {e.entity_id}", what[:200]))
    output.out().print(output.table(("When", "Who", "Did", "To", "What"), rows))
