"""`heartlog record`: from a monitor into the store."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heartlog.cli import output
from heartlog.cli.options import BackendOption, JsonOption, MonitorOption, StoreOption
from heartlog.errors import ExitCode

if TYPE_CHECKING:
    from heartlog.live.progress import Follower

REPORT_SECONDS = 60.0
"""Where there is no terminal to redraw, a line of progress so often (real seconds)."""


def record(
    length: Annotated[
        str | None,
        typer.Option(
            "--for", metavar="TIME", help="How long, as 30m or 24h; default: until Ctrl-C."
        ),
    ] = None,
    monitor: MonitorOption = None,
    note: Annotated[str, typer.Option("--note", help="A note kept with the session.")] = "",
    store: StoreOption = None,
    backend: BackendOption = "system",
    as_json: JsonOption = False,
) -> None:
    """Record a session from a monitor.

    Finds the monitor, fetches what it has, follows it, and looks for it again when the connection
    is lost; a session that was interrupted is continued. Ctrl-C ends the session in order; a
    second Ctrl-C leaves it open, to be continued later.
    """
    from heartlog.cli.durations import parse_duration

    seconds = parse_duration(length) if length else None
    follower = asyncio.run(_record(backend, store, monitor, note, seconds))
    if as_json:
        output.print_json(follower.as_json())
    else:
        _print_outcome(follower, store)
    if not follower.finished:
        raise typer.Exit(ExitCode.INCOMPLETE)


async def _record(
    spec: str, store_url: str | None, wanted: str | None, note: str, seconds: float | None
) -> Follower:
    from heartlog.ble import open_backend
    from heartlog.cli.stopping import stopping
    from heartlog.live.progress import Follower
    from heartlog.recorder import Recorder
    from heartlog.store import Store

    # The store first: nothing is recorded that could not be stored.
    with Store.open(store_url) as store:
        async with open_backend(spec) as backend:
            follower = Follower(say=output.note)
            session: dict[str, Any] = {"planned_seconds": seconds}
            if note:
                session["notes"] = note
            recorder = Recorder(
                store, backend, wanted=wanted, session=session, on_event=follower.take
            )
            running = asyncio.create_task(recorder.run(seconds))

            def cancel() -> None:
                running.cancel()

            def ask() -> None:
                output.note("Ending the session; once more Ctrl-C leaves it open ...")
                recorder.stop()
                if recorder.session_id is None:
                    running.cancel()  # nothing has begun: there is nothing to end

            with stopping(ask, cancel):
                async with _progress(follower, backend.clock.now):
                    with contextlib.suppress(asyncio.CancelledError):
                        await running
    return follower


@contextlib.asynccontextmanager
async def _progress(follower: Follower, now: Any) -> AsyncIterator[None]:
    """Keep one line up to date on a terminal, or write one a minute elsewhere."""
    console = output.err()

    async def redraw() -> None:
        with console.status("...") as status:
            while True:
                status.update(follower.line(now()))
                await asyncio.sleep(0.25)

    async def report() -> None:
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            output.note(follower.line(now()))

    task = asyncio.create_task(redraw() if console.is_terminal else report())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _print_outcome(follower: Follower, store: str | None) -> None:
    from heartlog.cli.show import print_overview
    from heartlog.overview import Overview
    from heartlog.store import Store

    if follower.session_id is None:
        output.note("Nothing was recorded.")
        return
    with Store.open(store, read_only=True) as opened:
        print_overview(Overview.of(opened, follower.session_id))
    if not follower.finished:
        output.note(
            f"Session {follower.session_id} is interrupted; the monitor keeps on."
            " Continue it: heartlog record"
        )
