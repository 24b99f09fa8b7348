"""`heartlog fit`: fit a monitor to a patient, step by step."""

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from heartlog.cli import output
from heartlog.cli.options import BackendOption, MonitorOption, StoreOption, YesOption
from heartlog.errors import UsageProblem

START_SECONDS = 40.0
"""How long a monitor that was just given its key may take to come on the air."""

if TYPE_CHECKING:
    from heartlog.fit.bench import Bench
    from heartlog.fit.record import FittingRecord
    from heartlog.security.keys import Keys
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
    cable: Annotated[
        str,
        typer.Option(
            metavar="PORT",
            help="The USB cable for this session's key: a port, `none`, or the only one there is.",
        ),
    ] = "auto",
    monitor: MonitorOption = None,
    yes: YesOption = False,
    store: StoreOption = None,
    backend: BackendOption = "system",
) -> None:
    """Fit a monitor: key, patient, skin, electrodes, contact, signal, strip, button, clock, start.

    With the monitor on a USB cable it begins with a new key, for this session alone.

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
        keys, monitor = _key(record, cable, backend, monitor, yes)
        session = asyncio.run(_fit(opened, record, keys, backend, monitor, yes, asked))
    which = "" if session is None else f": session {session}"
    output.note(f"Fitted{which}. Afterwards: heartlog fetch. To follow it now: heartlog record")


def _key(
    record: "FittingRecord", choice: str, backend: str, wanted: str | None, yes: bool
) -> tuple["Keys | None", str | None]:
    """This session's key over the cable, once a fitting; the keys, and the monitor to look for."""
    from heartlog.fit.key import cable_for, give_key
    from heartlog.security.keys import own_keys

    device = str(record.row().answers.get("key", ""))
    plugged = None if device else cable_for(choice, backend)
    if plugged is not None and (
        yes or typer.confirm(f"Make a key for this session over {plugged.name}?", default=True)
    ):
        keys = own_keys(create=True)
        assert keys is not None
        device = give_key(plugged, keys, output.note)
        record.set(answers={"key": device})
    else:
        keys = own_keys()
    return keys, wanted or (f"Heartlog {device[:4]}" if device else None)


async def _fit(
    store: "Store",
    record: "FittingRecord",
    keys: "Keys | None",
    spec: str,
    wanted: str | None,
    yes: bool,
    asked: dict[str, int],
) -> int | None:
    from heartlog.ble import find_monitor, open_backend
    from heartlog.ble.discovery import SCAN_SECONDS
    from heartlog.fit.bench import Bench
    from heartlog.fit.guide import Guide
    from heartlog.fit.key import without_cable
    from heartlog.link.settings import write

    fresh = "key" in record.row().answers
    async with open_backend(spec, keys) as backend:
        output.note("Looking for the monitor ...")
        found = await find_monitor(backend, wanted, START_SECONDS if fresh else SCAN_SECONDS)
        if not fresh:
            output.note(without_cable(found.key is not None))
        async with Bench.connect(backend, found) as bench:
            output.note(f"Connected to {found.name}.")
            if asked:
                record.set(answers={"settings": await write(bench.monitor, asked)})
            await _unplugged(bench)
            session = await Guide(store, record, bench, yes).run()
            if keys is not None and fresh and session is not None:
                keys.name_session(bench.monitor.info.device_id, session)
            return session


async def _unplugged(bench: "Bench") -> None:
    """Nothing goes on before the cable is out: mains power may be at its other end."""
    if await bench.charging():
        output.note("The monitor is on a cable or charger: unplug it to go on (Ctrl-C ends).")
        while await bench.charging():
            await asyncio.sleep(1.0)
