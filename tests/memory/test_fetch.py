"""A session that went on without a computer: fetched, completed, and the monitor erased."""

import asyncio
import json
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from heartlog.ble import find_monitor, open_backend
from heartlog.link import Monitor
from heartlog.recorder import Recorder
from heartlog.records.audit import trail
from heartlog.store import Store
from virtual_board import Board

pytestmark = [pytest.mark.usefixtures("micropython"), pytest.mark.slow]


def wear(board: Board, seconds: float) -> None:
    """So many simulated seconds pass."""
    end = board.control(do="status")["now_us"] + seconds * 1e6
    while board.control(do="status")["now_us"] < end:
        time.sleep(0.02)


async def left_in_the_middle(board: Board, store: Store, seconds: float) -> int:
    """Records for a while; then the computer is gone."""
    async with open_backend(f"virtual:{board.run_dir}") as backend:
        recorder = Recorder(store, backend)
        running = asyncio.create_task(recorder.run())
        end = None
        while end is None or backend.clock.now() < end:
            await asyncio.sleep(0.05)
            if end is None and recorder.session_id is not None:
                end = backend.clock.now() + seconds
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert recorder.session_id is not None
        return recorder.session_id


async def stopped_at_the_monitor(board: Board) -> None:
    async with open_backend(f"virtual:{board.run_dir}") as backend:
        found = await find_monitor(backend)
        async with Monitor(backend, found.device) as monitor:
            await monitor.stop_session()


@pytest.mark.parametrize("card", [True, False])
def test_what_was_worn_alone_is_fetched_and_erased(heartlog, tmp_path: Path, card: bool) -> None:
    file, folder = tmp_path / "store.sqlite", tmp_path / "run"
    where = ("--store", str(file), "--backend", f"virtual:{folder}")
    board = Board(record="demo", speed=10, run_dir=folder, card_bytes=(16 << 20) * card)
    with board:
        with Store.open(file) as store:
            session = asyncio.run(left_in_the_middle(board, store, 15))
            seen = len(store.beats(session))
            assert store.session(session).status == "interrupted"
        wear(board, 20)
        board.control(do="button", ms=300)
        wear(board, 50)
        if card:  # while it goes on
            refused = heartlog("erase", "--yes", *where)
            assert refused.returncode == 1
            assert "in a session" in " ".join(refused.stderr.split())
            first = heartlog("fetch", "--json", *where)
            assert first.returncode == 0, first.stderr
            told = json.loads(first.stdout)
            assert (told["session"], told["fetched"], told["complete"]) == (session, True, False)
            with Store.open(file) as store:
                assert len(store.beats(session)) > seen + 60
        board.control(do="electrode", name="all", on=False)  # no beat behind the session's end
        wear(board, 5)
        asyncio.run(stopped_at_the_monitor(board))
        if not card:
            early = heartlog("erase", "--yes", *where)
            assert early.returncode == 4, early.stderr
            assert "heartlog fetch" in early.stderr
        last = heartlog("fetch", *where)
        assert last.returncode == 0, last.stderr
        if card:
            asked = heartlog("erase", *where)
            assert asked.returncode == 2
            assert "all of them in this store" in " ".join(asked.stderr.split())
        gone = heartlog("erase", "--yes", *where)
        assert gone.returncode == 0, gone.stderr
        again = heartlog("fetch", *where)
        assert again.returncode == 0
        assert "nothing to fetch" in again.stderr
        assert board.complaints == []
    with Store.open(file) as store:
        acts = [e.action for e in trail(store, "monitor")]
        assert acts == ["erase"], "what was refused is no act"
        assert store.session(session).status == "complete"
        line = store.timeline(session)
        numbers = np.sort([*line.beats["seq"], *(r.seq for r in line.records if r.seq)])
        assert np.array_equal(numbers, np.arange(numbers[0], numbers[0] + len(numbers)))
        begin, end = (r.index for r in line.of("session"))
        # It ended when it was stopped, not when it was fetched: seconds of simulated time later.
        listed = store.session(session)
        assert listed.ended_at == pytest.approx(line.of("session")[1].time, abs=0.5)
        assert listed.started_at <= line.of("session")[0].time
        press = line.of("event")[0].index
        runs = store.ecg(session)
        # With the electrodes off, the firmware erases ahead: 45 ms each, told as gaps.
        gaps = [(g.index, g.fields["lost"]) for g in line.of("gap")]
        assert all(at > press + 45 * 250 for at, _ in gaps) or not card
        if card:  # every sample from the session's start to its end
            assert {r.strip for r in runs} == {0}
            assert begin - 125 <= runs[0].first_sample <= begin
            assert end - 5 <= runs[-1].stop <= end + 125
            holes = [(a.stop, b.first_sample - a.stop) for a, b in pairwise(runs)]
            assert [h for h in holes if h not in gaps] == []
        else:
            assert min(r.first_sample for r in runs) <= press - 44 * 250
            assert max(r.stop for r in runs) >= press + 44 * 250
        assert len(store.sessions()) == 1
