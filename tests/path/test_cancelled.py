"""A recorder that is cancelled ends, at whatever moment that comes."""

import asyncio
import os
import random
from collections.abc import Coroutine, Generator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("virtual_board")

from heartlog.ble import Backend, open_backend
from heartlog.ble.cancellation import Heed, heeding
from heartlog.recorder import Recorder, events
from heartlog.store import Store
from virtual_board import Board

TIMES = int(os.environ.get("HEARTLOG_CANCELS", "4"))
LATEST = 80
"""Waits of a recorder until it has connected, said who it is, and stored some records."""


class CancelledAt(Coroutine[Any, Any, Any]):
    """Runs a coroutine, and cancels its task in the turn of the loop in which its `when`th wait
    has ended, and before it hears of that: there a cancellation is lost most easily."""

    def __init__(self, work: Coroutine[Any, Any, Any], when: int) -> None:
        self._work, self._left = work, when

    def _waits(self, future: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            task = asyncio.current_task()
            assert task is not None
            if future is None:
                asyncio.get_running_loop().call_soon(task.cancel)
            else:
                future.add_done_callback(lambda _: task.cancel())
        return future

    def send(self, value: Any) -> Any:
        return self._waits(self._work.send(value))

    def throw(self, *error: Any) -> Any:
        return self._waits(self._work.throw(*error))

    def close(self) -> None:
        self._work.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        raise NotImplementedError("it is made into a task")


async def cancelled(work: Coroutine[Any, Any, Any], when: int) -> bool:
    """Whether the task ends as cancelled; within a minute it must end."""
    task = asyncio.create_task(CancelledAt(work, when))
    done, _ = await asyncio.wait({task}, timeout=60)
    if not done:
        task.cancel()
    assert done, f"cancelled at its wait {when}, it went on"
    return task.cancelled()


@pytest.mark.usefixtures("micropython")
@pytest.mark.timeout(900)
def test_at_any_moment_of_a_recording(tmp_path: Path) -> None:
    async def record(store: Store, backend: Backend, when: int) -> None:
        recorder = Recorder(store, backend)
        assert await cancelled(recorder.run(), when), f"at its wait {when}"

    async def run() -> None:
        chosen = random.Random(int(os.environ.get("HEARTLOG_SEED", "1")))
        with (
            Board(record="demo", speed=20, loop=True, run_dir=tmp_path / "board") as board,
            Store.open(tmp_path / "s.sqlite") as store,
        ):
            async with open_backend(f"virtual:{board.run_dir}") as backend:
                for _ in range(TIMES):
                    await record(store, backend, chosen.randint(1, LATEST))

                # One radio for all of them: none has left anything behind on it.
                def tell(event: events.Event) -> None:
                    if isinstance(event, events.Committed):
                        recorder.stop()

                recorder = Recorder(store, backend, on_event=tell)
                await recorder.run()
                assert store.session(recorder.session_id).status == "complete"

    asyncio.run(run())


def test_a_cancellation_that_was_swallowed_is_heeded() -> None:
    async def swallow() -> None:
        """As `wait_for` does in Python 3.11."""
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return

    async def replace() -> None:
        """As a cleaning-up does that fails."""
        try:
            await asyncio.sleep(60)
        finally:
            raise OSError

    async def by_hand(work: Any) -> None:
        heed = Heed()
        try:
            await work()
        except OSError:
            pass
        heed.check()
        raise AssertionError("not reached")

    async def by_block(work: Any) -> None:
        with heeding():
            await work()
        raise AssertionError("not reached")

    async def run() -> None:
        for way in (by_hand, by_block):
            for work in (swallow, replace):
                task = asyncio.create_task(way(work))
                await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait({task}, timeout=60)
                assert task.cancelled()

    asyncio.run(run())
