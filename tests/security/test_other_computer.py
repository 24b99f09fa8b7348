"""A monitor that two computers pair in turn: what is sealed for the one, the other neither reads
nor acknowledges nor erases; it waits for its own computer, or until somebody gives it up."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from heartlog.ble import find_monitor, open_backend
from heartlog.link import Monitor
from heartlog.recorder import Recorder, events
from heartlog.recorder.fetch import Fetch
from heartlog.security import keys as keys_module
from heartlog.security.cables import VirtualCable
from heartlog.security.journal import key_id
from heartlog.security.keys import Keys
from heartlog.security.master import PASSPHRASE_VARIABLE
from heartlog.security.pair import pair
from heartlog.store import Store
from virtual_board import Board

pytestmark = pytest.mark.usefixtures("micropython")
PASSPHRASE = "nobody guesses this one"


class Computer:
    """Keys and a store of its own."""

    def __init__(self, folder: Path, board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
        self.board = board
        self.file = folder / "store.sqlite"
        self.environment = {
            keys_module.FOLDER_VARIABLE: str(folder / "keys"),
            PASSPHRASE_VARIABLE: PASSPHRASE,
        }
        folder.mkdir()
        with monkeypatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            made = keys_module.own_keys(create=True)
        assert made is not None
        self.keys: Keys = made

    def pair(self) -> str:
        """Pairs the monitor; the four digits of the key."""
        pair(VirtualCable(self.board.run_dir), self.keys)
        return f"{key_id(self.keys.journal_key(self.keys.all()[-1].key_bytes)):04x}"

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        where = ("--backend", f"virtual:{self.board.run_dir}", "--store", str(self.file))
        return subprocess.run(
            [sys.executable, "-m", "heartlog", *arguments, *where],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **self.environment, "NO_COLOR": "1", "COLUMNS": "80"},
        )

    async def record(self, seconds: float) -> tuple[int, list[events.Event]]:
        told: list[events.Event] = []
        with Store.open(self.file) as store:
            async with open_backend(f"virtual:{self.board.run_dir}", keys=self.keys) as backend:
                recorder = Recorder(store, backend, on_event=told.append)
                return await recorder.run(seconds), told

    async def fetch(self) -> tuple[int | None, list[events.Event]]:
        told: list[events.Event] = []
        with Store.open(self.file) as store:
            async with open_backend(f"virtual:{self.board.run_dir}", keys=self.keys) as backend:
                return await Fetch(store, backend, on_event=told.append).fetch(), told

    async def status(self) -> dict[str, int]:
        """The monitor's, and its journal."""
        async with open_backend(f"virtual:{self.board.run_dir}", keys=self.keys) as backend:
            found = await find_monitor(backend, timeout=60)
            async with Monitor(backend, found.device, found.key) as monitor:
                return {**await monitor.status(), "journal": monitor.info.journal}

    def lacks(self, device: str, journal: int, first: int, last: int) -> int:
        with Store.open(self.file) as store:
            return sum(b + 1 - a for a, b in store.missing(device, first, last, journal))


def wear(board: Board, seconds: float) -> None:
    end = board.control(do="status")["now_us"] + seconds * 1e6
    while board.control(do="status")["now_us"] < end:
        time.sleep(0.02)


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    with Board(record="demo", speed=25, loop=True, bulk=True, run_dir=tmp_path / "board") as made:
        yield made
        assert made.complaints == []


def words(text: str) -> str:
    return " ".join(text.split())


def test_records_of_another_computer_wait_for_it(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Computer(tmp_path / "ours", board, monkeypatch)
    theirs = Computer(tmp_path / "theirs", board, monkeypatch)
    key = ours.pair()
    asyncio.run(ours.record(10))
    wear(board, 60)  # nobody fetches this
    before = asyncio.run(ours.status())
    device, journal = ours.keys.all()[0].device, before["journal"]
    last_of_ours = before["next_seq"] - 1
    unread = ours.lacks(device, journal, 1, last_of_ours)
    assert unread > 60

    theirs.pair()
    session, told = asyncio.run(theirs.record(15))
    (locked,) = {(e.first, e.last, e.keys) for e in told if isinstance(e, events.Locked)}
    assert locked[1] >= last_of_ours - 64
    assert {f"{k:04x}" for k in locked[2]} == {key}
    assert not [e for e in told if isinstance(e, events.Missing)]
    after = asyncio.run(theirs.status())
    assert after["acked_seq"] < locked[0] or after["acked_seq"] == before["acked_seq"]
    assert after["first_seq"] == before["first_seq"]
    with Store.open(theirs.file) as store:
        assert store.session(session).status == "complete"
        assert len(store.beats(session)) > 10
    assert theirs.lacks(device, journal, *locked[:2]) > unread / 2, "taken for lost"

    # What their computer says, and refuses.
    board.control(do="electrode", name="all", on=False)  # no more beats
    wear(board, 5)
    fetched = theirs.run("fetch")
    assert fetched.returncode == 4, fetched.stderr
    assert f"sealed under the key {key} of another computer" in words(fetched.stderr)
    erased = theirs.run("erase", "--yes")
    assert erased.returncode == 4, erased.stderr
    assert f"key {key} of another computer" in words(erased.stderr)
    assert "heartlog erase --give-up" in words(erased.stderr)
    session, _ = asyncio.run(theirs.fetch())
    assert session is None, "a session of nothing was made"

    # Back where they belong: nothing of ours is lost, and theirs wait in turn.
    ours.pair()
    board.control(do="electrode", name="all", on=False)
    wear(board, 5)
    _, told = asyncio.run(ours.fetch())
    # (what was not in flash when pairing restarted the monitor is gone)
    assert ours.lacks(device, journal, 1, last_of_ours - 64) == 0
    assert [e for e in told if isinstance(e, events.Locked)]
    with Store.open(ours.file) as store:
        seqs = np.concatenate([store.beats(s.id)["seq"] for s in store.sessions()])
    assert len(np.unique(seqs)) == len(seqs)
    assert np.count_nonzero(seqs <= last_of_ours) > 60

    # Given up, in so many words.
    gone = ours.run("erase", "--yes", "--give-up", "--json")
    assert gone.returncode == 0, gone.stderr
    assert json.loads(gone.stdout)["device"] == device
    empty = asyncio.run(ours.status())
    assert empty["first_seq"] > last_of_ours
