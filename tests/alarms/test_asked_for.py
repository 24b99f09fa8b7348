"""Alarms asked for by the technician: from the command line to events in the store."""

import asyncio
import json
from pathlib import Path

import pytest

from heartlog._firmware.monitor import patterns
from heartlog._firmware.monitor import settings as firmware
from heartlog.ble import open_backend
from heartlog.errors import UsageProblem
from heartlog.link.settings import SETTINGS, parse
from heartlog.live.progress import Follower
from heartlog.recorder import Recorder
from heartlog.report.gather import gather
from heartlog.store import Store
from virtual_board import Board


def test_every_setting_of_the_firmware_has_a_name_or_is_its_own() -> None:
    assert {s.key for s in SETTINGS.values()} == firmware.TABLE.keys() - set(firmware.OWN)
    for setting in SETTINGS.values():
        assert setting.value(setting.text(setting.default).split()[0]) == setting.default


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fast=301", "0 to 300"),
        ("fast=quick", "0 to 300"),
        ("rate=300", "125, 250, 500, 1000"),
        ("gain=5", "1, 2, 3, 4, 6, 8, 12"),
        ("sound=loud", "on, off"),
        ("quiet-from=22:75", "00:00 to 23:59"),
        ("fast", "NAME=VALUE"),
        ("session=3", "NAME=VALUE"),
        ("=", "NAME=VALUE"),
    ],
)
def test_nonsense_is_refused_with_what_would_do(text: str, says: str) -> None:
    with pytest.raises(UsageProblem) as refused:
        parse([text])
    assert says in refused.value.hint


def test_values_are_read_as_people_write_them() -> None:
    asked = parse(["FAST=150", "quiet-from=22:30", "sound=off", "pause=none", "whole-ecg=on"])
    assert asked == {"fast": 150, "quiet-from": 1350, "sound": 0, "pause": 0, "whole-ecg": 1}


@pytest.mark.slow
def test_from_the_command_line_to_the_report(heartlog, tmp_path: Path) -> None:
    """208's excerpt beats at over 105 a minute, and pauses for 1.72 s after 42 s."""
    folder, file = tmp_path / "run", tmp_path / "store.sqlite"

    begun: dict[str, int] = {}  # when the record did, in samples and in microseconds

    async def record() -> int:
        """From before the record plays, for what comes earlier belongs to no session."""
        follower = Follower()
        async with open_backend(f"virtual:{folder}") as backend:
            recorder = Recorder(store, backend, on_event=follower.take)
            running = asyncio.create_task(recorder.run())
            while follower.session_id is None and not running.done():
                await asyncio.sleep(0.02)
            await asyncio.to_thread(board.control, do="play")
            played = 0
            while played < 70 * 250 and not running.done():
                await asyncio.sleep(0.05)
                status = await asyncio.to_thread(board.control, do="status")
                if status["record_start"] is not None:
                    begun["sample"] = status["record_start"]
                    played = status["samples"] - begun["sample"]
                    begun["us"] = status["now_us"] - played * 4000
            recorder.stop()
            return await running

    board = Board(record="demo", speed=20, hold=True, run_dir=folder)
    with board, Store.open(file) as store:
        where = ("--backend", f"virtual:{folder}")
        said = heartlog("settings", "fast=105", "pause=1500", "alarm-sound=on", *where)
        assert said.returncode == 0, said.stderr
        assert "105 /min" in said.stdout
        assert max(map(len, said.stdout.splitlines())) <= 80
        listed = heartlog("settings", "--json", *where)
        assert json.loads(listed.stdout)["settings"]["pause"] == 1500
        board.control(do="trace", pin="LED")
        session = asyncio.run(record())
        # All of it from the same seventy seconds, however much more came until it was stopped.
        edges = [
            edge
            for edge in board.control(do="trace", pin="LED", take=True)["edges"]
            if edge[0] < begun["us"] + 70_000_000
        ]
        events = [e for e in store.events(session) if e.index < begun["sample"] + 70 * 250]
        names = [e.fields["name"] for e in events]
        strips = [e.fields["strip"] for e in events]
        report = gather(store, session)
        complaints = board.complaints
    assert complaints == []
    assert set(names) == {"fast", "pause"}
    assert all(strips)
    values = {e.fields["name"]: e.fields["value"] for e in events}
    assert 105 <= values["fast"] <= 140
    assert values["pause"] == 1724
    # the light said it as often as the journal did
    row = patterns.ANSWERS[patterns.ALARM][1]
    times = [e[0] for e in edges if e[1]]
    shown = sum(
        1
        for a, b, c in zip(times, times[1:], times[2:], strict=False)
        if abs(b - a - 1000 * (row[0] + row[1])) < 60_000
        and abs(c - b - 1000 * (row[2] + row[3])) < 60_000
    )
    assert shown == len(names)
    told = {e.what for e in report.events}
    assert {f"fast, {values['fast']}/min", "pause, 1.72 s"} <= told
