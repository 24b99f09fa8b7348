"""The time that sessions are stamped with: the system's, or a virtual monitor's.

A virtual monitor may live a hundred times faster than its surroundings. Watchdogs and time stamps
must follow it, so the host asks a `Clock` and never the operating system.
"""

from __future__ import annotations

import asyncio
import mmap
import sys
import time
from pathlib import Path
from typing import Protocol

from heartlog.errors import NotFound

STALL_SECONDS = 5.0
"""After this long without progress (real seconds) a virtual clock is taken to be dead, and waits
go on in real time: a monitor that is gone must not hold up the watchdog that would notice it."""

_POLL_LEAST, _POLL_MOST = 0.001, 0.05
"""Real seconds between two looks at a virtual clock."""


class Clock(Protocol):
    """What a backend's clock can do."""

    def now(self) -> float:
        """UNIX time in seconds, UTC. It may jump: people and NTP set it."""

    def ticks(self) -> float:
        """Seconds from some moment on, for how long something took: never set, goes on asleep."""

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` of this clock's time pass."""


class SystemClock:
    """The computer's own clock."""

    def now(self) -> float:
        return time.time()

    def ticks(self) -> float:
        # Where `monotonic` stands still while the computer sleeps, the clock that does not:
        # clock_gettime(2) of Linux, clock_gettime(3) of macOS.
        if sys.platform == "linux":
            return time.clock_gettime(time.CLOCK_BOOTTIME)
        if sys.platform == "darwin":
            return time.clock_gettime(time.CLOCK_MONOTONIC_RAW)
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


class VirtualClock:
    """A virtual monitor's clock: one float64 of UNIX seconds that its process keeps in a file."""

    def __init__(self, file: Path) -> None:
        try:
            with file.open("rb") as handle:
                self._map = mmap.mmap(handle.fileno(), 8, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise NotFound(
                f"The virtual monitor's clock {file} can't be read ({error}).",
                "Is the virtual monitor running? Start one: python -m virtual_board",
            ) from error
        # A float64 view reads its eight bytes in one machine access: no torn value.
        self._value = memoryview(self._map).cast("d")

    def now(self) -> float:
        return self._value[0]

    def ticks(self) -> float:
        return self._value[0]

    async def sleep(self, seconds: float) -> None:
        started = real = last_change = time.monotonic()
        origin = last = self.now()
        target = origin + seconds
        extra = 0.0  # seconds granted because the clock stood still
        while (now := self.now()) + extra < target:
            real = time.monotonic()
            if now != last:
                last, last_change, extra = now, real, 0.0
            elif real - last_change > STALL_SECONDS:
                extra = real - last_change - STALL_SECONDS
            speed = max((now - origin) / max(real - started, 1e-3), 1.0)
            wait = (target - now - extra) / speed / 2
            await asyncio.sleep(min(max(wait, _POLL_LEAST), _POLL_MOST))

    def close(self) -> None:
        """Let go of the file."""
        self._value.release()
        self._map.close()
