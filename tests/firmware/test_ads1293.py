"""The monitor with an ADS1293: other SPI, other codes, other rates, and the same beats.

HEARTLOG_1293_SECONDS plays more of the excerpt (300 is all of it).
"""

import asyncio
import dataclasses
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heartlog._firmware.monitor.link import wire
from heartlog.ble import open_backend
from heartlog.demo.agreement import agree, recording_of
from heartlog.evaluation.records import Reference
from heartlog.evaluation.score import Counts
from heartlog.recorder import Recorder, events
from heartlog.store import Store

virtual_board = pytest.importorskip("virtual_board")
SECONDS = float(os.environ.get("HEARTLOG_1293_SECONDS", "45"))


def beats_of(folder: Path, part: str) -> tuple[Any, Any, list[Any]]:
    """Records the demo's ECG: beats in the store, their samples of it, and all records."""
    told: list[events.Event] = []

    async def go(store: Store) -> int:
        async with open_backend(f"virtual:{folder}") as backend:
            recorder = Recorder(store, backend, on_event=told.append)
            return await asyncio.wait_for(recorder.run(seconds=SECONDS), 600)

    with (
        virtual_board.Board(record="demo", speed=20, run_dir=folder, part=part) as board,
        Store.open(folder / "store.sqlite") as store,
    ):
        while not board.control(do="status")["radio"]["advertising"]:
            time.sleep(0.05)
        session = asyncio.run(go(store))
        status = board.control(do="status")
        assert list(board.complaints) == []
        beats = store.beats(session)
        assert store.session(session).rate == 250
    # An ADS1293 converts at eight fifths of what it delivers.
    start = round(status["record_start"] * 250 / status["rate"])
    records = [r for e in told if isinstance(e, events.Arrived) for r in e.records]
    return beats, beats["index"].astype(np.int64) - start, records


def score(samples: Any, played: int) -> Counts:
    """Of the beats in the first `played` samples at 250/s of the demo's ECG."""
    recording = recording_of(None)
    end = int(played / 250 * recording.fs)
    reference = recording.reference
    if reference is not None:
        until = reference.samples <= end
        reference = Reference(reference.samples[until], reference.symbols[until])
    cut = dataclasses.replace(
        recording, millivolts=recording.millivolts[:end], reference=reference
    )
    scored = agree(samples[samples <= played], 0, 250, cut)
    assert scored is not None
    return scored.counts


def test_the_same_beats_as_with_an_ads1292r(micropython: str, tmp_path: Path) -> None:
    ours, at, records = beats_of(tmp_path / "1293", "ADS1293")
    other, there, _ = beats_of(tmp_path / "1292R", "ADS1292R")
    # The boards ran for different times, and the heart does not beat alike all the time.
    played = int(min(at.max(), there.max()))
    mine, theirs = score(at, played), score(there, played)
    boot = next(r for r in records if r.kind == wire.BOOT)
    assert (boot.values["part"], boot.values["channels"]) == (0x01, 3)
    assert not [r for r in records if r.kind in (wire.FAULT, wire.GAP)]
    print(f"ADS1293 {mine.tp} found {mine.fp} extra, ADS1292R {theirs.tp} found {theirs.fp} extra")
    print(len(ours), len(other))
    assert mine.tp + mine.fn > SECONDS
    assert mine.fn <= theirs.fn + 1
    assert mine.fp <= theirs.fp + 1
    amplitudes = (
        np.median(ours["amplitude_uv"][at <= played]),
        np.median(other["amplitude_uv"][there <= played]),
    )
    assert amplitudes[0] == pytest.approx(amplitudes[1], rel=0.05)
