"""Coordinate descent over the detector's parameters, by errors on annotated records."""

from __future__ import annotations

import math
import random
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from heartlog._firmware.monitor.detector.parameters import SHIPPED
from heartlog.evaluation.board import COMPILED, micropython_path
from heartlog.evaluation.records import find, read
from heartlog.evaluation.signal import to_codes
from heartlog.image.compile import compile_mpy
from heartlog.image.places import firmware_dir

Parameters = dict[str, int]

FREE: dict[str, int] = {
    "BELOW": 4, "EARLY_SLOPE": 4, "OVER_NOISE": 8, "NEAR": 4, "CLEAR": 8, "CLEAR_SLOPE": 4,
    "LIKE": 4, "UNLIKE_SLOPE": 4, "LIKE_SLOPE": 2, "BACK_BELOW": 8, "BACK_OVER_NOISE": 4,
    "BACK_EARLY_SLOPE": 8,
}  # fmt: skip
"""What is fitted, with its step."""
START: Parameters = dict(SHIPPED) | {
    "BELOW": 40, "EARLY_SLOPE": 16, "OVER_NOISE": 32, "NEAR": 16, "CLEAR": 32, "CLEAR_SLOPE": 16,
    "LIKE": 24, "UNLIKE_SLOPE": 16, "LIKE_SLOPE": 8, "BACK_BELOW": 80, "BACK_OVER_NOISE": 16,
    "BACK_EARLY_SLOPE": 16,
}  # fmt: skip
"""Round numbers (multiples of a quarter octave and of a half) from which every search starts."""
ROUNDS = 2
SOFT = 30
"""Errors in a record beyond which more of them count less."""
WORTH = 0.5
"""The least gain in cost for which a parameter moves."""
WINDOW_S = 0.15
"""A detection within this of a beat is that beat (ANSI/AAMI EC57)."""


@dataclass(frozen=True)
class Record:
    """An annotated record as the detector reads it."""

    name: str
    codes: Path
    beats: NDArray[np.int64]
    """Reference R peaks, in codes."""
    flutter: list[tuple[int, int]]
    """Ventricular flutter, where EC57 scores no beats."""


class Detectors:
    """A MicroPython process with the compiled detector; a context manager."""

    def __init__(self) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="heartlog-tuning-")
        self.folder = Path(self._temporary.name)
        firmware = firmware_dir()
        for pattern in COMPILED:
            for source in firmware.glob(pattern):
                if source.name != "__init__.py":
                    self._compile(source, source.relative_to(firmware))
        self._compile(Path(__file__).with_name("on_board.py"), Path("on_board.py"))
        self._process = subprocess.Popen(
            [micropython_path(), "-X", "heapsize=32m", "-c", "import on_board"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env={"MICROPYPATH": str(self.folder)},
        )

    def _compile(self, source: Path, relative: Path) -> None:
        target = (self.folder / relative).with_suffix(".mpy")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(compile_mpy(source, "x64"))

    def peaks(self, record: Record, parameters: Parameters) -> NDArray[np.int64]:
        """R peaks in order of time."""
        ask, answer = self._process.stdin, self._process.stdout
        assert ask is not None
        assert answer is not None
        values = " ".join(str(parameters[name]) for name, _ in SHIPPED)
        ask.write(f"{record.codes} {values}\n")
        ask.flush()
        return np.sort(np.array(answer.readline().split(), dtype=np.int64))

    def __enter__(self) -> Detectors:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._temporary.cleanup()


def load(folder: Path, into: Path) -> list[Record]:
    """Every annotated record of a folder at 250 samples/s; its codes go to files in `into`."""
    records = []
    for source in find([str(folder)]):
        recording = read(source)
        reference = recording.reference
        if reference is None:
            continue
        codes = to_codes(recording.millivolts, recording.fs, 250)
        path = into / f"{recording.name}.codes"
        # Half a second more of the last value, so that the last beat is decided too.
        padded = np.concatenate([codes.codes, codes.codes[-1:].repeat(125)])
        path.write_bytes(padded.astype("<i4").tobytes())
        symbols = np.asarray(reference.symbols)
        samples = np.asarray(reference.samples) * 250 / recording.fs
        beats = samples[np.isin(symbols, list("NLRBAaJSVrFejnE/fQ?"))]
        spans = zip(samples[symbols == "["], samples[symbols == "]"], strict=False)
        records.append(
            Record(
                recording.name,
                path,
                np.rint(beats).astype(np.int64),
                [(int(start), int(end)) for start, end in spans],
            )
        )
    return records


def errors(record: Record, peaks: NDArray[np.int64]) -> int:
    """Beats missed plus beats invented."""
    window = round(WINDOW_S * 250)
    missed = invented = i = j = 0
    beats = record.beats
    while i < len(beats) or j < len(peaks):
        if j == len(peaks) or (i < len(beats) and peaks[j] > beats[i] + window):
            missed += 1
            i += 1
        elif i == len(beats) or peaks[j] < beats[i] - window:
            at = peaks[j]
            invented += not any(a - window <= at <= b + window for a, b in record.flutter)
            j += 1
        else:
            i += 1
            j += 1
    return missed + invented


def total(
    detectors: Detectors, records: Sequence[Record], parameters: Parameters
) -> Mapping[str, int]:
    """Errors by record."""
    return {record.name: errors(record, detectors.peaks(record, parameters)) for record in records}


def cost(by_record: Mapping[str, int]) -> float:
    """What the search minimises."""
    return sum(SOFT * math.log1p(count / SOFT) for count in by_record.values())


def fit(
    detectors: Detectors,
    records: Sequence[Record],
    seed: int,
    say: Callable[[str], None] = lambda line: None,
) -> Parameters:
    """The parameters that suit these records best, as far as the search finds them."""
    chance = random.Random(seed)
    best = dict(START)
    lowest = cost(total(detectors, records, best))
    order = list(FREE)
    for _ in range(ROUNDS):
        chance.shuffle(order)
        moved = False
        for name in order:
            for step in (FREE[name], -FREE[name]):
                while best[name] + step >= 0:
                    tried = best | {name: best[name] + step}
                    found = cost(total(detectors, records, tried))
                    if found > lowest - WORTH:
                        break
                    best, lowest, moved = tried, found, True
                    say(f"  {name} {best[name]}: cost {lowest:.1f}")
        if not moved:
            break
    return best
