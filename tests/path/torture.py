"""One seed of torture: the whole firmware, the radio, the recorder and the store, and what can
happen to each of them, drawn from the seed.

    done = torment(seed, rounds=12, stack="nimble", folder=tmp_path)
    done.records, done.connections, done.tally

The board plays at many times real time; waits are in its own time. After the last round all is
well again, the session is ended in order, and store and monitor are compared record by record.
"""

from __future__ import annotations

import random
import shutil
import signal
import struct
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.path.recorders import Process
from tests.path.witness import Verdict, Witness

from heartlog.store import Store
from virtual_board import Board
from virtual_board.settings import default_image

SPEED = 60
"""Times real time: what this computer does without sweating, a board sampling in blocks."""
UNHURRIED = 10
"""Times real time at the end: a busy computer, too, fetches faster than the monitor notes."""
PATIENCE = 120.0
"""Real seconds that anything may take on a computer that has other things to do."""

FAULTS = (
    *("drop",) * 5,
    *("sever",) * 2,
    *("weather",) * 4,
    *("away",) * 3,
    *("power",) * 2,
    "reset",
    *("kill",) * 3,
    *("sleep",) * 2,
    "press",
    "electrode",
)


@dataclass
class Done:
    """What a seed came to."""

    verdict: Verdict
    connections: int
    lost: int
    """Times the recorder said that the connection was lost."""
    tally: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    """Of the board's time."""


class Torment:
    """A board with a witness, a recorder beside it, and everything that may befall them."""

    def __init__(self, seed: int, stack: str, folder: Path) -> None:
        self.rng = random.Random(f"{seed} {stack}")
        self.folder = folder
        self.file, self.diary = folder / "store.sqlite", folder / "diary"
        self.tally: Counter[str] = Counter()
        image = folder / "image"
        shutil.copytree(default_image(), image)
        shutil.copy(Path(__file__).parent / "onboard/main.py", image / "main.py")
        self.board = Board(
            record="demo", speed=SPEED, loop=True, bulk=True, stack=stack, image=image,
            run_dir=folder / "board", seed=seed + 1, radio={"seed": seed + 1},
        )  # fmt: skip
        self._clock = (folder / "board" / "clock").open("rb", buffering=0)
        self._address: str | None = None
        self.recorder = self._start()

    def now(self) -> float:
        self._clock.seek(0)
        return float(struct.unpack("<d", self._clock.read(8))[0])

    def wait(self, seconds: float) -> None:
        """Of the board's time."""
        end, limit = self.now() + seconds, time.monotonic() + PATIENCE
        while self.now() < end:
            assert time.monotonic() < limit, "the board's time stands still"
            time.sleep(0.004)

    def _start(self) -> Process:
        slow = self.rng.randrange(1 << 30) if self.rng.random() < 0.3 else None
        return Process(self.board.run_dir, self.file, self.diary, "Heartlog", slow)

    def said(self) -> Counter[str]:
        if not self.diary.exists():
            return Counter()
        return Counter(line.split(" ")[0] for line in self.diary.read_text().splitlines())

    def keep_recording(self) -> None:
        """A recorder that gave up (nobody in range as it began) is started again, as one does."""
        if not self.recorder.running:
            self.tally["started anew"] += 1
            assert self.tally["started anew"] < 50, f"it never works:\n{self.diary.read_text()}"
            self.recorder.kill()
            self.recorder = self._start()

    # What may happen

    def round(self) -> None:
        rng = self.rng
        what = rng.choice(FAULTS)
        self.tally[what] += 1
        getattr(self, what)()
        self.wait(rng.uniform(0.5, 12))
        if rng.random() < 0.6:
            self.fair()
        self.keep_recording()

    def fair(self) -> None:
        self.board.control(do="radio", loss=0, delay_ms=0, packets=4, range=True)

    def drop(self) -> None:
        self.board.control(do="radio", drop_after=self.rng.randrange(1, 40))

    def sever(self) -> None:
        self.board.control(do="radio", drop=True)

    def weather(self) -> None:
        rng = self.rng
        self.board.control(
            do="radio", loss=rng.choice((0, 0.05, 0.3, 0.6)), packets=rng.choice((1, 2, 4, 8)),
            delay_ms=rng.choice((0, 0, 20, 200, 1500)),
        )  # fmt: skip

    def away(self) -> None:
        self.board.control(do="radio", range=False)
        self.wait(self.rng.choice((1, 4, 8, 40)))
        self.board.control(do="radio", range=True)

    def power(self) -> None:
        self.board.control(do="power", on=False)
        self.wait(self.rng.choice((0.1, 2, 20)))
        self.board.control(do="power", on=True)

    def reset(self) -> None:
        self.board.control(do="reset")

    def kill(self) -> None:
        self.recorder.kill()
        self.wait(self.rng.choice((0, 1, 15)))
        self.recorder = self._start()

    def sleep(self) -> None:
        """The laptop's lid is closed for a while."""
        self.recorder.signal(signal.SIGSTOP)
        self.wait(self.rng.choice((2, 10, 60)))
        self.recorder.signal(signal.SIGCONT)

    def press(self) -> None:
        # The main loop's turns are blocks of samples, a quarter of a second apart.
        self.board.control(do="button", ms=700)

    def electrode(self) -> None:
        self.board.control(do="electrode", name="LA", on=False)
        self.wait(self.rng.uniform(1, 5))
        self.board.control(do="electrode", name="LA", on=True)

    # The end

    def settle(self) -> None:
        """Fair weather until the session is complete, in as many runs as it takes."""
        self.fair()
        self.board.control(do="speed", value=UNHURRIED)
        limit = time.monotonic() + PATIENCE
        while True:
            self.keep_recording()
            self.wait(3)
            code = self.recorder.end(PATIENCE / 2)
            if code == 0 and set(self._status()) == {"complete"}:
                return
            assert code is not None, f"the session does not end:\n{self.diary.read_text()}"
            assert time.monotonic() < limit, f"never complete:\n{self.diary.read_text()}"

    def _status(self) -> list[str]:
        with Store.open(self.file, read_only=True) as store:
            return [session.status for session in store.sessions()]

    def close(self) -> None:
        self.recorder.signal(signal.SIGCONT)
        self.recorder.kill()
        self.board.stop()
        self._clock.close()


def torment(seed: int, rounds: int, stack: str, folder: Path) -> Done:
    """Runs one seed; AssertionError says what was lost, doubled or changed."""
    its = Torment(seed, stack, folder)
    try:
        began = its.now()
        its.wait(8)
        for _ in range(rounds):
            its.round()
        its.settle()
        seconds = its.now() - began
        log, complaints = its.board.log(), list(its.board.complaints)
    finally:
        its.close()
    said = its.said()
    assert complaints == []
    verdict = Witness.read(log).compare(its.file)
    return Done(verdict, said["Connected"], said["Lost"], its.tally, seconds)
