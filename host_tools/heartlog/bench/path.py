"""The path from the electrodes to the host measured: how late a beat is, how much fits through.

The virtual board carries its radio in simulated time, connection event by connection event, so
both figures are those of a link as a board would have it, not of this computer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from heartlog._firmware.monitor.link import wire
from heartlog.bench.sections import Context

if TYPE_CHECKING:
    from virtual_board import Board

STACKS = ("nimble", "btstack")
LATENCY_SECONDS = 30.0
"""Real seconds of ECG for the latency: about 50 beats."""
BACKLOG_SECONDS = 900.0
"""Simulated wear without a host before the throughput is measured: about 1,500 beats."""
LIVE_SETTLE = 5.0
"""Seconds after the connection that are not counted: the backlog comes then."""


def latency(context: Context) -> Iterator[str]:
    """From the R peak at the electrodes to the notification at the host, in real time."""
    from virtual_board import Board

    for stack in STACKS:
        with Board(speed=20, loop=True, stack=stack) as board:
            _until_advertising(board)
            board.control(do="speed", value=1)
            late = np.array(asyncio.run(_latency(board))) * 1000
        quarter, half, most = np.percentile(late, (5, 50, 95))
        yield (
            f"{stack + f', {len(late)} beats':<28}median {half:4.0f} ms"
            f"   5 to 95 %: {quarter:.0f} to {most:.0f} ms   latest {late.max():.0f} ms"
        )
    yield "Of it the detector takes the largest part: see the evaluation's latency."


async def _latency(board: Board) -> list[float]:
    from heartlog.ble import find_monitor, open_backend
    from heartlog.link import Monitor

    late: list[float] = []
    async with open_backend(f"virtual:{board.run_dir}") as backend:
        found = await find_monitor(backend)
        board.control(do="pause", on=True)
        status = board.control(do="status")
        # Both stand still now: the epoch of the board's time is exact.
        epoch = backend.clock.now() - status["now_us"] / 1e6
        zero = epoch + status["record_started_us"] / 1e6 - status["record_start"] / status["rate"]
        board.control(do="pause", on=False)
        async with Monitor(backend, found.device) as monitor:
            newest = (await monitor.status())["next_seq"] - 1
            begun = time.monotonic()
            async for batch in monitor.records(after=newest):
                now, elapsed = backend.clock.now(), time.monotonic() - begun
                if elapsed > LATENCY_SECONDS + LIVE_SETTLE:
                    return late
                if elapsed > LIVE_SETTLE:
                    for record in [*batch.records, *batch.early]:
                        if record.kind == wire.BEAT:
                            late.append(now - zero - record.values["sample"] / status["rate"])
    return late


def throughput(context: Context) -> Iterator[str]:
    """Notifications and records a second while a backlog is fetched, in the link's own time."""
    from virtual_board import Board

    for stack in STACKS:
        with Board(speed=0, loop=True, stack=stack) as board:
            while board.control(do="status")["now_us"] < BACKLOG_SECONDS * 1e6:
                time.sleep(0.05)
            board.control(do="speed", value=5)
            frames, records, seconds = asyncio.run(_fetch(board))
        yield (
            f"{stack:<10}{frames / seconds:6.0f} notifications/s   {records / seconds:7.0f}"
            f" records/s   ({records} records of a quarter of an hour in {seconds:.1f} s)"
        )


async def _fetch(board: Board) -> tuple[int, int, float]:
    from heartlog.ble import find_monitor, open_backend
    from heartlog.link import Monitor

    async with open_backend(f"virtual:{board.run_dir}") as backend:
        found = await find_monitor(backend)
        async with Monitor(backend, found.device) as monitor:
            status = await monitor.status()
            wanted = status["next_seq"] - 1
            records = 0
            begun = backend.clock.now()
            async for batch in monitor.records(after=status["first_seq"] - 1):
                records += len(batch.records)
                flow = monitor.flow
                if flow is not None and flow.next_seq > wanted:
                    return flow.taken, records, backend.clock.now() - begun
    raise AssertionError("the stream ended early")


def _until_advertising(board: Board) -> None:
    while not board.control(do="status")["radio"]["advertising"]:
        time.sleep(0.05)
