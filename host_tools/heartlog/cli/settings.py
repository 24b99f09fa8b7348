"""`heartlog settings`: what a monitor is set to, and changing it."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from heartlog.cli import output
from heartlog.cli.options import BackendOption, JsonOption, MonitorOption

QUIET = {"quiet-from", "quiet-to"}


def settings(
    changes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME=VALUE]...", help="What to change; nothing: only list."),
    ] = None,
    monitor: MonitorOption = None,
    backend: BackendOption = "system",
    as_json: JsonOption = False,
) -> None:
    """List a monitor's settings, or change some: heartlog settings fast=150 pause=3000.

    Alarms (fast, slow, pause, irregular) are off until they are set. They are notes in the
    session with a strip of ECG; nobody is called. Quiet hours follow this computer's time zone.
    Rate, gain and channel count from the monitor's next start.
    """
    from heartlog.link.settings import SETTINGS, parse

    asked = parse(changes or ())
    name, now = asyncio.run(_talk(backend, monitor, asked))
    if as_json:
        output.print_json({"monitor": name, "settings": now})
        return
    rows = [
        (
            key,
            SETTINGS[key].text(value),
            "" if value == SETTINGS[key].default else SETTINGS[key].text(SETTINGS[key].default),
            SETTINGS[key].meaning,
        )
        for key, value in now.items()
    ]
    output.out().print(output.table(("Setting", "Now", "Default", "Meaning"), rows))
    later = [key for key in asked if SETTINGS[key].at_boot]
    if later:
        output.note(
            f"{', '.join(later)}: counts when the monitor is next started. Switch it off and on."
        )


async def _talk(
    spec: str, wanted: str | None, asked: dict[str, int]
) -> tuple[str, dict[str, int]]:
    from heartlog.ble import find_monitor, open_backend
    from heartlog.link import Monitor
    from heartlog.link.settings import read, write

    async with open_backend(spec) as backend:
        with output.err().status("Looking for the monitor ..."):
            found = await find_monitor(backend, wanted)
        async with Monitor(backend, found.device, found.key) as monitor:
            now = await (write(monitor, asked) if asked else read(monitor))
            if QUIET & asked.keys():  # it has to know what time it is, and where
                await monitor.synchronize()
            return found.name, now
