"""The way through MicroPython: blocks, gaps, ends, and what is said when it fails."""

from pathlib import Path

import numpy as np
import pytest

from heartlog.errors import CommandError
from heartlog.evaluation import board as board_module
from heartlog.evaluation.board import Board, parse_lines
from heartlog.evaluation.evaluate import Total, evaluate, evaluate_all, write_annotations
from heartlog.evaluation.records import Recording, Reference
from heartlog.evaluation.signal import to_codes

FS = 360.0


def recording(name: str = "made", count: int = 20, height: float = 1.0) -> Recording:
    beats = np.array([round((0.5 + 0.8 * i) * FS) for i in range(count)])
    at = np.arange(round((count * 0.8 + 0.5) * FS))
    signal = height * np.exp(-((((at[:, None] - beats) / FS) / 0.012) ** 2) / 2).sum(axis=1)
    return Recording(name, "made", FS, signal, Reference(beats, np.full(count, "N")))


@pytest.mark.parametrize("rate", [125, 250, 500, 1000])
def test_beats_come_back_in_samples_of_the_record(small_board: Board, rate: int) -> None:
    result = evaluate(small_board, recording(), rate)
    assert result.score is not None
    assert (result.score.tp, result.score.fp, result.score.fn) == (20, 0, 0)
    # The small detector takes the rising slope for the peak: some 20 ms early, at every rate.
    assert -40 < np.median(result.position_ms) < -5
    assert result.latency_ms.max() <= 32
    assert result.latency_ms.min() > 0


def test_every_block_size_gives_the_same_beats(small_board: Board) -> None:
    codes = to_codes(recording().millivolts, FS, 250)
    peaks = [small_board.detect(codes, block).peak.tolist() for block in (1, 7, 8, 100)]
    assert peaks[0] == peaks[1] == peaks[2] == peaks[3]


def test_a_gap_is_told_and_not_spliced(small_board: Board) -> None:
    made = recording()
    signal = made.millivolts.copy()
    signal[3000:4000] = np.nan
    codes = to_codes(signal, FS, 250)
    detection = small_board.detect(codes)
    after = codes.to_record(detection.peak) >= 4000
    assert np.array_equal(detection.flags, after.astype(int))  # it sets bit 0 once it lost some
    beats = made.reference.samples if made.reference else np.empty(0)
    kept = beats[(beats < 2990) | (beats > 4010)]
    assert np.abs(codes.to_record(detection.peak) - kept).max() < 15


def test_states_are_reported_with_their_reason(small_board: Board) -> None:
    signal = recording().millivolts.copy()
    signal[3600:] = 2000.0
    states = small_board.detect(to_codes(signal, FS, 250)).states
    assert [(judging, reason) for _, judging, reason in states] == [
        (True, ""),
        (False, "saturated"),
    ]
    assert states[1][0] == pytest.approx(2500, abs=10)


def test_nothing_but_gaps(small_board: Board) -> None:
    codes = to_codes(np.full(3600, np.nan), FS, 250)
    assert len(small_board.detect(codes).peak) == 0


def test_two_processes_keep_the_order(small_board: Board) -> None:
    made = [recording(f"r{i}", count=5 + i) for i in range(5)]
    results = list(evaluate_all(small_board, iter(made), 250))
    assert [r.recording.name for r in results] == [m.name for m in made]
    assert [len(r.peaks) for r in results] == [5, 6, 7, 8, 9]
    alone = list(evaluate_all(small_board, iter(made), 250, workers=1))
    assert all(np.array_equal(a.peaks, b.peaks) for a, b in zip(results, alone, strict=True))
    total = Total()
    for result in results:
        total.add(result)
    assert (total.counts.records, total.counts.tp) == (5, 35)
    assert total.within(32) == 100.0


def test_annotations_are_read_back_by_wfdb(small_board: Board, tmp_path: Path) -> None:
    import wfdb

    result = evaluate(small_board, recording("a b/c"), 250)
    path = write_annotations(result, tmp_path / "new")
    assert path == tmp_path / "new" / "a_b_c.qrs"
    annotation = wfdb.rdann(str(path.with_suffix("")), "qrs")
    assert annotation.sample.tolist() == result.peaks.tolist()
    assert annotation.fs == FS
    flat = evaluate(small_board, recording("flat", height=0.0), 250)
    assert write_annotations(flat, tmp_path).read_bytes() == b"\0\0"


def test_annotations_that_cannot_be_written_are_named(small_board: Board, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = evaluate(small_board, recording(), 250)
    with pytest.raises(CommandError, match="can't be written"):
        write_annotations(result, tmp_path / "file")


def test_a_failing_firmware_speaks(micropython: str, tmp_path: Path) -> None:
    folder = tmp_path / "monitor" / "detector"
    folder.mkdir(parents=True)
    (folder / "core.py").write_text(
        "STRIDE = 6\nclass Detector:\n def __init__(self, *a):\n  raise ValueError('odd rate')\n"
    )
    codes = to_codes(recording().millivolts, FS, 250)
    with Board(tmp_path) as board, pytest.raises(CommandError, match="odd rate"):
        board.detect(codes)


def test_no_micropython_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(board_module.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match="no MicroPython on this computer") as caught:
        Board()
    assert "Linux on x86-64" in caught.value.hint


def test_beats_beyond_the_record_are_dropped() -> None:
    text = "S 8 1 \nB 100 20 900 80 90 0 0 0\nB 120 50 800 70 60 1 0 0\nB 120 1 800 70 60 0 0 0\n"
    detection = parse_lines(text, 110)
    assert detection.peak.tolist() == [70, 80]
    assert detection.flags.tolist() == [1, 0]
    assert detection.states == [(8, True, "")]
