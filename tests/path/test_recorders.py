"""Recorders beside each other: whoever comes second is told, and changes nothing."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("virtual_board")
from tests.path.recorders import Process

from heartlog.store import Store
from heartlog.store.errors import StoreReadOnly
from virtual_board import Board

pytestmark = pytest.mark.usefixtures("micropython")
PATIENCE = 60.0


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    folder = tmp_path_factory.mktemp("board")
    with Board(record="demo", speed=20, loop=True, bulk=True, run_dir=folder) as made:
        yield made


def sessions(file: Path) -> list[tuple[int, str, int]]:
    """(number, status, beats) of each session; none while the store is being made."""
    if not file.exists():
        return []
    try:
        with Store.open(file, read_only=True) as store:
            return [(s.id, s.status, s.beat_count) for s in store.sessions()]
    except StoreReadOnly:
        return []


def until_it_records(file: Path, more_than: int = 5) -> None:
    end = time.monotonic() + PATIENCE
    while max((row[2] for row in sessions(file)), default=0) <= more_than:
        assert time.monotonic() < end, "nothing was recorded"
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("elsewhere", "own_store"),
    [(False, False), (True, True)],
    ids=["same computer and store", "another computer"],
)
def test_the_second_recorder_is_told_and_changes_nothing(
    board: Board, tmp_path: Path, elsewhere: bool, own_store: bool
) -> None:
    file, diary = tmp_path / "first.sqlite", tmp_path / "diary"
    other = tmp_path / "second.sqlite" if own_store else file
    first = Process(board.run_dir, file, tmp_path / "diary of the first")
    second = None
    try:
        until_it_records(file)
        second = Process(board.run_dir, other, diary, computer=tmp_path if elsewhere else None)
        seen = set()
        end = time.monotonic() + PATIENCE
        while second.running:
            assert time.monotonic() < end
            seen.add(tuple(row[:2] for row in sessions(file)))
            time.sleep(0.05)
        assert second.wait(PATIENCE) == 3
        words = "recorded by another program" + (" on this computer" if not elsewhere else "")
        assert words in diary.read_text().splitlines()[-1]
        assert seen == {((1, "recording"),)}, "the running session was touched"
        if own_store:
            assert sessions(other) == []
        until_it_records(file, sessions(file)[0][2] + 5)
        assert "Lost" not in (tmp_path / "diary of the first").read_text()
        assert first.end(PATIENCE) == 0
        assert [row[:2] for row in sessions(file)] == [(1, "complete")]
    finally:
        first.kill()
        if second is not None:
            second.kill()


def test_a_recorder_that_was_killed_is_in_nobodys_way(board: Board, tmp_path: Path) -> None:
    """The next one begins while the monitor still believes the dead connection."""
    file, diary = tmp_path / "store.sqlite", tmp_path / "diary"
    first = Process(board.run_dir, file, diary)
    until_it_records(file)
    first.kill()
    second = Process(board.run_dir, file, diary)
    try:
        until_it_records(file, sessions(file)[0][2] + 5)
        assert second.end(PATIENCE) == 0, diary.read_text()
        assert [row[:2] for row in sessions(file)] == [(1, "complete")]
    finally:
        second.kill()
