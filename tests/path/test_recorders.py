"""Recorders beside each other: whoever comes second is told, and changes nothing."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("virtual_board")
from tests.path.recorders import Process

from heartlog._firmware.monitor import patterns
from heartlog.ble import find_monitor, open_backend
from heartlog.link import Monitor
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
        time.sleep(0.3)


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
            time.sleep(0.2)
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


async def end_the_session(folder: Path) -> int:
    """As the patient does at the monitor, or another host; seq of the record that says so."""
    async with open_backend(f"virtual:{folder}") as backend:
        found = await find_monitor(backend, "Heartlog", timeout=PATIENCE)
        async with asyncio.timeout(PATIENCE), Monitor(backend, found.device) as monitor:
            return await monitor.stop_session()


def seqs(file: Path, session: int) -> list[int]:
    with Store.open(file, read_only=True) as store:
        numbers = store.beats(session)["seq"].tolist()
        return sorted(numbers + [r.seq for r in store.records(session) if r.seq is not None])


def test_a_session_that_ended_while_nobody_listened_gets_its_rest(
    board: Board, tmp_path: Path
) -> None:
    """Its records up to its end are its own, what follows belongs to the next session."""
    file, diary = tmp_path / "store.sqlite", tmp_path / "diary"
    first = Process(board.run_dir, file, diary)
    until_it_records(file)
    first.kill()
    board.control(do="radio", drop=True)
    last = asyncio.run(end_the_session(board.run_dir))
    second = Process(board.run_dir, file, diary)
    try:
        end = time.monotonic() + PATIENCE
        while len(sessions(file)) < 2 or sessions(file)[0][2] < 5:
            assert time.monotonic() < end, diary.read_text()
            time.sleep(0.3)
        assert second.end(PATIENCE) == 0, diary.read_text()
    finally:
        second.kill()
    assert [row[:2] for row in sessions(file)] == [(2, "complete"), (1, "complete")]
    one, two = seqs(file, 1), seqs(file, 2)
    assert one[-1] == last
    assert one == list(range(one[0], last + 1))
    assert two == list(range(last + 1, two[-1] + 1))


def test_a_session_that_is_ended_at_the_monitor_ends_here(board: Board, tmp_path: Path) -> None:
    file, diary = tmp_path / "store.sqlite", tmp_path / "diary"
    recorder = Process(board.run_dir, file, diary)
    try:
        until_it_records(file)
        # The patient holds the button for long, then confirms with a press.
        board.control(do="button", ms=patterns.HOLD_STOP + 1000)
        board.run(patterns.HOLD_STOP / 1000 + 2)
        board.control(do="button", ms=1000)
        board.control(do="pause", on=False)
        assert recorder.wait(PATIENCE) == 0, diary.read_text()
    finally:
        recorder.kill()
    assert [row[:2] for row in sessions(file)] == [(1, "complete")]
    assert "Finished" in diary.read_text()
