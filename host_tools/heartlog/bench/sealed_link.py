"""What sealing costs on the link: how long a connection takes to set up, how late a beat is.

Each way of talking is tried on a virtual board, in the link's own time: in clear, sealed, and
sealed over LE Secure Connections. Computing takes no time there: the exchanges on the air are what
is measured, and what sealing computes stands in the section `security`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from heartlog._firmware.monitor.link import wire
from heartlog.bench.sections import Context

if TYPE_CHECKING:
    from heartlog.ble import Backend
    from heartlog.ble.discovery import Found
    from virtual_board import Board

WAYS = (
    ("nimble, in clear", "nimble", False),
    ("nimble, sealed over LE Secure Connections", "nimble", True),
    ("btstack, in clear", "btstack", False),
    ("btstack, sealed", "btstack", True),
)
SPEED = 5
CONNECTIONS = 5
SECONDS, SETTLE = 30.0, 5.0


def measure(_context: Context) -> Iterator[str]:
    """One line a way of talking."""
    from heartlog.security.cables import VirtualCable
    from heartlog.security.keys import Keys
    from heartlog.security.pair import pair
    from virtual_board import Board

    for name, stack, sealed in WAYS:
        with (
            TemporaryDirectory() as folder,
            Board(speed=20, loop=True, stack=stack, run_dir=Path(folder) / "board") as board,
        ):
            keys = Keys(Path(folder) / "keys", bytes(32))
            while not board.control(do="status")["radio"]["advertising"]:
                time.sleep(0.05)
            if sealed:
                pair(VirtualCable(board.run_dir), keys)
            board.control(do="speed", value=SPEED)
            first, again, late = asyncio.run(_talk(board, keys))
        yield (
            f"{name:<42} set-up {first:5.0f} ms, again {again:5.0f} ms"
            f"   R peak to host {np.median(late):4.0f} ms (95 %: {np.percentile(late, 95):.0f})"
        )


async def _talk(board: Board, keys: object) -> tuple[float, float, list[float]]:
    from heartlog.ble import find_monitor, open_backend
    from heartlog.security.keys import Keys

    assert isinstance(keys, Keys)
    async with open_backend(f"virtual:{board.run_dir}", keys=keys) as backend:
        found = await find_monitor(backend, timeout=60.0)
        board.control(do="pause", on=True)
        status = board.control(do="status")
        # Both stand still now: the epoch of the board's time is exact.
        epoch = backend.clock.now() - status["now_us"] / 1e6
        rate = status["rate"]
        zero = epoch + status["record_started_us"] / 1e6 - status["record_start"] / rate
        board.control(do="pause", on=False)
        times = [await _set_up(backend, found) for _ in range(CONNECTIONS + 1)]
        late = await _late(backend, found, zero, rate)
    return times[0] * 1000, float(np.median(times[1:])) * 1000, late


async def _set_up(backend: Backend, found: Found) -> float:
    """Seconds from the wish to connect to the first answer, discovery included."""
    from heartlog.link import Monitor

    begun = backend.clock.now()
    async with Monitor(backend, found.device, found.key):
        return backend.clock.now() - begun


async def _late(backend: Backend, found: Found, zero: float, rate: float) -> list[float]:
    """Milliseconds from each R peak to its notification."""
    from heartlog.link import Monitor

    late: list[float] = []
    async with Monitor(backend, found.device, found.key) as monitor:
        newest = (await monitor.status())["next_seq"] - 1
        begun = backend.clock.now()
        async for batch in monitor.records(after=newest):
            now = backend.clock.now()
            elapsed = now - begun
            if elapsed > SECONDS + SETTLE:
                break
            if elapsed > SETTLE:
                late += [
                    (now - zero - record.values["sample"] / rate) * 1000
                    for record in [*batch.records, *batch.early]
                    if record.kind == wire.BEAT
                ]
    return late
