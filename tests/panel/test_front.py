"""The panel on the whole monitor: what its pins do agrees with what its journal says."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from heartlog._firmware.monitor import patterns, settings
from heartlog._firmware.monitor.link import wire
from heartlog.ble import find_monitor, open_backend
from heartlog.link.monitor import Monitor
from heartlog.link.records import Record
from virtual_board import Board

SPEED = 20
pytestmark = pytest.mark.usefixtures("micropython")


def rows(edges: list[list[int]]) -> list[int]:
    """Lengths (ms) of the whole flashes in a trace."""
    lit = [(t, v) for t, v in edges]
    while lit and not lit[0][1]:
        lit.pop(0)
    return [round((lit[i + 1][0] - lit[i][0]) / 1000) for i in range(0, len(lit) - 1, 2)]


async def until(board: Board, seconds: float) -> None:
    """So many simulated seconds."""
    end = board.control(do="status")["now_us"] + seconds * 1e6
    while board.control(do="status")["now_us"] < end:
        await asyncio.sleep(0.02)


def watch(board: Board, pin: str) -> list[list[int]]:
    edges: list[list[int]] = board.control(do="trace", pin=pin, take=True)["edges"]
    return edges


async def collect(monitor: Monitor, records: list[Record]) -> None:
    async for batch in monitor.records(0):
        records += batch.records


def wear(tmp_path: Path, check: Callable[[Board, Monitor, list[Record]], Awaitable[None]]) -> None:
    """A monitor in a session, its records coming in, and `check` done to it."""

    async def run() -> None:
        with Board(record="demo", speed=SPEED, run_dir=tmp_path / "board") as board:
            board.control(do="trace", pin="LED")
            board.control(do="trace", pin="BUZZER")
            async with open_backend(f"virtual:{board.run_dir}") as backend:
                found = await find_monitor(backend)
                async with Monitor(backend, found.device) as monitor:
                    await monitor.start_session(7)
                    records: list[Record] = []
                    reading = asyncio.create_task(collect(monitor, records))
                    try:
                        await check(board, monitor, records)
                    finally:
                        reading.cancel()
                        await asyncio.gather(reading, return_exceptions=True)
            assert board.complaints == []

    asyncio.run(run())


def kinds(records: list[Record], name: str) -> list[Record]:
    return [r for r in records if r.name == name]


def test_the_light_tells_recording_and_a_loose_electrode(tmp_path: Path) -> None:
    async def check(board: Board, _: Monitor, records: list[Record]) -> None:
        await until(board, 2)
        watch(board, "LED")
        await until(board, 21)
        flashes = rows(watch(board, "LED"))
        assert len(flashes) in (4, 5)
        assert all(abs(ms - 60) <= 20 for ms in flashes)
        board.control(do="electrode", name="LA", on=False)
        await until(board, 4)
        watch(board, "LED")
        await until(board, 13)
        edges = [t for t, v in watch(board, "LED") if v]
        gaps = [round((b - a) / 1000) for a, b in pairwise(edges)]
        row = patterns.TABLE[patterns.LEAD_2][1]
        # The loop looks every 10 ms. Flash that is erased while electrodes are off waits for the
        # long pause; the journal's next block, 45 ms, may come at any time.
        assert all(min(abs(g - 400), abs(g - 1800)) <= 60 for g in gaps), gaps
        assert sum(g > 1000 for g in gaps) >= 2
        longest = max(range(len(gaps)), key=gaps.__getitem__)
        within = gaps[longest + 1 : longest + len(row) // 2]
        assert all(g < 1000 for g in within), "three flashes for electrode 2"
        lead_off = [r for r in kinds(records, "signal") if r.values["off"] & 2]
        assert lead_off, "what the light says, the journal says too"
        board.control(do="electrode", name="LA", on=True)

    wear(tmp_path, check)


def test_a_press_is_confirmed_and_journalled_at_its_sample(tmp_path: Path) -> None:
    async def check(board: Board, _: Monitor, records: list[Record]) -> None:
        await until(board, 2)
        watch(board, "LED")
        watch(board, "BUZZER")
        before = board.control(do="status")["samples"]
        board.control(do="button", ms=200)
        after = board.control(do="status")["samples"]
        await until(board, 5)
        assert any(abs(ms - 1500) <= 30 for ms in rows(watch(board, "LED")))
        assert [ms for ms in rows(watch(board, "BUZZER")) if abs(ms - 120) <= 30]
        (press,) = kinds(records, "event")
        assert press.values["kind"] == wire.EVENT_BUTTON
        # The block of samples in which the press falls is 64 samples long at most.
        assert before - 64 <= press.values["sample"] <= after + 64

    wear(tmp_path, check)


def test_a_charger_pauses_recording_and_the_gap_says_why(tmp_path: Path) -> None:
    async def check(board: Board, monitor: Monitor, records: list[Record]) -> None:
        await until(board, 3)
        board.control(do="charger", on=True)
        await until(board, 12)
        paused = board.control(do="status")["samples"]
        await until(board, 8)
        assert board.control(do="status")["samples"] == paused, "no conversion on mains power"
        watch(board, "LED")
        await until(board, 10)
        assert any(abs(ms - 4000) <= 50 for ms in rows(watch(board, "LED")))
        held = (await monitor.status())["sample"]
        board.control(do="charger", on=False)
        await until(board, 14)
        assert (await monitor.status())["sample"] > held + 18 * 250, "the index counts the pause"
        gaps = [r for r in kinds(records, "gap") if r.values["reason"] == wire.GAP_PAUSED]
        assert len(gaps) == 1
        assert 18 * 250 <= gaps[0].values["lost"] <= 45 * 250
        charging = [r.values["flags"] & 1 for r in kinds(records, "battery")]
        assert charging[-2:] == [1, 0]

    wear(tmp_path, check)


def test_an_empty_battery_ends_it_with_everything_flushed(tmp_path: Path) -> None:
    async def check(board: Board, monitor: Monitor, records: list[Record]) -> None:
        await until(board, 5)
        board.control(do="battery", mv=3100)
        await until(board, 45)
        status: dict[str, Any] = await monitor.status()
        newest = max(r.seq for r in records)
        assert kinds(records, "battery")[-1].values["flags"] & 4
        assert status["next_seq"] - 1 == newest
        stopped = board.control(do="status")["samples"]
        await until(board, 5)
        assert board.control(do="status")["samples"] == stopped

    wear(tmp_path, check)


def test_the_buzzer_has_a_tone_and_a_volume(tmp_path: Path) -> None:
    async def check(board: Board, monitor: Monitor, records: list[Record]) -> None:
        duties = []
        for volume in (1, 2, 3):
            await monitor.request(wire.SETTING_SET, settings.VOLUME, volume)
            board.control(do="pause", on=True)
            board.control(do="button", ms=300)
            board.run(0.1)
            hertz, duty = board.control(do="status")["buzzer"]
            duties.append(duty)
            assert 2000 <= hertz <= 4500
            board.run(1)
            assert board.control(do="status")["buzzer"] is None
            board.control(do="pause", on=False)
        assert duties == sorted(set(duties))
        assert duties[-1] == 32768, "half of the time is the loudest"
        await until(board, 1)

    wear(tmp_path, check)
