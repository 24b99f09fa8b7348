"""Options that mean the same in every command."""

from __future__ import annotations

from typing import Annotated

import typer

BACKEND_HELP = (
    "How to reach the radio: system, bumble:TRANSPORT (as bumble:usb:0),"
    " or virtual[:RUN_DIR] for a virtual monitor."
)

BackendOption = Annotated[
    str,
    typer.Option(
        "--backend",
        envvar="HEARTLOG_BACKEND",
        metavar="WHICH",
        help=BACKEND_HELP,
    ),
]
"""Default it with `= "system"`; hand it to `heartlog.ble.open_backend`."""

_chosen: list[str | None] = [None]


def _choose(value: str | None) -> str | None:
    _chosen[0] = value
    return value


def chosen_store() -> str | None:
    """What the command that runs was given as its store; None: nothing, or it takes none."""
    return _chosen[0]


StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        callback=_choose,
        envvar="HEARTLOG_STORE",
        metavar="FILE|URL",
        help="The store: a file, or a database URL. Default: one in your data folder.",
    ),
]
"""Default it with `= None`; hand it to `heartlog.store.Store.open`."""

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON for programs instead of a table.")
]
"""Default it with `= False`; print with `heartlog.cli.output.print_json`."""

YesOption = Annotated[
    bool, typer.Option("--yes", "-y", help="Don't ask before something is lost.")
]
"""Default it with `= False`; hand it to `heartlog.cli.output.confirm`."""

SessionArgument = Annotated[int, typer.Argument(help="Number of the session (heartlog sessions).")]

ThresholdOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A threshold, as pause_ms=2500."),
]
"""Default it with `= None`; hand it to `heartlog.analysis.AnalysisSettings.parse`."""

WordsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="WORDS", help="Only those in which all of these words are found."),
]
"""Default it with `= None`; search for `" ".join(words or ())`."""

LimitOption = Annotated[
    int, typer.Option("--limit", "-n", min=1, max=1_000_000, help="At most so many.")
]

MonitorOption = Annotated[
    str | None,
    typer.Option(
        "--monitor",
        "-m",
        metavar="NAME|ADDRESS",
        help="Which monitor, when several are in range: its name, address, or a part of either.",
    ),
]
"""Default it with `= None`; hand it to `heartlog.ble.find_monitor`."""
