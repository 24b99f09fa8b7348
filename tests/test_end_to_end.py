"""ECG in at the electrodes, beats in the store: through image, radio, recorder, database."""

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import wfdb

from heartlog.ble import find_monitor, open_backend
from heartlog.live.progress import Follower
from heartlog.overview import GAP, Overview
from heartlog.recorder import Recorder
from heartlog.store import Store
from virtual_board import Board

pytestmark = pytest.mark.usefixtures("micropython")

FS = 360
R_PEAKS_S = np.array(
    [*np.arange(1.0, 21.0, 0.8), *np.arange(23.0, 40.0, 0.6)]  # 75/min, 2 s pause, 100/min
)


def write_ecg(folder: Path) -> Path:
    """A 42 s record at 360 samples/s with an R peak of 1.2 mV at each of R_PEAKS_S, P and T."""
    t = np.arange(42 * FS) / FS
    ecg = np.zeros_like(t)
    for peak in R_PEAKS_S:
        for after, width, height in (
            (-0.16, 0.025, 0.12),
            (-0.025, 0.010, -0.12),
            (0.0, 0.011, 1.2),
            (0.028, 0.011, -0.22),
            (0.24, 0.045, 0.28),
        ):
            ecg += height * np.exp(-(((t - peak - after) / width) ** 2) / 2)
    ecg += 0.005 * np.random.default_rng(1).standard_normal(len(t))
    wfdb.wrsamp(
        "made",
        fs=FS,
        units=["mV"],
        sig_name=["I"],
        p_signal=ecg[:, None],
        fmt=["16"],
        write_dir=str(folder),
    )
    return folder / "made"


async def record_all(board: Board, file: Path, seconds: float) -> tuple[Follower, int]:
    """Record the board from before its record plays until `seconds` of it have played."""
    with Store.open(file) as store:
        async with open_backend(f"virtual:{board.run_dir}") as backend:
            found = await find_monitor(backend)
            follower = Follower()
            recorder = Recorder(store, backend, found=found, on_event=follower.take)
            running = asyncio.create_task(recorder.run())
            while follower.session_id is None and not running.done():
                await asyncio.sleep(0.02)
            await asyncio.to_thread(board.control, do="play")
            while not running.done():
                status = await asyncio.to_thread(board.control, do="status")
                assert status["ended"] is None
                start = status["record_start"]
                if start is not None and status["samples"] - start > seconds * 250:
                    break
                await asyncio.sleep(0.05)
            recorder.stop()
            await running
    return follower, int(start)


@pytest.mark.parametrize("stack", ["nimble", "btstack"])
def test_every_beat_of_an_ecg_reaches_the_store(tmp_path: Path, stack: str):
    file = tmp_path / "heartlog.sqlite"
    record = write_ecg(tmp_path)
    with Board(record=str(record), speed=20, hold=True, stack=stack) as board:
        follower, start = asyncio.run(record_all(board, file, 45.0))
        assert board.complaints == []
    assert follower.finished
    assert follower.interruptions == 0
    with Store.open(file) as store:
        session = store.session(follower.session_id)
        assert session.status == "complete"
        assert session.rate == 250
        beats = store.beats(session.id)
        overview = Overview.of(store, session.id)
        numbered = [r for r in store.records(session.id) if r.seq is not None]
    # In order, each once, no number missing.
    seqs = np.sort(np.concatenate([beats["seq"], [r.seq for r in numbered]]))
    assert np.array_equal(seqs, np.arange(seqs[0], seqs[0] + len(seqs)))
    assert overview.seconds_of(GAP) < 0.5
    seconds = ((beats["index"] - start + 2**31) % 2**32 - 2**31) / 250.0
    # The detector learns from the first seconds: after ten, every beat and no other.
    known = R_PEAKS_S[R_PEAKS_S > 10]
    found = seconds[(seconds > known[0] - 0.3) & (seconds < known[-1] + 0.3)]
    assert len(found) == len(known)
    assert np.abs(found - known).max() < 0.02
    rr = overview.rr[np.isin(seconds, found)]
    assert np.nanmax(np.abs(rr[1:] - 1000 * np.diff(known))) <= 16
    # The wall clock: fitted times differ as the samples do.
    fitted = beats["time"][np.isin(seconds, found)]
    assert np.abs(np.diff(fitted) - np.diff(found)).max() < 0.005


@pytest.mark.slow
def test_two_minutes_of_a_real_ecg_agree_with_an_independent_detector(tmp_path: Path):
    from heartlog.demo.agreement import agree, recording_of

    file = tmp_path / "heartlog.sqlite"
    with Board(record="demo", speed=20, hold=True) as board:
        follower, start = asyncio.run(record_all(board, file, 120.0))
    with Store.open(file) as store:
        samples = store.beats(follower.session_id)["index"]
    recording = recording_of(None)
    first, last = 10 * 360, 115 * 360  # the detector learns from the first seconds
    cut = replace(recording, millivolts=recording.millivolts[first:last], reference=None)
    start += 10 * 250
    agreement = agree(samples, start, 250.0, cut)
    assert agreement is not None
    assert agreement.counts.se is not None
    assert agreement.counts.ppv is not None
    assert agreement.counts.se >= 97.0
    assert agreement.counts.ppv >= 98.0
