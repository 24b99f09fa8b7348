"""`heartlog equipment`: monitors, their history, what is due."""

import datetime as dt
from typing import Annotated, Any

import typer

from heartlog.cli import output
from heartlog.cli.options import JsonOption, StoreOption, WordsArgument
from heartlog.errors import UsageProblem
from heartlog.records import equipment as room
from heartlog.store import Store
from heartlog.store.schema_clinic import Equipment

equipment = typer.Typer(no_args_is_help=True, help="Look after the monitors.")

Serial = Annotated[str, typer.Argument(help="Serial number, or the device's id.")]


def as_dict(row: Equipment) -> dict[str, Any]:
    """A monitor as plain values."""
    return {name: getattr(row, name) for name in (*room.EDITABLE, "archived")}


@equipment.command("list")
def list_(
    words: WordsArgument = None,
    due: Annotated[bool, typer.Option("--due", help="Only what is due for maintenance.")] = False,
    archived: Annotated[bool, typer.Option("--archived", help="Archived ones too.")] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """List monitors."""
    today = dt.datetime.now().astimezone().date()
    text = " ".join(words or ())
    with Store.open(store) as opened:
        found = room.due(opened, today) if due else room.search(opened, text, archived=archived)
    if as_json:
        output.print_json([as_dict(e) for e in found])
        return
    if not found:
        output.note("No equipment found. Add it: heartlog equipment add SERIAL")
        return
    rows = []
    for e in found:
        late = e.maintenance_due and e.maintenance_due <= today.isoformat()
        mark = f"{e.maintenance_due} due" if late else e.maintenance_due
        rows.append((e.serial, (e.device_id or "")[-8:], e.board, e.firmware, mark))
    columns = ("Serial", "Device", "Board", "Firmware", "Maintenance")
    output.out().print(output.table(columns, rows))


@equipment.command()
def add(
    serial: Serial,
    device: Annotated[str | None, typer.Option("--device", help="The id it sends.")] = None,
    board: Annotated[str, typer.Option("--board", help="A folder of boards/, as pico2_w.")] = "",
    part: Annotated[str, typer.Option("--part", help="Analog front end.")] = "",
    due: Annotated[
        str, typer.Option("--due", metavar="DATE", help="Next maintenance, as 2027-01-31.")
    ] = "",
    notes: Annotated[str, typer.Option("--notes", help="Anything else.")] = "",
    store: StoreOption = None,
) -> None:
    """Add a monitor."""
    with Store.open(store) as opened:
        room.add(
            opened,
            serial,
            device_id=device,
            board=board,
            part=part,
            maintenance_due=due,
            notes=notes,
        )
    output.note(f"Added {serial}.")


@equipment.command()
def edit(
    serial: Serial,
    device: Annotated[str | None, typer.Option("--device", help="The id it sends.")] = None,
    board: Annotated[
        str | None, typer.Option("--board", help="A folder of boards/, as pico2_w.")
    ] = None,
    part: Annotated[str | None, typer.Option("--part", help="Analog front end.")] = None,
    firmware: Annotated[str | None, typer.Option("--firmware", help="Its version.")] = None,
    due: Annotated[
        str | None, typer.Option("--due", metavar="DATE", help="Next maintenance, as 2027-01-31.")
    ] = None,
    notes: Annotated[str | None, typer.Option("--notes", help="Anything else.")] = None,
    store: StoreOption = None,
) -> None:
    """Change a monitor's data."""
    values = {
        "device_id": device,
        "board": board,
        "part": part,
        "firmware": firmware,
        "maintenance_due": due,
        "notes": notes,
    }
    given = {k: v for k, v in values.items() if v is not None}
    if not given:
        raise UsageProblem("Nothing to change was given.", "See: heartlog equipment edit --help")
    with Store.open(store) as opened:
        room.edit(opened, serial, **given)
    output.note(f"Changed {', '.join(given)} of {serial}.")


@equipment.command()
def note(
    serial: Serial,
    kind: Annotated[str, typer.Argument(help=", ".join(room.KINDS))],
    text: Annotated[str, typer.Argument(help="What was seen or done.")] = "",
    passed: Annotated[
        bool | None, typer.Option("--passed/--failed", help="How a test ended.")
    ] = None,
    store: StoreOption = None,
) -> None:
    """Add a line to a monitor's history: a self-test, a cleaning, a fault ..."""
    with Store.open(store) as opened:
        room.note(opened, serial, kind, text, passed=passed)
    output.note(f"Noted {kind} for {serial}.")


@equipment.command()
def show(serial: Serial, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Show a monitor and its history."""
    with Store.open(store) as opened:
        row = room.find(opened, serial)
        entries = room.history(opened, serial)
    if as_json:
        lines = [
            {
                "at": dt.datetime.fromtimestamp(e.at, dt.UTC),
                "kind": e.kind,
                "passed": e.passed,
                "text": e.text,
                "by": e.done_by,
            }
            for e in entries
        ]
        output.print_json({**as_dict(row), "history": lines})
        return
    out = output.out()
    for key, value in as_dict(row).items():
        out.print(f"{key.replace('_', ' ').title():16} {value or '-'}", soft_wrap=True)
    word = {True: "passed", False: "FAILED", None: ""}
    rows = []
    for e in entries:
        when = dt.datetime.fromtimestamp(e.at).astimezone().strftime("%Y-%m-%d %H:%M")
        rows.append((when, e.kind, word[e.passed], e.text))
    if rows:
        out.print(output.table(("When", "What", "Result", "Text"), rows))


@equipment.command()
def archive(
    serial: Serial,
    back: Annotated[bool, typer.Option("--back", help="Bring back.")] = False,
    store: StoreOption = None,
) -> None:
    """Take a monitor out of use; its history stays."""
    with Store.open(store) as opened:
        room.archive(opened, serial, back=back)
    output.note(f"{serial} is {'back' if back else 'archived'}.")
