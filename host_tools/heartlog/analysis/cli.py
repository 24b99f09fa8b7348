"""`heartlog reanalyse`: every session of a store by the same rules, over worker processes."""

import csv
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from heartlog.cli import output
from heartlog.cli.options import JsonOption, StoreOption, ThresholdOption, WordsArgument


def reanalyse(
    words: WordsArgument = None,
    workers: Annotated[int, typer.Option("--workers", "-w", min=1, help="Processes.")] = (
        os.cpu_count() or 2
    ),
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", help="Address of a Dask cluster.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write a CSV file, units in its header.")
    ] = None,
    setting: ThresholdOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Analyse a whole archive anew by the same rules (Dask over worker processes)."""
    from heartlog.analysis.archive import reanalyse as run
    from heartlog.analysis.settings import AnalysisSettings
    from heartlog.cli.working import working
    from heartlog.store import Store
    from heartlog.whole_file import whole

    rules = AnalysisSettings.parse(setting or [])
    with Store.open(store) as opened:
        numbers = [s.id for s in opened.sessions(text=" ".join(words or ()))]
        url = opened.url
    if not numbers:
        output.note("No session to analyse.")
        return
    with working("Archive") as tell:
        rows = sorted(
            run(url, numbers, rules, workers=workers, scheduler=scheduler, progress=tell),
            key=lambda row: row["session"],
        )
    used = len({row["worker"] for row in rows})
    bad = [row for row in rows if "problem" in row]
    if as_json:
        output.print_json(rows)
    elif out is not None:
        names = list(dict.fromkeys(name for row in rows for name in row))
        with whole(out) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)
        output.out().print(str(out), soft_wrap=True)
    else:
        columns = ("No.", "Patient", "Hours", "Good %", "Beats", "Rate", "Wide %", "Pauses")
        lines = [_line(row) for row in rows if "problem" not in row]
        output.out().print(output.table(columns, lines))
    for row in bad:
        output.note(f"Session {row['session']}: {row['problem']}")
    output.note(f"{len(rows)} sessions by {used} worker processes.")


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    mean = row["mean_rate"]
    return (
        str(row["session"]),
        row["patient"] or "-",
        f"{row['hours']:.1f}",
        f"{row['analysable_percent']:.0f}",
        str(row["beats"]),
        "-" if mean is None else f"{mean:.0f}",
        f"{row['wide_percent']:.2f}",
        str(row["pauses"]),
    )
