"""The monitor's own firmware on a board with each kind of front end, found by its ID."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import numpy as np
import pytest

from heartlog.ble import find_monitor, open_backend
from heartlog.demo.agreement import agree, recording_of
from heartlog.errors import CommandError
from heartlog.evaluation.records import Reference
from heartlog.link import Monitor
from heartlog.link.settings import read, write
from heartlog.recorder import Recorder
from heartlog.store import Store
from virtual_board import Board
from virtual_board.settings import PARTS


def test_every_part_is_known() -> None:
    assert len(PARTS) == 18


@pytest.mark.parametrize("part", ["ADS1191", "ADS1198", "ADS1294", "ADS1298R", "ADS1299-6"])
def test_it_samples_without_a_complaint(micropython: str, part: str) -> None:
    with Board(speed=0, paused=True, part=part) as board:
        board.run(6)
        first = board.control(do="status")["samples"]
        board.run(4)
        status = board.control(do="status")
    assert status["complaints"] == []
    assert status["ended"] is None
    assert status["rate"] == 250
    assert status["samples"] - first == pytest.approx(1000, abs=1)


def test_a_part_of_16_bits_finds_the_beats_too(micropython: str, tmp_path: Path) -> None:
    """One of its codes is as large as 256 of another part's."""
    seconds = 25

    async def fetch(store: Store) -> int:
        async with open_backend(f"virtual:{tmp_path}") as backend:
            return await asyncio.wait_for(Recorder(store, backend).run(seconds=3), 300)

    with (
        Board(record="demo", speed=0, paused=True, run_dir=tmp_path, part="ADS1198") as board,
        Store.open(tmp_path / "store.sqlite") as store,
    ):
        board.run(seconds + 2)
        start = board.control(do="status")["record_start"]
        board.control(do="speed", value=20)
        board.control(do="pause", on=False)
        session = asyncio.run(fetch(store))
        beats = store.beats(session)
        assert store.records(session, "fault") == []
        assert list(board.complaints) == []
    samples = beats["index"].astype(np.int64)
    here = samples < start + seconds * 250
    recording = recording_of(None)
    until = round(seconds * recording.fs)
    reference = recording.reference
    if reference is not None:
        keep = reference.samples < until
        reference = Reference(reference.samples[keep], reference.symbols[keep])
    played = dataclasses.replace(
        recording, millivolts=recording.millivolts[:until], reference=reference
    )
    scored = agree(samples[here], start, 250, played)
    assert scored is not None
    assert scored.counts.tp > 40
    assert scored.counts.fn <= 3  # while it learns
    assert scored.counts.fp == 0
    assert 500 < np.median(beats["amplitude_uv"][here]) < 3000


def test_what_a_part_does_not_offer_is_not_set(micropython: str, tmp_path: Path) -> None:
    async def change() -> dict[str, int]:
        async with open_backend(f"virtual:{tmp_path}") as backend:
            found = await find_monitor(backend)
            async with Monitor(backend, found.device) as monitor:
                for asked in ({"rate": 125}, {"gain": 3}):
                    with pytest.raises(CommandError, match="does not offer") as refused:
                        await write(monitor, asked)
                    assert "rate=250" in refused.value.hint
                await write(monitor, {"rate": 500, "gain": 12})
                return await read(monitor)

    with Board(speed=20, run_dir=tmp_path, part="ADS1299-4"):
        kept = asyncio.run(change())
    assert (kept["rate"], kept["gain"]) == (500, 12)
