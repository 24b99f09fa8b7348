"""`heartlog record`: from a monitor into the store."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from heartlog.cli import output
from heartlog.cli.options import BACKEND_HELP, JsonOption, StoreOption
from heartlog.errors import ExitCode

if TYPE_CHECKING:
    from heartlog.live.progress import Follower
    from heartlog.live.view import View
    from heartlog.recorder import Recorder
    from heartlog.store import Store


def record(
    length: Annotated[
        str | None,
        typer.Option(
            "--for", metavar="TIME", help="How long, as 30m or 24h; default: until Ctrl-C."
        ),
    ] = None,
    monitor: Annotated[
        list[str] | None,
        typer.Option(
            *("--monitor", "-m"),
            metavar="NAME|ADDRESS",
            help="Which monitor: its name, address, or a part of either. Repeat it to record"
            " several at once.",
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Record every monitor in range.")
    ] = False,
    patient: Annotated[
        list[str] | None,
        typer.Option(
            "--patient",
            metavar="ID",
            help="Whose session: an identifier. With several monitors, one for each.",
        ),
    ] = None,
    note: Annotated[str, typer.Option("--note", help="A note kept with the session.")] = "",
    screen: Annotated[
        bool, typer.Option("--screen", help="Show the ECG and all else live meanwhile.")
    ] = False,
    store: StoreOption = None,
    backend: Annotated[
        list[str],
        typer.Option(
            "--backend",
            envvar="HEARTLOG_BACKEND",
            metavar="WHICH",
            help=BACKEND_HELP + " Repeat it to use several radios.",
        ),
    ] = ["system"],  # noqa: B006 (typer copies it)
    as_json: JsonOption = False,
) -> None:
    """Record a session from a monitor, or from several at once.

    Finds the monitor, fetches what it has, follows it, and looks for it again when the connection
    is lost; a session that was interrupted is continued. Ctrl-C ends the session in order; a
    second Ctrl-C leaves it open, to be continued later.
    """
    from heartlog.cli.durations import parse_duration
    from heartlog.cli.record_several import check

    seconds = parse_duration(length) if length else None
    monitors, patients = monitor or [], patient or []
    check(monitors, patients, everything, screen)
    wishes = [
        Wish(name, who, note, seconds, screen) for name, who in zip_longest(monitors, patients)
    ]
    wishes = wishes or [Wish(None, None, note, seconds, screen)]
    if everything or len(monitors) > 1 or len(backend) > 1:
        _several(backend, store, wishes, everything, as_json)
        return
    follower = asyncio.run(_record(backend[0], store, wishes[0]))
    if as_json:
        output.print_json(follower.as_json())
    else:
        _print_outcome(follower, store)
    if not follower.finished:
        raise typer.Exit(ExitCode.INCOMPLETE)


def _several(
    backends: list[str], store: str | None, wishes: list[Wish], everything: bool, as_json: bool
) -> None:
    from heartlog.cli.record_several import record_several

    outcomes = asyncio.run(record_several(backends, store, wishes, everything))
    if as_json:
        output.print_json([outcome.as_json() for outcome in outcomes])
    else:
        for outcome in outcomes:
            output.note(f"{outcome.name}:")
            _print_outcome(outcome.follower, store)
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    if errors and len(errors) == len(outcomes):
        raise typer.Exit(errors[0].exit_code)
    if not all(outcome.follower.finished for outcome in outcomes):
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
                session=session_columns(store, wish),
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
                    output.kept_up_to_date(lambda: follower.line(backend.clock.now()))
                    if view is None
                    else _screen(view, recorder)
                )
                async with shown:
                    with contextlib.suppress(asyncio.CancelledError):
                        await running
    return follower


def session_columns(store: Store, wish: Wish) -> dict[str, Any]:
    """The columns of the store's session that are known before it begins."""
    from heartlog.records.patients import by_identifier

    columns: dict[str, Any] = {"planned_seconds": wish.seconds}
    if wish.patient is not None:
        columns["patient_id"] = by_identifier(store, wish.patient).id
    if wish.note:
        columns["notes"] = wish.note
    return columns


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
