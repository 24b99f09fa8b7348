"""`heartlog record`: from a monitor into the store."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from heartlog.cli import output
from heartlog.cli.options import BackendOption, JsonOption, MonitorOption, StoreOption
from heartlog.errors import ExitCode

if TYPE_CHECKING:
    from heartlog.live.progress import Follower
    from heartlog.live.view import View
    from heartlog.recorder import Recorder
    from heartlog.store import Store

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
    patient: Annotated[
        str | None, typer.Option("--patient", metavar="ID", help="Whose session: an identifier.")
    ] = None,
    note: Annotated[str, typer.Option("--note", help="A note kept with the session.")] = "",
    screen: Annotated[
        bool, typer.Option("--screen", help="Show the ECG and all else live meanwhile.")
    ] = False,
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
    wish = Wish(monitor, patient, note, seconds, screen)
    follower = asyncio.run(_record(backend, store, wish))
    if as_json:
        output.print_json(follower.as_json())
    else:
        _print_outcome(follower, store)
    if not follower.finished:
        raise typer.Exit(ExitCode.INCOMPLETE)


class Wish(NamedTuple):
    """What is to be recorded, and how it is shown."""

    monitor: str | None
    patient: str | None
    note: str
    seconds: float | None
    screen: bool


async def _record(spec: str, store_url: str | None, wish: Wish) -> Follower:
    from heartlog.ble import open_backend
    from heartlog.cli.stopping import stopping
    from heartlog.live.progress import Follower
    from heartlog.live.view import View
    from heartlog.recorder import Recorder
    from heartlog.store import Store

    # The store first: nothing is recorded that could not be stored.
    with Store.open(store_url) as store:
        async with open_backend(spec) as backend:
            view = View() if wish.screen and output.err().is_terminal else None
            follower = Follower(say=output.note if view is None else view.say)
            if view is not None:
                view.state = follower.state
            recorder = Recorder(
                store,
                backend,
                wanted=wish.monitor,
                session=_session(store, wish),
                on_event=follower.take,
                on_ecg=None if view is None else view.take_block,
            )
            recorder.strips.live = view is not None
            running = asyncio.create_task(recorder.run(wish.seconds))

            def cancel() -> None:
                running.cancel()

            def ask() -> None:
                follower.say("Ending the session; once more Ctrl-C leaves it open ...")
                recorder.stop()
                if recorder.session_id is None:
                    running.cancel()  # nothing has begun: there is nothing to end

            with stopping(ask, cancel):
                shown = (
                    _progress(follower, backend.clock.now)
                    if view is None
                    else _screen(view, recorder)
                )
                async with shown:
                    with contextlib.suppress(asyncio.CancelledError):
                        await running
    return follower


def _session(store: Store, wish: Wish) -> dict[str, Any]:
    """The columns of the store's session that are known before it begins."""
    from heartlog.records.patients import by_identifier

    columns: dict[str, Any] = {"planned_seconds": wish.seconds}
    if wish.patient is not None:
        columns["patient_id"] = by_identifier(store, wish.patient).id
    if wish.note:
        columns["notes"] = wish.note
    return columns


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


@contextlib.asynccontextmanager
async def _screen(view: View, recorder: Recorder) -> AsyncIterator[None]:
    """The live screen; asks each newly connected monitor for the scale of its ECG."""
    from heartlog.errors import CommandError
    from heartlog.live.follow import learn_scale

    async def keep_scale() -> None:
        known = None
        while True:
            monitor = recorder.monitor
            if monitor is not None and monitor is not known and recorder.session_id is not None:
                with contextlib.suppress(CommandError):
                    await learn_scale(monitor, view)
                    known = monitor
            await asyncio.sleep(0.1)

    task = asyncio.create_task(keep_scale())
    try:
        async with view.shown(output.err()):
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
