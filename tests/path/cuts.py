"""The whole monitor, its power cut in every flash operation of a stretch of its life.

    life = Life(folder)              # boot, beats, a press and its strip, a host, a new block
    life.operations                  # every program and erase of it, in order
    with life.board(folder) as board:
        found = life.cut(17, board)  # AssertionError: something was lost, doubled or changed

The stretch is lived once, on the virtual board, with a witness at the journal and one at the
flash chip. All that outlives the power is the flash: so the flash as it was before operation n,
with that operation torn by the chip's own model, and the host's store as it was then, are what a
cut there leaves. From these a board boots by itself, a host comes and records, and the session is
ended in order; then every record that was ever made is asked after.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bleak.exc import BleakError
from tests.path.witness import TAIL_MS, Witness, same, stored

from heartlog._boards.virtual.models import flash as chip
from heartlog._firmware.monitor.ring import UNITS
from heartlog.ble import Backend, find_monitor, open_backend
from heartlog.errors import CommandError
from heartlog.link import Monitor
from heartlog.link.settings import SETTINGS, read, write
from heartlog.recorder import Recorder, events
from heartlog.security.cables import VirtualCable
from heartlog.security.keys import Keys
from heartlog.security.pair import pair
from heartlog.store import Store
from virtual_board import Board
from virtual_board.settings import default_image

SPEED = 60
CHANGED = {"fast": 150, "slow": 41}
"""Settings that the host writes in the middle of the stretch."""
PATIENCE = 300.0
"""Real seconds for anything."""


@dataclass(frozen=True)
class Operation:
    """One program (`data`) or erase (None); `line`: of the log, which says so beforehand."""

    line: int
    ticks: int
    address: int
    data: bytes | None


@dataclass(frozen=True)
class Found:
    """What a cut came to."""

    records: int
    """In the store at the end, every one as it was made."""
    lost: int
    """Records of the stretch that went with the power."""
    oldest_ms: int
    """How old the oldest of them was."""


class Life:
    """The stretch, lived once. `operations` of it begin with the boot. `sealed`: of a monitor that
    is paired, whose journal is sealed and whose host keeps keys."""

    def __init__(self, folder: Path, sealed: bool = False) -> None:
        self.folder = folder
        self.sealed = sealed
        # One monitor through all its lives; another than any that is recorded at the same time.
        self._unique = hashlib.sha256(str(folder).encode()).digest()[:8]
        self.base = folder / "base.bin"
        self.hosts: list[tuple[int, Path]] = []  # lines of log, what the host had by then
        image = folder / "image"
        shutil.copytree(default_image(), image)
        here = Path(__file__).parent / "onboard"
        shutil.copy(here / "main.py", image / "witnessed.py")
        shutil.copy(here / "flashed.py", image / "main.py")
        self.image = image
        with self._board(folder / "life", paused=True) as board:
            if sealed:
                board.control(do="pause", on=False)
                pair(VirtualCable(board.run_dir), self._keys(folder), session=1)
                board.control(do="pause", on=True)
            self._live(board)
            self.complaints = list(board.complaints)
            self.lines = board.log().splitlines()
            self.final = (board.run_dir / "flash.bin").read_bytes()
        self.operations = [
            Operation(
                number, int(words[1]), int(words[2]),
                None if words[3] == "-" else bytes.fromhex(words[3]),
            )
            for number, line in enumerate(self.lines)
            if number >= self._begins and (words := line.split(" "))[0] == "O"
        ]  # fmt: skip

    def _board(self, folder: Path, **more: Any) -> Board:
        return Board(
            record="demo", speed=SPEED, bulk=True, loop=True, image=self.image, run_dir=folder,
            unique=self._unique, **more,
        )  # fmt: skip

    def _keys(self, folder: Path) -> Keys | None:
        return Keys(folder / "keys", bytes(32)) if self.sealed else None

    # The stretch

    def _live(self, board: Board) -> None:
        board.control(do="speed", value=0)
        board.run(30)
        while _page(board) % UNITS < UNITS // 2:  # the boot goes on in the same block of flash
            board.run(30)
        board.control(do="power", on=False)
        shutil.copy(board.run_dir / "flash.bin", self.base)
        self._begins = len(board.log().splitlines())
        board.control(do="power", on=True)
        board.control(do="pause", on=True)
        board.run(20)
        board.control(do="button", ms=700)
        board.run(50)
        board.control(do="pause", on=False)
        asyncio.run(asyncio.wait_for(self._host(board), PATIENCE))
        board.control(do="pause", on=True)
        board.control(do="speed", value=0)
        block = _page(board) // UNITS
        while _page(board) // UNITS == block:
            board.run(30)
        board.run(25)

    async def _host(self, board: Board) -> None:
        """Records, acknowledges, changes settings, and is gone in the middle of it."""
        file = self.folder / "store.sqlite"
        with Store.open(file) as store:
            self._keep(board, file)

            def tell(event: events.Event) -> None:
                if isinstance(event, events.Committed):
                    self._keep(board, file)

            keys = self._keys(self.folder)
            async with open_backend(f"virtual:{board.run_dir}", keys=keys) as backend:
                await _connected(board, backend, lambda monitor: write(monitor, CHANGED))
                recorder = Recorder(store, backend, on_event=tell)
                running = asyncio.create_task(recorder.run())
                await self._committed(running, 5)
                while not running.done():  # what it waits for may take a cancellation for its own
                    running.cancel()
                    await asyncio.wait({running}, timeout=0.5)

    async def _committed(self, recorder: asyncio.Task[Any], times: int) -> None:
        while len(self.hosts) < times:
            if recorder.done():
                raise AssertionError(f"the recorder ended: {recorder.result()}")
            await asyncio.sleep(0.01)

    def _keep(self, board: Board, file: Path) -> None:
        """What the host has, its store and its keys, at this moment."""
        folder = self.folder / f"host-{len(self.hosts)}"
        folder.mkdir()
        with sqlite3.connect(file) as source, sqlite3.connect(folder / file.name) as target:
            source.backup(target)
        if self.sealed:
            shutil.copytree(self.folder / "keys", folder / "keys")
        self.hosts.append((len(board.log().splitlines()), folder))

    @property
    def boot_erases(self) -> int:
        """Blocks erased by the boot, up to its first record."""
        first = next(
            number
            for number, line in enumerate(self.lines)
            if number >= self._begins and line.startswith("R ")
        )
        return sum(1 for o in self.operations if o.data is None and o.line < first)

    @property
    def boot(self) -> int:
        """Number of the stretch's boot, as the journal counts them."""
        return max(int(line.split(" ")[2]) for line in self.lines if line.startswith("R "))

    @property
    def kinds(self) -> set[int]:
        """Types of the records that were made in the stretch."""
        rows = [line.split(" ") for line in self.lines[self._begins :] if line.startswith("R ")]
        return {int(row[3]) for row in rows}

    def what(self) -> str:
        """The stretch in a few words."""
        erases = sum(1 for operation in self.operations if operation.data is None)
        lines = Counter(line.split(" ")[0] for line in self.lines[self._begins :])
        return (
            f"{len(self.operations)} operations, {erases} of them erases: {lines['R']} records in"
            f" {lines['F']} flushes on {lines['P']} pages, {lines['A']} acknowledgements"
        )

    # What a cut leaves

    def flash_after(self, count: int, file: Path, seed: int = 1) -> None:
        """The flash when the power went in the operation behind the first `count`."""
        shutil.copy(self.base, file)
        nor = chip.Nor(str(file), self.base.stat().st_size, seed=seed)
        try:
            for number, operation in enumerate(self.operations[: count + 1]):
                if number == count:
                    nor.cut_after(1)
                if operation.data is None:
                    nor.erase(operation.address)
                else:
                    nor.program(operation.address, operation.data)
        except chip.PowerCut:
            pass
        finally:
            nor.close()

    @contextmanager
    def board(self, folder: Path) -> Iterator[Board]:
        """A board for one cut after the other, without power between them."""
        run = folder / "run"
        run.mkdir(parents=True)
        shutil.copy(self.base, run / "flash.bin")
        with self._board(run) as board:
            board.control(do="power", on=False)
            yield board
            assert board.complaints == []

    def cut(self, number: int, board: Board, seed: int = 1) -> Found:
        """Cuts the power in operation `number` (from 0); what came of it on a board that has none
        before, nor afterwards."""
        here = self.operations[number]
        before = Witness.read("\n".join(self.lines[: here.line]))
        folder = board.run_dir.parent / "host"
        # Before the first word of a host there is none, but for the key that it was paired with.
        shutil.copytree(
            [self.hosts[0][1], *(path for line, path in self.hosts if line <= here.line)][-1],
            folder,
        )
        store = folder / "store.sqlite"
        if here.line < self.hosts[0][0]:
            store.unlink()
        self.flash_after(number, board.run_dir / "flash.bin", seed)
        log = board.run_dir / "board.log"
        begins = log.stat().st_size
        board.control(do="power", on=True)
        keys = self._keys(folder)
        settings = asyncio.run(asyncio.wait_for(_record(board, store, keys), PATIENCE))
        board.control(do="power", on=False)
        after = Witness.read(log.read_bytes()[begins:].decode(errors="replace"))
        kept = {line for line in self.lines[: here.line] if line.startswith("S ")}
        for name, value in CHANGED.items():
            setting = SETTINGS[name]
            made = f"S {setting.key} {value}" in kept
            assert settings[name] == value or (settings[name] == setting.default and not made)
        found = _compare(before, after, self.boot, here.ticks, store)
        shutil.rmtree(folder)
        return found


