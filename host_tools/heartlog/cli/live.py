"""`heartlog live`: the monitor as it is now, on the screen."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated

import typer

from heartlog.cli import output
from heartlog.cli.options import BackendOption, MonitorOption


def live(
    monitor: MonitorOption = None,
    length: Annotated[
        str | None,
        typer.Option("--for", metavar="TIME", help="How long, as 30s; default: until Ctrl-C."),
    ] = None,
    ecg: Annotated[bool, typer.Option("--ecg/--no-ecg", help="The ECG trace too.")] = True,
    backend: BackendOption = "system",
) -> None:
    """Heart rate, intervals, electrodes and ECG as they come. Nothing is recorded.

    Ends with Ctrl-C. Where stdout is no terminal it prints a line a second.
    """
    from heartlog.cli.durations import parse_duration

    seconds = parse_duration(length) if length else None
    asyncio.run(_live(backend, monitor, seconds, ecg))


async def _live(spec: str, wanted: str | None, seconds: float | None, ecg: bool) -> None:
    from heartlog.ble import find_monitor, open_backend
    from heartlog.cli.stopping import stopping
    from heartlog.live.follow import follow
    from heartlog.live.view import View

    async with open_backend(spec) as backend:
        # Before the screen is taken: an error of the search must stay to be read.
        with output.err().status("Looking for the monitor ..."):
            found = await find_monitor(backend, wanted)
        view = View(foot=["Ctrl-C ends. Nothing is recorded: heartlog record"])
        following = asyncio.create_task(follow(backend, found.address, view, ecg))

        def end() -> None:
            following.cancel()

        with stopping(end, end):
            # Lines, where there is no terminal, are what was asked for: they can be piped.
            async with view.shown(output.out()):
                with contextlib.suppress(asyncio.CancelledError, TimeoutError):
                    async with asyncio.timeout(seconds):
                        await following
