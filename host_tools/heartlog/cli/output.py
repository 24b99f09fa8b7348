"""How commands speak: results on stdout, everything else on stderr, at most as wide as the screen.

Tables and JSON are results and go to stdout, so that they can be piped; progress, notes, questions
and errors go to stderr. Rich drops colour by itself where there is none (a pipe, NO_COLOR,
TERM=dumb).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from heartlog.errors import UsageProblem

REPORT_SECONDS = 60.0
"""Where there is no terminal to redraw, progress is written so often (real seconds)."""

PIPE_WIDTH = 100
"""Columns of a table that nobody's screen limits."""


def out() -> Console:
    """The console for results."""
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Console(highlight=False, width=width)


@cache
def err() -> Console:
    """The console for progress, notes and questions; one, or they would run into each other."""
    return Console(stderr=True, highlight=False)


def unprinted(what: str) -> None:
    """Tell which letters no font had for what was written."""
    from heartlog.typeface.told import unprinted as missing

    letters = missing()
    if letters:
        note(
            f"No font on this computer has {' '.join(letters)}: {what} shows their numbers, as"
            f" [U+{ord(letters[0]):04X}]. Install one that has them (Debian: fonts-noto-cjk for"
            " Chinese, Japanese, Korean), or name a folder with it: HEARTLOG_FONTS=FOLDER"
        )


def print_json(value: Any) -> None:
    """Print `value` as JSON on stdout; times become ISO 8601, numbers stay plain."""
    json.dump(value, sys.stdout, indent=2, default=_jsonable, allow_nan=False)
    sys.stdout.write("\n")


def _jsonable(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return value.tolist()
    return str(value)


def table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]], **justify: str) -> Table:
    """A plain table for a terminal of 80 columns; `justify` maps a column's name to "right".

    Texts are shown as they are: a name with brackets is no markup."""
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        how: Any = justify.get(column.lower().replace(" ", "_"), "left")
        made.add_column(column, justify=how, overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return made


def note(message: str) -> None:
    """A line for the person at the screen, on stderr."""
    err().print(Text(message))


def in_clear(what: str, encrypted: bool) -> None:
    """Say that a file just written is not encrypted, when the store that it came from is."""
    if encrypted:
        note(f"{what} is not encrypted, as the store is. To send it: heartlog share seal")


@contextlib.asynccontextmanager
async def kept_up_to_date(text: Callable[[], str]) -> AsyncIterator[None]:
    """Keep a few lines up to date on a terminal, or write them once a minute elsewhere."""
    console = err()

    async def redraw() -> None:
        with console.status("...") as status:
            while True:
                status.update(Text(text()))
                await asyncio.sleep(0.25)

    async def report() -> None:
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            note(text())

    task = asyncio.create_task(redraw() if console.is_terminal else report())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def confirm(question: str, yes: bool) -> None:
    """Ask before something is lost; returns if it may be done, else ends the command.

    `yes` is the option --yes. Without it and without a terminal nobody can answer: that is an
    error, never a silent yes.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageProblem(
            f"{question} There is no terminal to answer on, so nothing was done.",
            "Run it in a terminal, or say --yes.",
        )
    import typer

    typer.confirm(question, default=False, abort=True, err=True)