def cut_on_a_board(life: Life, chosen: list[int], folder: Path) -> list[Found]:
    """Cuts on one board, one after the other."""
    found = []
    with life.board(folder / "cut") as board:
        for number in chosen:
            try:
                found.append(life.cut(number, board, seed=number + 1))
            except Exception as error:
                raise AssertionError(f"the power cut in operation {number}: {error!r}") from error
            print(f"operation {number}: {found[-1]}", flush=True)
    return found


def _page(board: Board) -> int:
    """Number of the page that the journal writes."""
    return int([line for line in board.log().splitlines() if line.startswith("P ")][-1][2:])


async def _record(board: Board, file: Path, keys: Keys | None) -> dict[str, int]:
    """A host records for a few seconds and ends the session; the monitor's settings."""
    with Store.open(file) as store:
        async with open_backend(f"virtual:{board.run_dir}", keys=keys) as backend:
            recorder = Recorder(store, backend, on_event=_say_lost)
            session = await recorder.run(seconds=3)
            assert store.session(session).status == "complete"
            return await _connected(board, backend, read)


async def _connected(
    board: Board, backend: Backend, what: Callable[[Monitor], Awaitable[dict[str, int]]]
) -> dict[str, int]:
    """Asks a monitor something, at a pace at which it does not tire of waiting for a computer that
    has other things to do."""
    board.control(do="speed", value=4)
    try:
        while True:
            try:
                found = await find_monitor(backend)
                async with Monitor(backend, found.device, found.key) as monitor:
                    return await what(monitor)
            except (CommandError, BleakError):  # not in range yet, or the link was lost
                await asyncio.sleep(0.1)
    finally:
        board.control(do="speed", value=SPEED)


