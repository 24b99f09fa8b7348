"""What the detector promises, on five minutes of a real ECG: wherever the tests run."""

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from heartlog.evaluation.board import Board, Detection
from heartlog.evaluation.signal import FULL_SCALE, Codes
from heartlog.image.places import firmware_dir
from heartlog.machine_code.cost import five_minutes

Signal = NDArray[np.int32]
NOISE_UV = 1.5


@pytest.fixture(scope="module")
def board(micropython: str) -> Iterator[Board]:
    with Board() as made:
        yield made


def found(board: Board, signal: Signal, rate: int = 250, block: int | None = None) -> Detection:
    return board.detect(Codes(signal, [len(signal)], rate, 1.0, 0), block)


@cache
def ecg() -> Signal:
    """Two minutes of 208: normal beats, ventricular beats, fusions."""
    return five_minutes()[:30_000]


@cache
def noise(length: int) -> NDArray[np.float64]:
    return np.random.default_rng(1).normal(0, NOISE_UV / 0.04808, length)


def same(a: NDArray[np.int64], b: NDArray[np.int64], within: int = 2) -> int:
    """How many beats have no partner in the other list."""
    near = [int(np.min(np.abs(b - x))) <= within for x in a] if len(b) else [False] * len(a)
    return len(a) + len(b) - 2 * sum(near)


def test_every_event_makes_sense(board: Board) -> None:
    beats = found(board, ecg())
    assert len(beats.peak) > 180
    assert (np.diff(beats.peak) >= 50).all()
    assert (beats.ago > 0).all()
    assert ((beats.confidence >= 1) & (beats.confidence <= 99)).all()
    assert ((beats.width_ms >= 16) & (beats.width_ms <= 200)).all()
    assert np.median(beats.amplitude_uv) == pytest.approx(1700, rel=0.2)


@pytest.mark.parametrize("block", [1, 3, 8, 50])
def test_the_beats_do_not_depend_on_the_blocks(board: Board, block: int) -> None:
    assert found(board, ecg(), block=block).peak.tolist() == found(board, ecg()).peak.tolist()


@pytest.mark.parametrize(("rate", "block"), [(125, 1), (500, 1), (500, 33), (1000, 1), (1000, 3)])
def test_nor_where_samples_are_folded(board: Board, rate: int, block: int) -> None:
    held = ecg()[:7500].repeat(rate // 250) if rate > 250 else ecg()[:15000:2]
    peaks = found(board, held, rate=rate, block=block).peak
    assert len(peaks) > 40
    assert peaks.tolist() == found(board, held, rate=rate, block=32).peak.tolist()


def test_the_future_changes_no_decision(board: Board) -> None:
    whole = found(board, ecg(), block=1)
    decided = whole.peak + whole.ago
    for end in (1, 333, 1000, 2345, 7777, 12_345, 20_001, 29_999):
        cut = ecg()[:end]
        # What follows the cut is the opposite of what was there.
        other = np.concatenate([cut, -ecg()[end : end + 500]]).astype(np.int32)
        after = found(board, other, block=1)
        early = after.peak[after.peak + after.ago <= end]
        assert early.tolist() == whole.peak[decided <= end].tolist()


@pytest.mark.parametrize("gain", [0.06, 0.25, 2.9])
@pytest.mark.parametrize("sign", [1, -1])
def test_gain_and_polarity_change_nothing(board: Board, gain: float, sign: int) -> None:
    """R waves from 0.1 to 5 mV: 208's are 1.7 mV."""
    scaled = np.rint(ecg() * gain * sign).astype(np.int32)
    assert same(found(board, ecg()).peak, found(board, scaled).peak) <= 4


@pytest.mark.parametrize("offset_mv", [-300, 300])
def test_an_electrode_offset_changes_nothing(board: Board, offset_mv: int) -> None:
    shifted = (ecg() + int(offset_mv * 1e6 / 48.08)).astype(np.int32)
    assert same(found(board, ecg()).peak, found(board, shifted).peak) == 0


@pytest.mark.parametrize("rate", [125, 500, 1000])
def test_the_rate_changes_little(board: Board, rate: int) -> None:
    signal = five_minutes(rate)[: 120 * rate]
    at_rate = found(board, signal, rate).peak * 250 // rate
    assert same(found(board, ecg()).peak, at_rate, within=4) <= 4


@pytest.mark.parametrize(
    "trouble",
    ["upper rail", "lower rail", "flat", "noise of the amplifier", "step"],
)
def test_it_finds_beats_again_within_three_seconds(board: Board, trouble: str) -> None:
    before, after = ecg()[:7500], ecg()[7500:20_000]
    length = 2500
    middle = {
        "upper rail": np.full(length, FULL_SCALE),
        "lower rail": np.full(length, -FULL_SCALE - 1),
        "flat": np.full(length, before[-1]),
        "noise of the amplifier": before[-1] + noise(length),
        "step": np.empty(0),
    }[trouble]
    shift = 3_000_000 if trouble == "step" else 0
    signal = np.concatenate([before, middle, after + shift]).astype(np.int32)
    clean, disturbed = found(board, ecg()).peak, found(board, signal).peak
    again = len(before) + len(middle)
    heard = disturbed[disturbed >= again + 750] - len(middle)
    expected = clean[(clean >= len(before) + 750) & (clean < 19_900)]
    assert same(expected, heard[heard < 19_900]) <= 2


@pytest.mark.parametrize("code", [FULL_SCALE, -FULL_SCALE - 1, 0])
def test_no_signal_is_no_beat_and_is_said(board: Board, code: int) -> None:
    silence = np.full(5000, code, dtype=np.int32)
    beats = found(board, np.concatenate([ecg()[:5000], silence]))
    assert not len(beats.peak[beats.peak > 5010])
    states = [(judging, reason) for index, judging, reason in beats.states]
    assert states[0] == (False, "1")  # learning
    assert states[-1] == (False, "2")  # no signal
    assert (True, "") in states


def test_noise_alone_is_no_steady_heart(board: Board) -> None:
    """An amplifier's noise stays under the floor: 1.5 uV RMS (the ADS1292R's) are no beats."""
    beats = found(board, np.rint(noise(15_000)).astype(np.int32))
    assert len(beats.peak) == 0


def test_a_gap_joins_nothing(board: Board) -> None:
    codes = np.concatenate([ecg()[:5000], np.zeros(1000, np.int32), ecg()[6000:12_000]])
    beats = board.detect(Codes(codes, [5000, 1000, 6000], 250, 1.0, 0))
    assert not ((beats.peak >= 5000) & (beats.peak < 6000)).any()
    clean = found(board, ecg()[:12_000]).peak
    after = beats.peak[beats.peak >= 6250]
    assert same(clean[clean >= 6250], after) <= 2


def test_times_that_are_moved_back_change_nothing(board: Board, tmp_path: Path) -> None:
    """After nine hours all times are moved back; here after half a minute, again and again."""
    firmware = tmp_path / "firmware"
    shutil.copytree(firmware_dir() / "monitor" / "detector", firmware / "monitor" / "detector")
    core = firmware / "monitor" / "detector" / "core.py"
    source = core.read_text(encoding="utf-8")
    assert source.count("_REBASE = const(1 << 22)") == 1
    source = source.replace("_REBASE = const(1 << 22)", "_REBASE = const(8192)")
    core.write_text(source, encoding="utf-8")
    with Board(firmware) as moved:
        assert found(moved, ecg()).peak.tolist() == found(board, ecg()).peak.tolist()
