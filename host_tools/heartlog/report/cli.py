"""`heartlog report`: a session as PDF and HTML."""

from pathlib import Path
from typing import Annotated

import typer

from heartlog.cli import output
from heartlog.cli.options import JsonOption, SessionArgument, StoreOption, ThresholdOption


def report(
    session: SessionArgument,
    out: Annotated[
        list[Path] | None,
        typer.Option("--out", "-o", help="File to write, .pdf or .html; may be given twice."),
    ] = None,
    paper: Annotated[str, typer.Option("--paper", help="a4 or letter.")] = "a4",
    setting: ThresholdOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the report of a session: PDF and HTML, in an order that never changes."""
    from heartlog.analysis import AnalysisSettings
    from heartlog.cli.acts import act
    from heartlog.cli.working import working
    from heartlog.report import make_report
    from heartlog.store import Store

    name = f"session{session}-report"
    paths = out or [Path(f"{name}.pdf"), Path(f"{name}.html")]
    rules = AnalysisSettings.parse(setting or [])
    with Store.open(store) as opened, working("Report") as tell:
        act(opened, "report", "session", session, files=[p.name for p in paths])
        material = make_report(opened, session, paths, paper=paper, settings=rules, progress=tell)
        output.in_clear("The report", opened.encrypted)
    output.unprinted("the PDF")
    if as_json:
        files = [str(p) for p in paths]
        output.print_json({"files": files, "analysis": material.analysis.as_dict()})
        return
    for path in paths:
        output.out().print(str(path), soft_wrap=True)
    for urgent in material.analysis.urgent:
        output.err().print(f"[bold red]Urgent:[/] {urgent.text}", soft_wrap=True)
