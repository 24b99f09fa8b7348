"""The monitor's own firmware, whole, on the virtual board."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from virtual_board import Board


@pytest.fixture
def monitor(micropython: str, tmp_path: Path):
    with Board(speed=0, paused=True, run_dir=tmp_path / "run") as board:
        yield board


def test_two_minutes_without_a_complaint(monitor: Board) -> None:
    monitor.run(20)  # the journal's first boot prepares its flash
    first = monitor.control(do="status")
    monitor.run(100)
    status = monitor.control(do="status")
    assert status["complaints"] == []
    assert status["ended"] is None
    assert status["rate"] == 250
    assert status["samples"] - first["samples"] == pytest.approx(100 * 250, abs=1)
    assert status["missed_edges"] == 0
    assert status["lost_soft"] == 0
    assert status["record_start"] is not None
    # What the firmware keeps on the heap does not grow.
    assert status["heap_used"] - first["heap_used"] < 2048
    assert status["radio"]["advertising"]


def test_the_same_every_time(micropython: str, tmp_path: Path) -> None:
    """The same settings give the same flash, byte for byte, whatever the computer is doing."""
    seen = []
    for n, speed in enumerate((0, 60)):
        folder = tmp_path / f"run{n}"
        with Board(
            speed=speed, paused=True, run_dir=folder, unique=b"12345678", epoch=1.7e9
        ) as board:
            now = board.run(40)
            board.control(do="electrode", name="LA", on=False)
            board.run(5)
            board.control(do="electrode", name="LA", on=True)
            now = board.run(15)
            status = board.control(do="status")
        digest = hashlib.sha256((folder / "flash.bin").read_bytes()).hexdigest()
        seen.append((now, status["samples"], status["flash"], digest))
    assert seen[0] == seen[1]


def test_an_hour_in_bulk(micropython: str) -> None:
    """Blocks instead of interrupts: every sample is there, the heap is flat, faults are seen."""
    with Board(speed=0, paused=True, loop=True, bulk=True) as board:
        board.run(60)
        first = board.control(do="status")
        board.run(1800)
        board.control(do="electrode", name="LA", on=False)
        board.run(10)
        board.control(do="electrode", name="LA", on=True)
        board.run(1790)
        last = board.control(do="status")
    assert last["complaints"] == []
    assert last["ended"] is None
    assert last["samples"] - first["samples"] == pytest.approx(3600 * 250, abs=64)
    assert last["heap_used"] - first["heap_used"] < 4096
    assert last["flash"]["programs"] > first["flash"]["programs"] + 300, "nothing was journalled"


def test_faults_reach_the_firmware(monitor: Board) -> None:
    monitor.run(5)
    monitor.control(do="afe", fault={"stuck_drdy": True})
    monitor.run(5)
    monitor.control(do="afe", fault={"stuck_drdy": False})
    monitor.control(do="brown_out")
    monitor.run(20)
    status = monitor.control(do="status")
    assert status["ended"] is None
    assert status["samples"] > 250 * 10
