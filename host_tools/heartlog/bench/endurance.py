"""Days of wear in minutes: the whole firmware on the virtual board, and every record compared.

    worn = wear(days=14, folder=Path("wear"))    # about 1,500 times real time
    worn.records, worn.wraps, worn.heap_growth

The board samples in blocks (`bulk`) and plays its record for ever; a witness beside the journal
prints each record as it is appended. A few times a day somebody presses the button, an electrode
comes off, a charger is plugged in; once or twice a day a host comes, takes what there is, in parts
(it loses the connection now and then), and acknowledges. Whatever it gets must be what the witness
saw, each number once, none missing.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heartlog._firmware.monitor.link import wire

if TYPE_CHECKING:
    from heartlog.link import Record
    from virtual_board import Board

HOUR = 3600.0
PRESS_MS = 700
FETCH_SPEED = 20
"""Times real time while a host is there: its own work must keep up with its patience."""
_WITNESS = """
import time
from binascii import hexlify
from monitor import app
from monitor.journal import Journal
import board

_append = Journal.append


def append(self, kind, body, size):
    seq = _append(self, kind, body, size)
    print("R", seq, kind, hexlify(bytes(body[:size])).decode())
    return seq


Journal.append = append
app.run(board)
"""


class Wrong(AssertionError):
    """What came out is not what went in."""


@dataclass
class Worn:
    """What days of wear came to."""

    days: float = 0.0
    made: int = 0
    """Records that the journal was given."""
    records: int = 0
    """Records that the host got, each equal to what was made."""
    beats: int = 0
    samples: int = 0
    connections: int = 0
    broken: int = 0
    """Connections that ended in the middle."""
    presses: int = 0
    felt: int = 0
    """Records of presses that the host got."""
    lead_offs: int = 0
    charges: int = 0
    wraps: int = 0
    """Times that ticks_ms wrapped."""
    heap_growth: int = 0
    """Bytes, from the first hour to the end, after a collection each."""
    drift: float = 0.0
    """Samples by which the monitor's index ran away from the host's clock, first to last visit."""
    complaints: list[str] = field(default_factory=list)


class Wear:
    """A board that is worn. `step` lets an hour or so pass, `fetch` lets a host come."""

    def __init__(self, folder: Path, seed: int = 1, ticks_ms: int = 0) -> None:
        from virtual_board import Board
        from virtual_board.settings import default_image

        self.rng = random.Random(seed)
        self.worn = Worn()
        image = folder / "image"
        shutil.copytree(default_image(), image)
        (image / "main.py").write_text(_WITNESS, encoding="utf-8")
        self.board: Board = Board(
            run_dir=folder / "board", image=image, speed=0, paused=True, loop=True, bulk=True,
            seed=seed, ticks_ms=ticks_ms,
        )  # fmt: skip
        self._log = (folder / "board" / "board.log").open(encoding="utf-8")
        self._part = ""
        self._pending: dict[int, tuple[int, bytes]] = {}
        self._next = 1
        self._ticks = ticks_ms
        self._first: dict[str, Any] = {}
        self._synced: list[tuple[int, int]] = []  # sample index, host's time in microseconds

    def close(self) -> None:
        self._log.close()
        self.board.stop()

    def run(self, seconds: float) -> None:
        """So much simulated time passes; what the witness saw meanwhile is read."""
        before = self._now_ms()
        self.board.run(seconds)
        self._seen(before)

    def _now_ms(self) -> int:
        return int(self.board.control(do="status")["now_us"]) // 1000 + self._ticks

    def _seen(self, before: int) -> None:
        self.worn.wraps += (self._now_ms() >> 30) - (before >> 30)
        # The monitor goes on writing: the last line may be there in part.
        whole, _, self._part = (self._part + self._log.read()).rpartition("\n")
        for line in whole.splitlines():
            words = line.split()
            if len(words) in (3, 4) and words[0] == "R":
                seq = int(words[1])
                if seq in self._pending or seq < self._next:
                    raise Wrong(f"the monitor used number {seq} twice")
                body = bytes.fromhex(words[3]) if len(words) == 4 else b""
                self._pending[seq] = (int(words[2]), body)
                self.worn.made += 1
            else:
                raise Wrong(f"the firmware said: {line.strip()}")

    # --- what happens to a monitor -------------------------------------------------------------
    def press(self) -> None:
        # The main loop's turns are blocks of samples here, a quarter of a second apart.
        self.board.control(do="button", ms=PRESS_MS)
        self.worn.presses += 1

    def lead_off(self) -> None:
        name = self.rng.choice(("LA", "RA"))
        self.board.control(do="electrode", name=name, on=False)
        self.run(self.rng.uniform(2, 60))
        self.board.control(do="electrode", name=name, on=True)
        self.worn.lead_offs += 1

    def charge(self) -> None:
        self.board.control(do="charger", on=True)
        self.run(self.rng.uniform(60, 600))
        self.board.control(do="charger", on=False)
        self.worn.charges += 1

    def step(self, hours: float) -> None:
        """Some hours with a few of these in them."""
        things: list[Callable[[], None]] = [self.press, self.press, self.lead_off, self.charge]
        left = hours * HOUR
        while left > 60:
            wait = min(left, self.rng.uniform(0.2, 1.5) * HOUR)
            self.run(wait)
            left -= wait
            self.rng.choice(things)()
            self.run(120)  # a strip around it is over
            left -= 120

    # --- the host ------------------------------------------------------------------------------
    def fetch(self) -> None:
        """A host comes until it has everything; its connection may end on the way."""
        before = self._now_ms()
        self.board.control(do="speed", value=FETCH_SPEED)
        self.board.control(do="pause", on=False)
        asyncio.run(self._fetch())
        self.board.control(do="pause", on=True)
        self.board.control(do="speed", value=0)
        self._seen(before)

    async def _fetch(self) -> None:
        from heartlog.ble import find_monitor, open_backend
        from heartlog.link import LinkLost, Monitor

        async with open_backend(f"virtual:{self.board.run_dir}") as backend:
            found = await find_monitor(backend)
            while True:
                self.worn.connections += 1
                if self.rng.random() < 0.3:
                    self.board.control(do="radio", drop_after=self.rng.randrange(5, 400))
                try:
                    async with Monitor(backend, found.device) as monitor:
                        point = await monitor.synchronize()
                        self._synced.append((point.sample, point.host_us - point.late_us))
                        goal = (await monitor.status())["next_seq"]
                        async for batch in monitor.records(self._next - 1):
                            if batch.missing:
                                raise Wrong(f"missing: {batch.missing}")
                            self._seen(self._now_ms())
                            self._take(batch.records)
                            if self._next >= goal:
                                await monitor.acknowledge(self._next - 1)
                                return
                            await monitor.acknowledge(self._next - 1)
                except LinkLost:
                    self.worn.broken += 1

    def _take(self, records: list[Record]) -> None:
        for record in records:
            if record.seq != self._next:
                raise Wrong(f"record {record.seq} came, not {self._next}")
            kind, body = self._pending.pop(record.seq, (0, b""))
            if (record.kind, record.body) != (kind, body):
                raise Wrong(f"record {record.seq} is {record}, made was {kind} {body.hex()}")
            self._next += 1
            self.worn.records += 1
            if kind == wire.EVENT:
                self.worn.felt += record.values["kind"] == wire.EVENT_BUTTON
            if kind == wire.BEAT:
                self.worn.beats += 1
                values = wire.decode(kind, body)
                if bool(values["flags"] & wire.BEAT_AFTER_GAP) != (values["rr"] == 0):
                    raise Wrong(f"beat {record.seq} is after a gap, or has an RR: {values}")

    # --- figures -------------------------------------------------------------------------------
    def begin(self) -> None:
        """The first hour is over: heap and samples are compared with now."""
        self._first = self.board.control(do="status")

    def end(self) -> Worn:
        """The figures; Wrong when something is left over."""
        status = self.board.control(do="status")
        worn = self.worn
        worn.complaints = [*self.board.complaints, *status["complaints"]]
        worn.days = status["now_us"] / 86400e6
        worn.samples = self._synced[-1][0]
        worn.heap_growth = status["heap_used"] - self._first["heap_used"]
        (sample, began), (last, ended) = self._synced[0], self._synced[-1]
        worn.drift = (last - sample & 0xFFFFFFFF) - (ended - began) / 1e6 * status["rate"]
        return worn


def wear(
    days: float, folder: Path, seed: int = 1, say: Callable[[str], None] | None = None
) -> Worn:
    """Wears a virtual board for so many days; raises Wrong when a record is lost or changed."""
    # In less than twelve days ticks_ms would not wrap: then it begins just before.
    ticks = 0 if days > 12.5 else (1 << 30) - int(days * 43200e3)
    its = Wear(folder, seed, ticks)
    try:
        its.run(120)
        its.begin()
        done = 0.0
        while done < days * 24 - 0.01:
            hours = min(days * 24 - done, its.rng.uniform(6, 18) if days > 1 else days * 12)
            its.step(hours)
            its.fetch()
            done += hours
            if say:
                say(f"{done / 24:5.2f} days, {its.end()}")
        return its.end()
    finally:
        its.close()
