"""`heartlog fetch`: what a monitor still holds, into the store."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated

import typer

from heartlog.cli import output
from heartlog.cli.options import BackendOption, JsonOption, MonitorOption, StoreOption
from heartlog.errors import ExitCode

if TYPE_CHECKING:
    from heartlog.live.progress import Follower
    from heartlog.recorder.fetch import Fetch


def fetch(
    monitor: MonitorOption = None,
    patient: Annotated[
        str | None,
        typer.Option("--patient", metavar="ID", help="Whose session, should it be a new one."),
    ] = None,
    store: StoreOption = None,
    backend: BackendOption = "system",
    as_json: JsonOption = False,
) -> None:
    """Take everything that a monitor still holds: beats, events, strips and stored ECG.

    For a session that was interrupted, or worn without a computer near. Nothing is stored twice;
    begin it again as often as you like. A session that still runs goes on.
    """
    follower, done, work = asyncio.run(_fetch(backend, store, monitor, patient))
    if as_json:
        output.print_json({**follower.as_json(), "complete": work.complete, "fetched": done})
    elif follower.session_id is None and done and follower.locked:
        output.note("Nothing else is to be fetched: this store has the rest.")
    elif follower.session_id is None and done:
        output.note("There is nothing to fetch: this store has it all.")
    elif follower.session_id is not None:
        from heartlog.cli.show import print_overview
        from heartlog.overview import Overview
        from heartlog.store import Store

        with Store.open(store, read_only=True) as opened:
            print_overview(Overview.of(opened, follower.session_id))
        if done and not work.complete:
            output.note(
                "All is here that the monitor had; the session itself has not ended."
                if work.in_session
                else "All is here that the monitor had; it is in no session: heartlog fit or"
                " heartlog record begins one."
            )
    if not done:
        output.note("Not all was fetched. Go on, near the monitor: heartlog fetch")
        raise typer.Exit(ExitCode.INCOMPLETE)
    if follower.locked:
        raise typer.Exit(ExitCode.INCOMPLETE)


async def _fetch(
    spec: str, store_url: str | None, wanted: str | None, patient: str | None
) -> tuple[Follower, bool, Fetch]:
    from heartlog.ble import open_backend
    from heartlog.cli.stopping import stopping
    from heartlog.live.progress import Follower
    from heartlog.recorder.fetch import Fetch
    from heartlog.records.patients import by_identifier
    from heartlog.store import Store

    with Store.open(store_url) as opened:
        columns = {} if patient is None else {"patient_id": by_identifier(opened, patient).id}
        async with open_backend(spec) as backend:
            follower = Follower(say=output.note)
            work = Fetch(opened, backend, wanted=wanted, session=columns, on_event=follower.take)
            running = asyncio.create_task(work.fetch())

            def cancel() -> None:
                running.cancel()

            done = False
            with stopping(cancel, cancel):
                async with _progress(follower, work):
                    with contextlib.suppress(asyncio.CancelledError):
                        await running
                        done = True
    return follower, done, work


@contextlib.asynccontextmanager
async def _progress(follower: Follower, work: Fetch) -> AsyncIterator[None]:
    """Keep one line up to date on a terminal."""
    console = output.err()

    async def redraw() -> None:
        with console.status("...") as status:
            while True:
                status.update(line(follower, work))
                await asyncio.sleep(0.25)

    task = asyncio.create_task(redraw()) if console.is_terminal else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def line(follower: Follower, work: Fetch) -> str:
    """How it goes, in less than 80 characters."""
    parts = [follower.phase or "searching", f"{follower.stored} records"]
    if follower.behind:
        parts.append(f"{follower.behind} to come")
    whole = work.strips.whole
    if whole is not None:
        parts.append(f"ECG: {whole.fetched} blocks")
        if whole.behind:
            parts.append(f"{whole.behind} to come")
    elif work.strips.fetched:
        parts.append(f"{work.strips.fetched} strips")
    return "   ".join(parts)
