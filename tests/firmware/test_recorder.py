"""The recorder is killed at random moments, twice at once, on a full disk: nothing is lost."""

import asyncio
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from heartlog._firmware.monitor.link import wire
from heartlog.ble import find_monitor, open_backend
from heartlog.errors import CommandError
from heartlog.link import Monitor, Record
from heartlog.recorder import Recorder
from heartlog.store import Store

virtual_board = pytest.importorskip("virtual_board")
KILLS = int(os.environ.get("HEARTLOG_KILLS", "3"))


def start(folder: Path, store: Path, *more: str) -> subprocess.Popen[str]:
    script = Path(__file__).with_name("kill_me.py")
    return subprocess.Popen(
        [sys.executable, str(script), str(folder), str(store), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def everything(folder: Path, last: int) -> dict[int, Record]:
    """All records up to `last`, read from the monitor itself."""
    found: dict[int, Record] = {}
    async with open_backend(f"virtual:{folder}") as backend:
        device = (await find_monitor(backend)).device
        async with asyncio.timeout(60), Monitor(backend, device) as monitor:
            async for batch in monitor.records(0):
                found.update({r.seq: r for r in batch.records})
                if max(found, default=0) >= last:
                    return found
    return found


def test_a_recorder_may_be_killed_at_any_moment(tmp_path: Path) -> None:
    rng = random.Random(5)
    store = tmp_path / "store.sqlite"
    with virtual_board.Board(record="demo", speed=20, run_dir=tmp_path / "b", loop=True) as board:
        for _ in range(KILLS):
            process = start(board.run_dir, store)
            assert process.stdout is not None
            process.stdout.readline()  # it has committed something
            time.sleep(rng.random())
            process.kill()
            process.communicate()
        process = start(board.run_dir, store, "15")
        _, errors = process.communicate(timeout=100)
        assert process.returncode == 0, errors[-2000:]
        with Store.open(store) as opened:
            sessions = opened.sessions()
            assert len(sessions) == 1
            session = sessions[0]
            assert session.status == "complete"
            beats = opened.beats(session.id)
            truth = asyncio.run(everything(board.run_dir, int(beats["seq"].max())))
            made = [r for r in truth.values() if r.kind == wire.BEAT]
            made = [r for r in made if r.seq <= beats["seq"].max()]
            assert [r.seq for r in made] == beats["seq"].tolist()
            assert [r.values["sample"] for r in made] == beats["index"].tolist()
            journal = opened.missing(session.device_id, 1, int(beats["seq"].max()))
            assert journal is not None
        assert board.complaints == []


def test_two_recorders_at_once_and_a_full_disk(tmp_path: Path) -> None:
    """The second one is told; the first goes on. A store that can't be written ends the recorder
    with a message, and the monitor keeps what was not stored."""

    async def go(folder: Path) -> None:
        async with open_backend(f"virtual:{folder}") as backend:
            with Store.open(tmp_path / "one.sqlite") as one, Store.open(tmp_path / "two") as two:
                first = Recorder(one, backend)
                running = asyncio.create_task(first.run())
                while first.count < 10:
                    await asyncio.sleep(0.05)
                    assert not running.done(), running.result()
                async with open_backend(f"virtual:{folder}") as other:
                    with pytest.raises(CommandError):
                        await Recorder(two, other).run(seconds=5)
                before = first.count
                while first.count < before + 10:
                    await asyncio.sleep(0.05)
                    assert not running.done(), running.result()
                with one.writing() as db:  # the disk has no page left
                    pages = db.connection().exec_driver_sql("PRAGMA page_count").scalar()
                one.engine.dispose()
                original, committed = one.append, one.committed_seq(first._device, first._journal)

                def full(*_: object, **__: object) -> int:
                    raise CommandError("The disk is full.", exit_code=5)

                assert pages
                one.append = full  # type: ignore[method-assign]
                with pytest.raises(CommandError, match="disk is full"):
                    await asyncio.wait_for(running, 60)
                one.append = original  # type: ignore[method-assign]
                again = Recorder(one, backend)
                assert await again.run(seconds=5) == first.session_id
                assert one.committed_seq(again._device, again._journal) > committed

    with virtual_board.Board(record="demo", speed=20, run_dir=tmp_path / "b", loop=True) as board:
        asyncio.run(go(board.run_dir))
        assert board.complaints == []
