"""A random day: whatever happens, what the light says is what the journal says.

`HEARTLOG_DAY=200 pytest tests/panel/test_day.py` makes it a long one (so many happenings).
"""

import asyncio
import os
import random
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from heartlog._firmware.monitor import patterns
from heartlog._firmware.monitor import settings as keys
from heartlog._firmware.monitor.link import wire
from heartlog.ble import find_monitor, open_backend
from heartlog.errors import CommandError
from heartlog.link.monitor import Monitor
from heartlog.link.records import Record
from virtual_board import Board
from virtual_board.settings import default_image

pytestmark = pytest.mark.usefixtures("micropython")
HAPPENINGS = int(os.environ.get("HEARTLOG_DAY", "6"))
ELECTRODES = ("RA", "LA", "LL", "RL")
MAIN = """
from monitor import journal

def percent(self):
    try:
        with open("/percent") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 0

journal.Journal.percent = property(percent)
import start
"""
"""Filling the flash takes days: how full the journal takes itself to be is a file here."""
RESTART_MS = 400
FLASH_MS = 100  # the light is moved on every ten milliseconds, and waits for erases of flash


class Journal:
    """What a reader of the records alone believes about the monitor."""

    def __init__(self) -> None:
        self.flags = self.off = self.percent = 0
        self.fault = self.session = False
        self.sound = True
        self.open = False
        self.presses: list[int] = []
        self.newest = 0

    def read(self, record: Record) -> None:
        v, name = record.values, record.name
        self.newest = max(self.newest, record.seq)
        if name == "battery":
            self.flags = v["flags"]
        elif name == "signal":
            self.off = v["off"]
            if v["channel"] in (0, 1) and v["state"] != wire.SIGNAL_FAULT:
                self.fault = False
        elif name == "fault":
            self.fault = self.fault or v["code"] in (wire.FAULT_AFE, wire.FAULT_SAFE)
        elif name == "note" and v["counter"] == wire.NOTE_MEMORY:
            self.percent = v["value"]
        elif name == "session":
            self.session = v["action"] == wire.SESSION_START
        elif name == "setting":
            self.sound = bool(v["value"]) if v["key"] == keys.SOUND else self.sound
            self.open = bool(v["value"]) if v["key"] == keys.OPEN_HEART_RATE else self.open
        elif name == "event" and v["kind"] == wire.EVENT_BUTTON:
            self.presses.append(v["sample"])
        elif name == "boot":
            self.flags = self.off = 0
            self.fault = False

    def light(self) -> tuple[int, ...]:
        """The row of the table that the light must be playing."""
        charging, low, empty, hot, cold = (bool(self.flags >> bit & 1) for bit in range(5))
        leads = [self.session and bool(self.off >> lead & 1) for lead in range(4)]
        states = [
            self.fault,
            charging,
            empty,
            hot or cold,
            *leads,
            low,
            self.percent >= 90,
            self.session,
        ]
        assert len(states) == patterns.STATES
        return patterns.TABLE[states.index(True)][1] if True in states else ()


def plays(edges: list[list[int]], row: tuple[int, ...]) -> bool:
    """Whether a pin's edges are a piece of this row, over and over."""
    if not row:
        return not edges
    lengths = [(level, (after - at) / 1000) for (at, level), (after, _) in pairwise(edges)]
    if len(lengths) < 2 or not any(level for level, _ in lengths):
        return False
    n = len(row)
    # Each attempt to start a broken front end anew takes its part in the flickering.
    late = RESTART_MS if row == patterns.TABLE[patterns.FAULT][1] else FLASH_MS
    return any(
        all(
            level == 1 - (start + i) % n % 2 and -FLASH_MS <= ms - row[(start + i) % n] <= late
            for i, (level, ms) in enumerate(lengths)
        )
        for start in range(n)
    )


def test_what_plays_and_what_does_not() -> None:
    row = patterns.TABLE[patterns.LEAD_2][1]
    at, edges = 0, []
    for i in range(24):
        edges.append([at, 1 - i % 2])
        at += row[i % len(row)] * 1000
    assert plays(edges[3:], row)
    assert not plays(edges[3:], patterns.TABLE[patterns.LEAD_3][1])
    assert not plays(edges, ())
    assert plays([], ())


