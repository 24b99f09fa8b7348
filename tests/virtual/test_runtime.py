"""`machine`, `time` and interrupts on the virtual board, checked by firmware that runs on it."""

from __future__ import annotations

from collections.abc import Callable

from virtual_board import Board

from .conftest import wait_for, wait_until


def test_machine_and_time(start: Callable[..., Board]) -> None:
    board = start("checks")
    log = wait_for(board, "done\n")
    assert "FAIL" not in log
    assert log.count("ok ") > 45, log
    assert "MemoryError: memory allocation failed, heap is locked" in log
    wait_until(lambda: board.complaints)
    assert board.complaints == ["SPI(1): 100 bytes were sent with no device selected"]
