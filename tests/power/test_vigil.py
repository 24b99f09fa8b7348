"""The watchdog on the whole monitor: faults that stay end in safe mode, not in a reboot storm."""

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from heartlog._firmware.monitor import patterns
from heartlog._firmware.monitor.link import wire
from heartlog.ble import find_monitor, open_backend
from heartlog.errors import CommandError
from heartlog.link.monitor import Monitor
from heartlog.link.records import Record
from virtual_board import Board
from virtual_board.settings import default_image

MAIN = """
try:
    with open("/fault") as file:
        fault = file.read()
except OSError:
    fault = ""

def raising(*args):
    raise ValueError("every turn")

if fault == "journal":
    from monitor import ring
    ring.Ring.program = lambda *args: False
elif fault == "detector":
    from monitor import acquire
    acquire.Detector.process = raising
elif fault == "start":
    from monitor import journal
    journal.Journal.mount = raising
import start
"""
WATCHDOG = "watchdog"


@pytest.fixture
def image(micropython: str, tmp_path: Path) -> Path:
    """The firmware's own image, with a fault that a file on the flash chooses."""
    folder = tmp_path / "image"
    shutil.copytree(default_image(), folder)
    (folder / "main.py").write_text(MAIN)
    return folder


@pytest.fixture
def start(image: Path, tmp_path: Path) -> Iterator[Callable[..., Board]]:
    boards: list[Board] = []

    def run(fault: str, speed: float = 300, **options: Any) -> Board:
        chosen = tmp_path / "fault"
        chosen.write_text(fault)
        board = Board(
            image=image,
            speed=speed,
            run_dir=tmp_path / "board",
            files={"/fault": str(chosen)},
            **options,
        )
        boards.append(board)
        return board

    yield run
    for board in boards:
        board.stop()


def resets(board: Board) -> list[str]:
    return [str(e["cause"]) for e in board.events if e.get("event") == "reset"]


def until(board: Board, condition: Callable[[], object], limit: float = 120.0) -> None:
    """Wait, in real time, until it is true; between two boots a board answers nothing."""
    end = time.monotonic() + limit
    while True:
        with contextlib.suppress(CommandError):
            if condition():
                return
        assert board.failure is None, board.failure
        assert time.monotonic() < end, f"{resets(board)}\n{board.log()[-2000:]}"
        time.sleep(0.05)


def seconds(board: Board) -> float:
    return float(board.control(do="status")["now_us"]) / 1e6


def ask(board: Board) -> tuple[dict[str, int], list[Record]]:
    """What a technician sees: the status, and the records."""

    async def run() -> tuple[dict[str, int], list[Record]]:
        async with open_backend(f"virtual:{board.run_dir}") as backend:
            found = await find_monitor(backend)
            async with Monitor(backend, found.device) as monitor:
                status = await monitor.status()
                records: list[Record] = []
                async for batch in monitor.records(0):
                    records += batch.records
                    if records and records[-1].seq >= status["next_seq"] - 1:
                        break
                return status, records

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("fault", "part", "why"),
    [
        ("journal", "ADS1292R", None),  # nothing can be written, so nothing says why
        ("detector", "ADS1292R", (wire.FAULT_EXCEPTION, None)),
    ],
    ids=["journal", "detector"],
)
def test_a_fault_that_stays_ends_in_safe_mode(
    start: Callable[..., Board],
    fault: str,
    part: str,
    why: tuple[int, int | None] | None,
) -> None:
    board = start(fault, part=part)
    until(board, lambda: len(resets(board)) == 3)
    board.control(do="speed", value=20)
    begun = seconds(board)
    until(board, lambda: seconds(board) > begun + 20)
    board.control(do="trace", pin="LED")
    until(board, lambda: seconds(board) > begun + 30)
    edges = board.control(do="trace", pin="LED", take=True)["edges"]
    lit = sum(b[0] - a[0] for a, b in pairwise(edges) if a[1])
    assert lit / (edges[-1][0] - edges[0][0]) == pytest.approx(0.5, abs=0.05)
    assert patterns.TABLE[patterns.FAULT][1] == (100, 100)
    status, records = ask(board)
    assert resets(board) == [WATCHDOG] * 3, "and no more"
    assert status["flags"] & wire.STATUS_SAFE
    assert status["flags"] & wire.STATUS_FAULT
    found = {(r.values["code"], r.values["detail"]) for r in records if r.name == "fault"}
    if why is not None:
        assert any(code == why[0] and why[1] in (None, detail) for code, detail in found), found
    # Cured: switching off and on is enough.
    board.control(do="put", path="/fault", hex="")
    board.control(do="power", on=False)
    board.control(do="power", on=True)
    until(board, lambda: board.control(do="status")["samples"] > 500)
    status, _ = ask(board)
    assert not status["flags"] & (wire.STATUS_SAFE | wire.STATUS_FAULT)


def test_a_front_end_that_is_gone_for_minutes_is_waited_for(start: Callable[..., Board]) -> None:
    """One reset is tried. Without another it delivers as soon as it is there again."""
    board = start("", speed=100, paused=True, part="ADS1292R")

    def answers() -> bool:
        with contextlib.suppress(CommandError):  # it is without power while it resets itself
            return bool(board.control(do="status"))
        return False

    board.run(20)
    board.control(do="afe", fault={"mute": True})  # (it stays so over a reset)
    for _ in range(60):  # five minutes; a run ends where the board resets itself
        with contextlib.suppress(CommandError):
            board.run(5)
        until(board, answers)
    assert resets(board) == [WATCHDOG]
    board.control(do="afe", fault={"mute": False})
    before = board.control(do="status")["samples"]
    board.run(3)
    assert board.control(do="status")["samples"] - before > 250
    board.run(3)
    board.control(do="speed", value=20)
    board.control(do="pause", on=False)
    status, records = ask(board)
    assert resets(board) == [WATCHDOG]
    assert not status["flags"] & (wire.STATUS_SAFE | wire.STATUS_FAULT)
    found = [(r.values["code"], r.values["detail"]) for r in records if r.name == "fault"]
    assert (wire.FAULT_STUCK, 3) in found  # samples and detector
    assert found[-1] == (wire.FAULT_AFE, 1)  # absent: told once, not every second
    assert len(found) <= 4


@pytest.mark.skipif(not os.environ.get("HEARTLOG_HOURS"), reason="HEARTLOG_HOURS=1 runs an hour")
def test_it_tries_again_after_an_hour(start: Callable[..., Board]) -> None:
    board = start("detector", speed=0, part="ADS1292R")
    until(board, lambda: len(resets(board)) >= 6)
    assert resets(board)[:6] == [WATCHDOG] * 3 + ["hard", WATCHDOG, WATCHDOG]
    assert seconds(board) > 5 * 60 + 3600


def test_a_monitor_that_can_not_even_start_shows_its_light(start: Callable[..., Board]) -> None:
    board = start("start")
    board.control(do="speed", value=20)
    begun = seconds(board)
    board.control(do="trace", pin="LED")
    until(board, lambda: seconds(board) > begun + 10)
    edges = board.control(do="trace", pin="LED", take=True)["edges"]
    assert len(edges) == pytest.approx(2 * 10 / 0.2, abs=30)
    assert resets(board) == []
