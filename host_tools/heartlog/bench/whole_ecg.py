"""Full disclosure measured: what the whole ECG takes on a memory card, how fast it is fetched.

The board is worn without a host in bulk time; then `recorder.fetch` takes everything over the
simulated link, connection event by connection event, so the time is the link's own and its ratio
to real time is that of a board. What was fetched is compared with what was worn: every sample
once, no hole. `HEARTLOG_ECG_MINUTES` says how long it is worn (60).
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from heartlog.bench.sections import Context

if TYPE_CHECKING:
    from heartlog.store import Store
    from virtual_board import Board

STACKS = ("nimble", "btstack")
CARD_BYTES = 64 << 20
_BLOCK = 4096
_HEADS = 64
"""Bytes at the beginning of a block of flash that may be written before any ECG is in it."""
_FETCH_SPEED = 20
"""Times real time while the host is there: it has to keep up."""
_SESSION = 7
_GIGABYTE = 1e9
_DAY = 86400.0


def measure(context: Context) -> Iterator[str]:
    """Bytes a sample and days a gigabyte on the card; seconds to fetch it, on both stacks."""
    from heartlog.store import Store
    from virtual_board import Board

    minutes = max(1, int(os.environ.get("HEARTLOG_ECG_MINUTES", "60")))
    yield f"worn for {minutes} minutes without a host, 250 samples/s, one channel, MIT-BIH 208"
    for stack in STACKS:
        with (
            tempfile.TemporaryDirectory() as folder,
            Store.open(Path(folder) / "store.sqlite") as store,
            Board(
                record="demo", speed=0, loop=True, bulk=True, paused=True, stack=stack,
                card_bytes=CARD_BYTES, run_dir=Path(folder) / "board",
            ) as board,
        ):  # fmt: skip
            asyncio.run(_begin(board))
            board.run(minutes * 60)
            seconds, session = asyncio.run(_fetch(board, store))
            blocks = used_blocks(board.run_dir / "card.img")
            samples, holes = _kept(store, session)
        if stack == STACKS[0]:
            size = blocks * _BLOCK / samples
            yield _row("bytes a sample, headers and empty ends with it", f"{size:.2f}")
            yield _row("against 24 bits", f"1 to {3 / size:.2f}")
            yield _row("days a gigabyte", f"{_GIGABYTE / (size * 250 * _DAY):.1f}")
        yield _row(f"{stack}: samples fetched", f"{samples}")
        yield _row(f"{stack}: holes in them", f"{holes}")
        yield _row(f"{stack}: seconds of the link's time", f"{seconds:.1f}")
        yield _row(f"{stack}: times real time", f"{samples / 250 / seconds:.0f}")


def _row(what: str, value: str) -> str:
    return f"{what:<52}{value:>12}"


def used_blocks(card: Path) -> int:
    """How many blocks of 4 KiB of a card's image hold ECG."""
    used, size = 0, 1 << 20
    with card.open("rb") as file:
        while data := file.read(size):
            rows = np.frombuffer(data, np.uint8).reshape(-1, _BLOCK)[:, _HEADS:]
            used += int(((rows != 0) & (rows != 0xFF)).any(axis=1).sum())
    return used


async def _begin(board: Board) -> None:
    """A session, so that the whole ECG is kept."""
    from heartlog.ble import find_monitor, open_backend
    from heartlog.link import Monitor

    board.control(do="speed", value=_FETCH_SPEED)
    board.control(do="pause", on=False)
    async with open_backend(f"virtual:{board.run_dir}") as backend:
        found = await find_monitor(backend)
        async with Monitor(backend, found.device) as monitor:
            await monitor.start_session(_SESSION)
    board.control(do="pause", on=True)
    board.control(do="speed", value=0)


async def _fetch(board: Board, store: Store) -> tuple[float, int]:
    """(seconds from the connection to the last block in the store, the store's session)."""
    from heartlog.ble import open_backend
    from heartlog.recorder import events
    from heartlog.recorder.fetch import Fetch

    times: list[float] = []

    def listen(event: events.Event) -> None:
        if isinstance(event, (events.Connected, events.Finished)):
            times.append(event.time)

    board.control(do="speed", value=_FETCH_SPEED)
    board.control(do="pause", on=False)
    async with open_backend(f"virtual:{board.run_dir}") as backend:
        session = await Fetch(store, backend, on_event=listen).fetch()
    board.control(do="pause", on=True)
    assert session is not None
    return times[-1] - times[0], session


def _kept(store: Store, session: int) -> tuple[int, int]:
    """(samples of whole ECG in the store, holes in it)."""
    runs = store.ecg(session, strip=0)
    holes = sum(a.boot == b.boot and a.stop != b.first_sample for a, b in pairwise(runs))
    return sum(len(run.codes) for run in runs), holes
