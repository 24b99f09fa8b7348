"""The command line `heartlog`.

`main` is the console script. Commands are registered in `heartlog.cli.commands`; errors reach the
person in one way, here: on stderr, what happened and what to do next, with an exit code of
`heartlog.errors.ExitCode`.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from heartlog.cli.tree import Tree
from heartlog.errors import CommandError, ExitCode, explain

app = typer.Typer(
    name="heartlog",
    cls=Tree,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Every command explains itself: heartlog COMMAND --help",
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"heartlog {version('heartlog')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Records, reviews and reports heart beats from an open portable heart monitor.

    For learning and research; not a certified medical device.
    """


def main(args: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit code (`heartlog.errors.ExitCode`)."""
    _open_streams()
    command = typer.main.get_command(app)
    try:
        command.main(args=args, prog_name="heartlog")
    except Exception as error:
        known = explain(error)
        if known is None:
            _report_defect(error)
            sys.exit(ExitCode.ERROR)
        report(known)
        if os.environ.get("HEARTLOG_DEBUG"):
            traceback.print_exception(error)
        sys.exit(known.exit_code)


def _open_streams() -> None:
    """Started with a stream closed (`<&-`, a service), Python has None for it: nobody's, then.

    What the terminal's encoding, or that of a file in Windows, can't write is a `?`, no failure.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def report(error: CommandError) -> None:
    """Print `error` on stderr: the message, and below it the next step."""
    from rich.text import Text

    from heartlog.cli.output import err

    for label, style, text in (
        ("Error: ", "bold red", error.message),
        ("Next:  ", "bold", error.hint),
    ):
        for i, line in enumerate(_wrapped(text, len(label))):
            lead = (label, style) if i == 0 else " " * len(label)
            err().print(Text.assemble(lead, line), soft_wrap=True)


def _wrapped(text: str, indent: int) -> list[str]:
    """`text` in lines for the terminal; elsewhere one line. A path is never broken."""
    import textwrap

    from heartlog.cli.output import err

    if not text or not err().is_terminal:
        return [text] if text else []
    width = max(20, err().width - indent - 1)
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _report_defect(error: Exception) -> None:
    """An error that nobody foresaw: show where, since the person must be able to report it."""
    traceback.print_exception(error)
    report(
        CommandError(
            f"{type(error).__name__}: {error}",
            "This is a defect of heartlog: please report it with the lines above.",
        )
    )