def _say_lost(event: events.Event) -> None:
    if isinstance(event, events.Lost):
        print("the host lost the monitor:", event.reason)


def _compare(before: Witness, after: Witness, boot: int, ticks: int, file: Path) -> Found:
    """Every record made before and after the cut is in the store once and whole, but for those
    that were not in flash yet when the power went: none older than TAIL_MS."""
    assert not before.made.keys() & after.made.keys(), "a number was given twice"
    assert not before.made or min(after.made) > max(before.made), "numbers went back"
    have = stored(file)
    lost, oldest = 0, 0
    for made in (*before.made.values(), *after.made.values()):
        if made.seq in have:
            want = made.as_stored()
            assert same(want, have[made.seq]), f"{made.seq}: made {want}, stored {have[made.seq]}"
        elif made.seq in before.made:
            assert not made.flushed, f"record {made.seq} was in flash and is lost"
            # The power of the boots before the stretch's went, too.
            end = ticks if made.boot == boot else before.ends[made.boot]
            age = end - made.ticks & 0x3FFFFFFF
            assert age <= TAIL_MS, f"record {made.seq} was {age} ms old and not in flash"
            if made.boot == boot:
                lost, oldest = lost + 1, max(oldest, age)
        else:
            assert made.seq > max(have), f"record {made.seq} of the new boot is missing"
    strangers = have.keys() - before.made.keys() - after.made.keys()
    assert not strangers, f"the store holds what nobody made: {sorted(strangers)[:5]}"
    return Found(len(have), lost, oldest)
