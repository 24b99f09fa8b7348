"""The power budgets: every current says where it comes from, and the sums are right."""

import dataclasses

import pytest

from heartlog.device import duty
from heartlog.device.power import (
    CELL_MAH,
    CYCLES_A_SAMPLE,
    FRONT_END_MA,
    LIVE,
    USABLE,
    WORN,
    budget,
    flash_share,
    main,
    radio_share,
    report,
)
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
    assert "sleep_ms()" in board.power["sleep"]
    assert "lightsleep()" in board.power["sleep"]


def test_sums_of_a_simple_board() -> None:
    """A processor that always works, and nothing else: its current is the answer."""
    source = {"kind": "estimated", "source": "made up for this test"}
    nothing = {"ma": 0.0} | source
    states = {"run": {"ma": 10.0} | source, "idle": nothing, "radio": nothing, "flash": nothing}
    busy = {"clock_mhz": CYCLES_A_SAMPLE * 250 / 1e6, "states": states, "sleep": ""}
    told = budget(dataclasses.replace(REAL[0], power=busy))
    assert told.processor_share == pytest.approx(1.0)
    assert told.worn_ma == pytest.approx(10.0 + FRONT_END_MA)
    assert told.hours == pytest.approx(CELL_MAH * USABLE / (10.0 + FRONT_END_MA))
    states["radio"] = {"ma": 100.0} | source
    told = budget(dataclasses.replace(REAL[0], power=busy))
    assert told.live_ma - told.worn_ma == pytest.approx(
        100 * (radio_share(LIVE) - radio_share(WORN))
    )
    assert told.worn_ma < told.connected_ma < told.live_ma


def test_shares_by_hand() -> None:
    second = duty.Duty(1, 0, 0, 0, 0, 0)
    assert radio_share(second) == pytest.approx(0.002118)  # 3 x (376 us + 330 us)
    hour = duty.Duty(0, 0, 0, 0, 1000, 10)
    assert flash_share(hour) * 3600 == pytest.approx(0.4 + 0.45)


def test_the_virtual_board_does_what_the_budget_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duty, "_WORN", 600.0)
    counted = duty.count("worn")
    assert counted.advertising == pytest.approx(WORN.advertising, rel=0.03)
    assert counted.events == counted.notifications == 0
    assert counted.programs == pytest.approx(WORN.programs, rel=0.15)


def test_the_report_says_that_nothing_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0
    words = capsys.readouterr().out
    assert "not measured" in words.splitlines()[0]
    assert max(map(len, words.splitlines())) <= 80
    assert all(board.name in words for board in REAL)
    assert report(REAL[:1]).count("mA") > 4


def test_a_board_without_currents() -> None:
    with pytest.raises(CommandError, match="no power section"):
        budget(dataclasses.replace(load_board("virtual"), power={}))
