"""`heartlog fit`: fit a monitor to a patient, step by step."""

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from heartlog.cli import output
from heartlog.cli.options import BackendOption, MonitorOption, StoreOption, YesOption
from heartlog.errors import UsageProblem

if TYPE_CHECKING:
    from heartlog.fit.record import FittingRecord
    from heartlog.store import Store


def fit(
    patient: Annotated[
        str | None, typer.Option("--patient", help="Identifier of the patient.")
    ] = None,
    new: Annotated[
        bool, typer.Option("--new", help="Begin anew, even if a fitting was left unfinished.")
    ] = False,
    alarms: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="An alarm or another setting, as fast=150 or pause=3000; may be repeated."
            " All: heartlog settings",
        ),
    ] = None,
    monitor: MonitorOption = None,
    yes: YesOption = False,
    store: StoreOption = None,
    backend: BackendOption = "system",
) -> None:
    """Fit a monitor: patient, skin, electrodes, contact, signal, strip, button, clock, start.

    It can be left at any step (Ctrl-C) and is taken up again there; every reading is kept.
    """
    from heartlog.fit.record import FittingRecord
    from heartlog.link.settings import parse
    from heartlog.records import patients
    from heartlog.store import Store

    if not yes and not sys.stdin.isatty():
        raise UsageProblem(
            "A fitting needs a terminal to answer on.", "Run it in one, or say --yes to try it."
        )
    asked = parse(alarms or ())
    with Store.open(store) as opened:
        owner = None if patient is None else patients.by_identifier(opened, patient).id
        left = None if new else FittingRecord.unfinished(opened)
        if left is not None:
            row = left.row()
            mine = owner is None or row.patient_id in (None, owner)
            if not mine:
                left = None
            else:
                output.note(f"Taking up the fitting that was left at {row.step!r} (--new: anew).")
        record = left or FittingRecord.begin(opened, owner)
        if owner is not None:
            record.set(patient_id=owner)
        session = asyncio.run(_fit(opened, record, backend, monitor, yes, asked))
    output.note(f"Fitted. Fetch it afterwards, or follow it now: heartlog record ({session})")


async def _fit(
    store: "Store",
    record: "FittingRecord",
    spec: str,
    wanted: str | None,
    yes: bool,
    asked: dict[str, int],
) -> int | None:
    from heartlog.ble import find_monitor, open_backend
    from heartlog.fit.bench import Bench
    from heartlog.fit.guide import Guide
    from heartlog.link.settings import write

    async with open_backend(spec) as backend:
        output.note("Looking for the monitor ...")
        found = await find_monitor(backend, wanted)
        async with Bench.connect(backend, found) as bench:
            output.note(f"Connected to {found.name}.")
            if asked:
                record.set(answers={"settings": await write(bench.monitor, asked)})
            return await Guide(store, record, bench, yes).run()
