"""Recorders in processes of their own, cheap to start and really killed.

A fork server imports everything once; each recorder is a fork of it, so that a hundred of them
cost little, and `kill` is the kernel's SIGKILL in the middle of whatever it does.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

from sqlalchemy import event

from heartlog.ble import open_backend
from heartlog.errors import CommandError
from heartlog.recorder import Recorder, events
from heartlog.store import Store

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.path.recorders", "heartlog.ble.bumble_client", "bleak"])


def _work(
    board: str, file: str, diary: str, wanted: str | None, slow: int | None, computer: str | None
) -> None:
    """Records until SIGTERM says to end the session; exit code 0 when it ended in order."""
    if computer is not None:
        os.environ["XDG_RUNTIME_DIR"] = computer
    out = open(diary, "a", buffering=1)  # noqa: SIM115

    def tell(happened: events.Event) -> None:
        if isinstance(happened, (events.Connected, events.Lost, events.Finished, events.Missing)):
            print(type(happened).__name__, getattr(happened, "reason", ""), file=out)

    async def go() -> None:
        with Store.open(file) as store:
            if slow is not None:
                _slow_disk(store, random.Random(slow))
            async with open_backend(f"virtual:{board}") as backend:
                recorder = Recorder(store, backend, wanted=wanted, on_event=tell)
                loop = asyncio.get_running_loop()
                loop.add_signal_handler(signal.SIGTERM, recorder.stop)
                print("Began", file=out)
                await recorder.run()

    try:
        asyncio.run(go())
    except CommandError as error:
        print("Ended", error.message, file=out)
        os._exit(int(error.exit_code))
    except BaseException as error:
        print("Failed", repr(error), file=out)
        raise


def _slow_disk(store: Store, rng: random.Random) -> None:
    """Every commit takes as long as on a disk that is busy, asleep or far away."""

    def wait(_connection: Any) -> None:
        time.sleep(rng.choice((0.0, 0.0, 0.02, 0.2)))

    event.listen(store.engine, "commit", wait)


class Process:
    """One recorder of a virtual board into a store's file.

    `slow`: a seed, for a disk that takes its time; `computer`: a folder that stands for another
    computer, where no lock of this one is seen.
    """

    def __init__(
        self,
        board: Path,
        file: Path,
        diary: Path,
        wanted: str | None = None,
        slow: int | None = None,
        computer: Path | None = None,
    ) -> None:
        where = str(computer) if computer is not None else None
        self._process = _FORKS.Process(
            target=_work, args=(str(board), str(file), str(diary), wanted, slow, where)
        )
        self._process.start()
        self._diary = diary
        self._began_before = self._began()

    def _began(self) -> int:
        return self._diary.read_text().count("Began\n") if self._diary.exists() else 0

    @property
    def running(self) -> bool:
        return self._process.is_alive()

    @property
    def code(self) -> int | None:
        return self._process.exitcode

    def signal(self, number: int) -> None:
        if self._process.pid is not None and self.running:
            os.kill(self._process.pid, number)

    def end(self, seconds: float) -> int | None:
        """Asks for the session's end, once it can be asked; the exit code, None when it took
        longer."""
        limit = time.monotonic() + seconds
        while self.running and self._began() == self._began_before and time.monotonic() < limit:
            time.sleep(0.01)
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds: float) -> int | None:
        """Its exit code, None when it took longer."""
        self._process.join(seconds)
        return self.code

    def kill(self) -> None:
        if self.running:
            self._process.kill()
        self._process.join()
        self._process.close()
