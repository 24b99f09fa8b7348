"""Reads a record, runs the detector over it, scores it: one `Result` a record, and the total."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import wfdb
from numpy.typing import NDArray

from heartlog.errors import CommandError
from heartlog.evaluation.board import Board, Detection
from heartlog.evaluation.records import Recording
from heartlog.evaluation.score import ClassCounts, Counts, Score, score, score_ventricular
from heartlog.evaluation.signal import Codes, to_codes

WORKERS = 2
FLAG_SEARCH_BACK = 1
FLAG_WIDE = 8
PACED = "/"


@dataclass(frozen=True)
class Result:
    """One record: what was detected (`peaks` in the record's samples) and how it scored."""

    recording: Recording
    codes: Codes
    detection: Detection
    peaks: NDArray[np.int64]
    score: Score | None

    @property
    def position_ms(self) -> NDArray[np.float64]:
        """Distance of each matched R peak from its reference, in ms, later is positive."""
        if self.score is None:
            return np.empty(0)
        pairs = self.score.pairs
        distance = self.peaks[pairs[:, 1]] - self.score.beats[pairs[:, 0]]
        return np.asarray(distance * 1000.0 / self.recording.fs)

    @property
    def wide(self) -> NDArray[np.bool_]:
        """Which beats the firmware calls wide (likely ventricular)."""
        return np.asarray((self.detection.rhythm & FLAG_WIDE) != 0)

    @property
    def ventricular(self) -> ClassCounts | None:
        """V against N and S; None without a reference, and for paced records (EC57)."""
        if self.score is None or PACED in self.score.symbols:
            return None
        return score_ventricular(self.score, self.wide)

    @property
    def latency_ms(self) -> NDArray[np.float64]:
        """Time from each R peak to its delivery, in ms."""
        return np.asarray(self.detection.ago * 1000.0 / self.codes.rate)


def evaluate(board: Board, recording: Recording, rate: int) -> Result:
    """Runs the detector over a recording at `rate` samples/s."""
    codes = to_codes(recording.millivolts, recording.fs, rate)
    detection = board.detect(codes)
    peaks = codes.to_record(detection.peak)
    reference = recording.reference
    scored = None if reference is None else score(reference, peaks, recording.fs)
    return Result(recording, codes, detection, peaks, scored)


def evaluate_all(
    board: Board, recordings: Iterable[Recording], rate: int, workers: int = WORKERS
) -> Iterator[Result]:
    """As `evaluate` for each, `workers` MicroPython processes at a time; results keep order."""
    if workers < 2:
        for recording in recordings:
            yield evaluate(board, recording, rate)
        return
    source = iter(recordings)
    with ThreadPoolExecutor(workers) as pool:
        # No more in flight than there are workers, and one read ahead: long records are large.
        waiting = [pool.submit(evaluate, board, r, rate) for r in islice(source, workers)]
        while waiting:
            done = waiting.pop(0)
            following = next(source, None)
            if following is not None:
                waiting.append(pool.submit(evaluate, board, following, rate))
            yield done.result()


@dataclass
class Total:
    """Sums over scored records, and the distributions over all."""

    counts: Counts = field(default_factory=Counts)
    unscored: int = 0
    position_ms: list[NDArray[np.float64]] = field(default_factory=list)
    latency_ms: list[NDArray[np.float64]] = field(default_factory=list)
    search_back: list[NDArray[np.bool_]] = field(default_factory=list)
    ventricular: ClassCounts = field(default_factory=ClassCounts)

    def add(self, result: Result) -> None:
        """Counts one record more."""
        if result.score is None:
            self.unscored += 1
        else:
            self.counts.add(result.score)
            self.position_ms.append(np.abs(result.position_ms))
            if (classes := result.ventricular) is not None:
                self.ventricular.add(classes)
        self.latency_ms.append(result.latency_ms)
        self.search_back.append((result.detection.flags & FLAG_SEARCH_BACK) != 0)

    def position(self, percentile: float) -> float | None:
        """Percentile of the absolute R-peak position error, ms."""
        return _percentile(self.position_ms, percentile)

    def latency(self, percentile: float) -> float | None:
        """Percentile of the latency, ms; search-back included."""
        return _percentile(self.latency_ms, percentile)

    def within(self, milliseconds: float) -> float | None:
        """Percent of the beats that were delivered within this time of their R peak."""
        values = np.concatenate([np.empty(0), *self.latency_ms])
        return 100.0 * float(np.mean(values <= milliseconds)) if len(values) else None

    @property
    def by_search_back(self) -> float | None:
        """Percent of the beats that search-back found."""
        values = np.concatenate([np.empty(0, bool), *self.search_back])
        return 100.0 * float(np.mean(values)) if len(values) else None


def _percentile(parts: list[NDArray[np.float64]], percentile: float) -> float | None:
    values = np.concatenate([np.empty(0), *parts])
    return float(np.percentile(values, percentile)) if len(values) else None


def write_annotations(result: Result, folder: Path) -> Path:
    """Writes the beats as WFDB annotations NAME.qrs, wide ones as V; returns the file.

    Raises CommandError when the folder can't be written.
    """
    name = "".join(c if c.isalnum() or c in "-_" else "_" for c in result.recording.name)
    path = folder / f"{name}.qrs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if len(result.peaks):
            samples, first = np.unique(result.peaks, return_index=True)
            symbols = np.where(result.wide[first], "V", "N")
            fs = result.recording.fs
            wfdb.wrann(name, "qrs", samples, symbol=symbols, fs=fs, write_dir=str(folder))
        else:
            path.write_bytes(b"\0\0")  # the end mark alone: wfdb refuses to write no annotation
    except OSError as error:
        raise CommandError(
            f"{path} can't be written: {error.strerror or error}.", "Choose another --out."
        ) from error
    return path
