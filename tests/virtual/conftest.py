"""Boards that run small test firmware instead of the monitor's own."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from virtual_board import Board

FIRMWARE = Path(__file__).parent / "firmware"


@pytest.fixture
def image(tmp_path: Path) -> Callable[[str], Path]:
    """A folder that a board runs, made of one file of `firmware/`."""

    def make(name: str) -> Path:
        folder = tmp_path / f"image-{name}"
        folder.mkdir(exist_ok=True)
        shutil.copy(FIRMWARE / f"{name}.py", folder / "main.py")
        return folder

    return make


@pytest.fixture
def start(image: Callable[[str], Path], micropython: str) -> Iterator[Callable[..., Board]]:
    """Start a board on a test firmware; it has no front end unless told otherwise."""
    boards: list[Board] = []

    def run(name: str, **options: Any) -> Board:
        options.setdefault("part", None)
        options.setdefault("speed", 0)
        options.setdefault("record", "flat")
        board = Board(image=image(name), **options)
        boards.append(board)
        return board

    yield run
    for board in boards:
        board.stop()


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until `condition()` is true; the test fails if it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def wait_for(board: Board, text: str, seconds: float = 60.0, count: int = 1) -> str:
    """Wait until the firmware has printed `text` `count` times; returns all it printed."""
    deadline = time.monotonic() + seconds
    while board.log().count(text) < count:
        assert board.failure is None, board.failure
        assert board.running, board.log()
        assert time.monotonic() < deadline, f"no {text!r} in:\n{board.log()}"
        time.sleep(0.02)
    return board.log()
