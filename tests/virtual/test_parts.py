"""The monitor's own firmware on a board with each kind of front end, found by its ID."""

from __future__ import annotations

import pytest

from virtual_board import Board
from virtual_board.settings import PARTS


def test_every_part_is_known() -> None:
    assert len(PARTS) == 18


@pytest.mark.parametrize("part", ["ADS1191", "ADS1198", "ADS1294", "ADS1298R", "ADS1299-6"])
def test_it_samples_without_a_complaint(micropython: str, part: str) -> None:
    with Board(speed=0, paused=True, part=part) as board:
        board.run(6)
        first = board.control(do="status")["samples"]
        board.run(4)
        status = board.control(do="status")
    assert status["complaints"] == []
    assert status["ended"] is None
    assert status["rate"] == 250
    assert status["samples"] - first == pytest.approx(1000, abs=1)
