"""The power budgets: every current says where it comes from, and the sums are right."""

import dataclasses

import pytest

from heartlog.device.power import CELL_MAH, FRONT_END_MA, USABLE, budget, main, report
from heartlog.errors import CommandError
from heartlog.image.board import load_board
from heartlog.image.boards import real_boards

REAL = real_boards()


@pytest.mark.parametrize("board", REAL, ids=lambda board: board.name)
def test_every_current_has_a_source(board) -> None:  # type: ignore[no-untyped-def]
    states = board.power["states"]
    for state in states.values():
        assert len(state["source"]) > 15
    assert states["idle"]["ma"] < states["run"]["ma"]
    assert "idle()" in board.power["sleep"]
    assert "lightsleep()" in board.power["sleep"]


def test_sums_of_a_simple_board() -> None:
    """A processor that always works, and nothing else: its current is the answer."""
    source = {"kind": "estimated", "source": "made up for this test"}
    nothing = {"ma": 0.0} | source
    states = {"run": {"ma": 10.0} | source, "idle": nothing, "radio": nothing, "flash": nothing}
    busy = {"clock_mhz": 9970 * 250 / 1e6, "states": states, "sleep": ""}
    told = budget(dataclasses.replace(REAL[0], power=busy))
    assert told.processor_share == pytest.approx(1.0)
    assert told.worn_ma == pytest.approx(10.0 + FRONT_END_MA)
    assert told.hours == pytest.approx(CELL_MAH * USABLE / (10.0 + FRONT_END_MA))
    states["radio"] = {"ma": 100.0} | source
    told = budget(dataclasses.replace(REAL[0], power=busy))
    assert told.connected_ma - told.worn_ma == pytest.approx(100 * (0.01 - 0.0012))


def test_the_report_says_that_nothing_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0
    words = capsys.readouterr().out
    assert "not measured" in words.splitlines()[0]
    assert all(board.name in words for board in REAL)
    assert report(REAL[:1]).count("mA") > 4


def test_a_board_without_currents() -> None:
    with pytest.raises(CommandError, match="no power section"):
        budget(dataclasses.replace(load_board("virtual"), power={}))
