"""`heartlog patients`: the files of patients."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from heartlog.cli import output
from heartlog.cli.options import JsonOption, LimitOption, StoreOption, WordsArgument, YesOption
from heartlog.errors import UsageProblem
from heartlog.records import patients as room
from heartlog.store import Store
from heartlog.store.schema_clinic import Patient

patients = typer.Typer(no_args_is_help=True, help="Keep the files of patients.")

Identifier = Annotated[str, typer.Argument(help="The patient's identifier in your house.")]
Name = Annotated[str | None, typer.Option("--name", help="Name as it is written.")]
Born = Annotated[str | None, typer.Option("--born", metavar="DATE", help="As 1956-03-14.")]
Sex = Annotated[str | None, typer.Option("--sex", help="female, male, other or unknown.")]
Indication = Annotated[str | None, typer.Option("--indication", help="Why the test is done.")]
Notes = Annotated[str | None, typer.Option("--notes", help="Anything else.")]
Pacemaker = Annotated[
    bool | None, typer.Option("--pacemaker/--no-pacemaker", help="Whether the patient has one.")
]


@dataclass(frozen=True)
class _Fields:
    name: str | None
    birth_date: str | None
    sex: str | None
    indication: str | None
    notes: str | None
    pacemaker: bool | None

    def given(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if v is not None}


def as_dict(p: Patient) -> dict[str, Any]:
    """A patient as plain values."""
    names = ("identifier", *(n for n in room.EDITABLE if n != "identifier"), "archived")
    return {name: getattr(p, name) for name in names}


@patients.command("list")
def list_(
    words: WordsArgument = None,
    archived: Annotated[bool, typer.Option("--archived", help="Archived ones too.")] = False,
    limit: LimitOption = 50,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """List patients, or search them by words of identifier, name or birth date."""
    with Store.open(store) as opened:
        found = room.search(opened, " ".join(words or ()), archived=archived, limit=limit + 1)
    more, found = len(found) > limit, found[:limit]
    if as_json:
        output.print_json([as_dict(p) for p in found])
        return
    if not found:
        output.note("No patient found. Add one: heartlog patients add IDENTIFIER --name NAME")
        return
    rows = [(p.identifier, p.name, p.birth_date, p.sex, p.indication[:40]) for p in found]
    columns = ("Identifier", "Name", "Born", "Sex", "Indication")
    output.out().print(output.table(columns, rows))
    if more:
        output.note(f"There are more than {limit}: search by words, or --limit {limit * 4}.")


@patients.command()
def add(
    identifier: Identifier,
    name: Name = None,
    born: Born = None,
    sex: Sex = None,
    indication: Indication = None,
    notes: Notes = None,
    pacemaker: Pacemaker = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a patient."""
    fields = _Fields(name, born, sex, indication, notes, pacemaker)
    with Store.open(store) as opened:
        row = room.add(opened, identifier=identifier, **fields.given())
    if as_json:
        output.print_json(as_dict(row))
    else:
        output.note(f"Added {row.identifier}.")


@patients.command()
def edit(
    identifier: Identifier,
    name: Name = None,
    born: Born = None,
    sex: Sex = None,
    indication: Indication = None,
    notes: Notes = None,
    pacemaker: Pacemaker = None,
    new_identifier: Annotated[
        str | None, typer.Option("--identifier", help="A new identifier.")
    ] = None,
    store: StoreOption = None,
) -> None:
    """Change a patient's data; the audit trail keeps what it was."""
    values = _Fields(name, born, sex, indication, notes, pacemaker).given()
    if new_identifier is not None:
        values["identifier"] = new_identifier
    if not values:
        raise UsageProblem("Nothing to change was given.", "See: heartlog patients edit --help")
    with Store.open(store) as opened:
        row = room.by_identifier(opened, identifier)
        room.edit(opened, row.id, **values)
    output.note(f"Changed {', '.join(values)} of {identifier}.")


@patients.command()
def show(identifier: Identifier, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Show a patient and the sessions."""
    with Store.open(store) as opened:
        row = room.by_identifier(opened, identifier)
        sessions = opened.sessions(patient_id=row.id)
    if as_json:
        output.print_json({**as_dict(row), "sessions": [s.id for s in sessions]})
        return
    out = output.out()
    for key, value in as_dict(row).items():
        shown = {True: "yes", False: "no"}.get(value, value) if value in (True, False) else value
        out.print(f"{key.replace('_', ' ').title():13} {shown or '-'}", soft_wrap=True)
    from heartlog.cli.sessions import row as line

    if sessions:
        columns = ("No.", "Start", "Length", "Beats", "Patient", "Monitor", "Status")
        out.print(output.table(columns, map(line, sessions), length="right", beats="right"))


@patients.command()
def merge(
    keep: Annotated[str, typer.Argument(help="Identifier that stays.")],
    other: Annotated[str, typer.Argument(help="Identifier of the duplicate.")],
    yes: YesOption = False,
    store: StoreOption = None,
) -> None:
    """Merge a duplicate into a patient: sessions move, the other identifier still leads there."""
    with Store.open(store) as opened:
        a, b = room.by_identifier(opened, keep), room.by_identifier(opened, other)
        count = len(opened.sessions(patient_id=b.id, archived=True))
        output.confirm(
            f"Merge {other} ({b.name or 'no name'}, {count} sessions) into {keep} "
            f"({a.name or 'no name'})?",
            yes,
        )
        room.merge(opened, a.id, b.id)
    output.note(f"{other} is merged into {keep}.")


@patients.command()
def duplicates(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """List pairs with the same name and birth date."""
    with Store.open(store) as opened:
        pairs = room.likely_duplicates(opened)
    if as_json:
        output.print_json([[as_dict(a), as_dict(b)] for a, b in pairs])
        return
    rows = [(a.identifier, b.identifier, a.name, a.birth_date) for a, b in pairs]
    if rows:
        output.out().print(output.table(("Keep", "Other", "Name", "Born"), rows))
    else:
        output.note("No likely duplicates.")


@patients.command()
def archive(
    identifier: Identifier,
    back: Annotated[bool, typer.Option("--back", help="Bring back.")] = False,
    store: StoreOption = None,
) -> None:
    """Put a patient out of sight; nothing is deleted."""
    with Store.open(store) as opened:
        row = room.by_identifier(opened, identifier)
        room.archive(opened, row.id, back=back)
    output.note(f"{identifier} is {'back' if back else 'archived'}.")
