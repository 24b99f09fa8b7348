"""Quiet hours are those of the clock on the wall where the monitor is."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from virtual_board import Board

pytestmark = pytest.mark.usefixtures("micropython")
ELEVEN_AT_NIGHT = datetime(2026, 1, 10, 23, tzinfo=UTC).timestamp()


def sounds(board: Board) -> bool:
    """Whether a press of the button is answered by the buzzer; by the light it is."""
    board.control(do="pause", on=True)
    for pin in ("LED", "BUZZER"):
        board.control(do="trace", pin=pin)
    board.control(do="button", ms=300)
    board.run(3)
    heard, seen = (
        board.control(do="trace", pin=pin, take=True)["edges"] for pin in ("BUZZER", "LED")
    )
    assert seen
    board.control(do="pause", on=False)
    return bool(heard)


def test_quiet_hours_are_local_ones_over_midnight(
    tmp_path: Path, heartlog: Callable[..., Any]
) -> None:
    """22:00 to 07:00; it is 23:00 UTC. No time zone is set at the monitor by hand."""
    with Board(
        record="demo", speed=4, loop=True, epoch=ELEVEN_AT_NIGHT, run_dir=tmp_path / "board"
    ) as board:
        # In this order: what was set for one place is corrected by the computer of the next.
        for place, audible in (("NZDT-13", True), ("IST-5:30", False)):  # noon, 04:30
            done = heartlog(
                "settings", "quiet-from=22:00", "quiet-to=07:00",
                HEARTLOG_BACKEND=f"virtual:{board.run_dir}", TZ=place,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            assert sounds(board) == audible, place
        assert board.complaints == []
