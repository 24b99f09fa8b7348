"""`heartlog compare`: sessions side by side."""

from pathlib import Path
from typing import Annotated

import typer

from heartlog.cli import output
from heartlog.cli.options import JsonOption, StoreOption, ThresholdOption
from heartlog.errors import UsageProblem


def compare(
    sessions: Annotated[list[int], typer.Argument(help="Two to six sessions (numbers).")],
    out: Annotated[
        list[Path] | None,
        typer.Option("--out", "-o", help="Write .pdf or .html too; may be given twice."),
    ] = None,
    paper: Annotated[str, typer.Option("--paper", help="a4 or letter.")] = "a4",
    setting: ThresholdOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare sessions: numbers with differences, plots of one scale, caveats."""
    from heartlog.analysis import AnalysisSettings
    from heartlog.cli.acts import act
    from heartlog.cli.working import working
    from heartlog.compare import compare_sessions
    from heartlog.compare.write import check_names, write
    from heartlog.store import Store

    check_names(out or [], paper)
    rules = AnalysisSettings.parse(setting or [])
    with Store.open(store) as opened, working("Compare"):
        found = compare_sessions(opened, sessions, rules)
        for number in sessions if out else ():
            act(opened, "compare", "session", number, files=[p.name for p in out or []])
        write(found, out or [], paper)
        output.in_clear("What was written", opened.encrypted and bool(out))
    output.unprinted("the PDF")
    if as_json:
        output.print_json(found.as_dict())
        return
    numbers = [a.session.id for a in found.analyses]
    columns = ["Figure", *(f"No. {n}" for n in numbers)]
    columns += [f"{n} - {numbers[0]}" for n in numbers[1:]]
    rows = [(f"{r.name} {r.unit}".strip(), *r.shown(), *r.differences()) for r in found.rows]
    if len(columns) > 10:
        raise UsageProblem("That many sessions don't fit a screen.", "Use --out or --json.")
    table = output.table(columns, rows)
    for column in table.columns[1:]:
        column.justify = "right"
    output.out().print(table)
    for text in found.caveats:
        output.note(f"Note: {text}")
    for path in out or []:
        output.out().print(str(path), soft_wrap=True)
