"""The virtual board measured: how fast it runs, how true its clock is, what the path carries."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from heartlog.bench.sections import Context

_WARM_UP = 30.0
"""Simulated seconds before measuring: the first boot prepares the flash."""
_SECONDS = 120.0


def speed(context: Context) -> Iterator[str]:
    """Times real time with the whole firmware at 250 samples/s and no host: wall, and CPU."""
    from virtual_board import Board

    with Board(speed=0, paused=True, loop=True) as board:
        board.run(_WARM_UP)
        before = board.control(do="status")
        cpu, wall = cpu_seconds(before["pid"]), time.perf_counter()
        board.run(_SECONDS)
        wall = time.perf_counter() - wall
        after = board.control(do="status")
        cpu = cpu_seconds(after["pid"]) - cpu
    yield f"{'simulated time to real time':<44}{_SECONDS / wall:>8.0f} x"
    yield f"{'simulated time to CPU time (one core)':<44}{_SECONDS / cpu:>8.0f} x"
    yield f"{'CPU time a sample':<44}{cpu / _SECONDS / 250 * 1e6:>8.1f} us"


def memory(context: Context) -> Iterator[str]:
    """The heap after every ten minutes of an hour of wear, without a host."""
    from virtual_board import Board

    with Board(speed=0, paused=True, loop=True) as board:
        board.run(_WARM_UP)
        first = board.control(do="status")
        yield f"{'heap before the firmware (shims, models)':<44}{first['heap_baseline']:>8} bytes"
        yield f"{'heap of the firmware':<44}{first['heap_used'] - first['heap_baseline']:>8} bytes"
        for minutes in range(10, 61, 10):
            board.run(600)
            used = board.control(do="status")["heap_used"] - first["heap_used"]
            yield f"{f'growth after {minutes} minutes':<44}{used:>8} bytes"


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
