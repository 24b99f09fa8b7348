"""The virtual clock: a float64 in a file that another process moves."""

import asyncio
import struct
import time
from pathlib import Path

import pytest

from heartlog.ble import VirtualClock
from heartlog.ble import clock as clock_module
from heartlog.errors import NotFound


def write(file: Path, seconds: float) -> None:
    with file.open("r+b" if file.exists() else "wb") as handle:
        handle.write(struct.pack("<d", seconds))


def test_reads_what_the_file_says(tmp_path: Path):
    file = tmp_path / "clock"
    write(file, 1_750_000_000.25)
    clock = VirtualClock(file)
    assert clock.now() == 1_750_000_000.25
    write(file, 1_750_000_001.5)
    assert clock.now() == 1_750_000_001.5
    clock.close()


def test_sleep_follows_the_virtual_time(tmp_path: Path):
    file = tmp_path / "clock"
    write(file, 1000.0)
    clock = VirtualClock(file)

    async def go() -> tuple[float, float]:
        start = time.monotonic()

        async def run_fast() -> None:
            while True:
                await asyncio.sleep(0.002)
                write(file, 1000.0 + (time.monotonic() - start) * 100)

        runner = asyncio.create_task(run_fast())
        await clock.sleep(60.0)
        runner.cancel()
        return time.monotonic() - start, clock.now()

    real, now = asyncio.run(go())
    assert 0.55 < real < 2.0
    assert now >= 1060.0
    clock.close()


def test_a_dead_clock_does_not_hold_up_a_watchdog(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(clock_module, "STALL_SECONDS", 0.2)
    file = tmp_path / "clock"
    write(file, 1000.0)
    clock = VirtualClock(file)
    start = time.monotonic()
    asyncio.run(clock.sleep(0.3))
    assert 0.45 < time.monotonic() - start < 2.0
    clock.close()


def test_missing_or_empty_file(tmp_path: Path):
    with pytest.raises(NotFound, match="can't be read"):
        VirtualClock(tmp_path / "clock")
    (tmp_path / "clock").write_bytes(b"")
    with pytest.raises(NotFound, match="can't be read"):
        VirtualClock(tmp_path / "clock")


@pytest.mark.parametrize(("system", "name"), [("linux", "BOOTTIME"), ("darwin", "MONOTONIC_RAW")])
def test_durations_are_taken_from_a_clock_that_goes_on_asleep(monkeypatch, system, name):
    asked = []
    monkeypatch.setattr(clock_module.sys, "platform", system)
    monkeypatch.setattr(clock_module.time, "CLOCK_" + name, 77, raising=False)
    monkeypatch.setattr(clock_module.time, "clock_gettime", lambda n: asked.append(n) or 5.0)
    assert clock_module.SystemClock().ticks() == 5.0
    assert asked == [77]
