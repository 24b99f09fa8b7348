"""`heartlog demo`: boots a virtual monitor on a real ECG and records it, faster than real time."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from heartlog.cli import output
from heartlog.errors import UsageProblem


def demo(
    ecg: Annotated[
        str | None,
        typer.Option("--ecg", metavar="RECORD", help="A WFDB record; default: 5 min at hand."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the results go.")
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option("--speed", min=0, help="Times real time; 0: as fast as it can."),
    ] = None,
    stack: Annotated[str, typer.Option("--stack", help="Radio: nimble or btstack.")] = "nimble",
    electrode_off: Annotated[
        bool, typer.Option("--electrode-off", help="Let an electrode come off for 20 s.")
    ] = False,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Write the PDF.")] = True,
) -> None:
    """The whole product on a real ECG: boot, find, record, score, picture, report.

    Builds the firmware image, boots it on a virtual board whose electrodes play a real ECG, finds
    the monitor over a virtual radio, records the session and shows what came out.
    """
    from heartlog.demo.story import Plan, run_demo

    if stack not in ("nimble", "btstack"):
        raise UsageProblem(f"There is no stack {stack!r}.", "Choose nimble or btstack.")
    # A plain kill must clean up too: processes and temporary files.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        run_demo(Plan(ecg, out, speed, stack, electrode_off, report))
    except KeyboardInterrupt:
        output.note("Stopped. Nothing is left running.")
        raise typer.Exit(128 + signal.SIGINT) from None