class Day:
    """One patient, one monitor, and a dice."""

    def __init__(self, board: Board, seed: int) -> None:
        self.board = board
        self.dice = random.Random(seed)
        self.journal = Journal()
        self.told: list[str] = []
        self.presses = 0

    def control(self, **command: Any) -> dict[str, Any]:
        return self.board.control(**command)

    async def pass_time(self, seconds: float) -> None:
        while True:
            try:
                end = self.control(do="status")["now_us"] + seconds * 1e6
                while self.control(do="status")["now_us"] < end:
                    await asyncio.sleep(0.01)
                return
            except CommandError:
                await asyncio.sleep(0.1)  # between two boots nothing answers

    async def happen(self) -> None:
        """One thing, told in words for the case that it goes wrong."""
        dice = self.dice
        what = dice.choice(
            ("electrode", "electrode", "battery", "charger", "heat", "press", "hold", "open",
             "stop", "reset", "broken", "memory")
        )  # fmt: skip
        self.told.append(what)
        if what == "electrode":
            name, on = dice.choice(ELECTRODES[:3]), dice.random() < 0.5
            self.told[-1] += f" {name} {on}"
            self.control(do="electrode", name=name, on=on)
        elif what == "battery":
            self.control(do="battery", mv=dice.choice((4100, 3900, 3680, 3200)))
        elif what == "charger":
            self.control(do="charger", on=dice.random() < 0.5)
        elif what == "heat":
            self.control(do="temperature", celsius=dice.choice((-20, 20, 33, 60)))
        elif what == "memory":
            self.control(do="put", path="/percent", hex=dice.choice((b"89", b"90", b"99")).hex())
        elif what == "reset":
            self.control(do="reset")
            await asyncio.sleep(0.3)
        elif what == "broken":
            mute = dice.random() < 0.5
            self.told[-1] += f" {mute}"
            self.control(do="afe", fault={"mute": mute})
            if mute:
                self.control(do="brown_out")
        else:
            ms = {"press": 300, "hold": 4000, "open": 7000, "stop": 10000}[what]
            self.control(do="button", ms=ms)
            self.presses += 1
            await self.pass_time(ms / 1000 + 1)
            if what == "stop":
                if dice.random() < 0.5:
                    self.control(do="button", ms=300)  # confirmed: ends the session, no event
                await self.pass_time(8)

    async def fetch(self) -> None:
        """All records that there are."""
        async with open_backend(f"virtual:{self.board.run_dir}") as backend:
            found = await find_monitor(backend, timeout=60)
            async with Monitor(backend, found.device) as monitor:
                newest = (await monitor.status())["next_seq"] - 1
                if not self.journal.session and self.dice.random() < 0.5:
                    newest = await monitor.start_session(5)
                    self.told.append("session")
                async for batch in monitor.records(self.journal.newest):
                    for record in batch.records:
                        self.journal.read(record)
                    if self.journal.newest >= newest:
                        return

    async def look(self) -> None:
        """The light for ten seconds, and then the journal: they must say the same."""
        self.control(do="speed", value=20)
        await self.fetch()
        await self.pass_time(3)
        expected = self.journal.light()
        self.control(do="trace", pin="LED")
        self.control(do="trace", pin="BUZZER")
        await self.pass_time(10)
        edges = self.control(do="trace", pin="LED", take=True)["edges"]
        sounds = self.control(do="trace", pin="BUZZER", take=True)["edges"]
        await self.fetch()
        if self.journal.light() == expected:  # nothing changed while we looked
            assert plays(edges, expected), (self.told, vars(self.journal), edges, expected)
        assert self.journal.sound or not sounds, self.told
        self.control(do="speed", value=0)


@pytest.mark.timeout(300 + 30 * HAPPENINGS)
@pytest.mark.parametrize("seed", [1])
def test_the_light_says_what_the_journal_says(tmp_path: Path, seed: int) -> None:
    async def run(board: Board) -> None:
        day = Day(board, seed)
        await day.look()
        for _ in range(HAPPENINGS):
            await day.happen()
            await day.pass_time(70)
            await day.look()
        assert len(day.journal.presses) == day.presses, day.told
        assert board.complaints == []

    image = tmp_path / "image"
    shutil.copytree(default_image(), image)
    (image / "main.py").write_text(MAIN)
    with Board(
        image=image, record="demo", speed=20, loop=True, run_dir=tmp_path / "board"
    ) as board:
        asyncio.run(run(board))
