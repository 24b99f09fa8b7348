"""Reads RR intervals as text: Polar's .hrm and .txt, HRS-style lists, and CSV with a header.

Understood are
  one interval a line, in milliseconds or in seconds (told by their size);
  two columns "time RR" (the time is not needed);
  Polar HRM: the part after [HRData] of a file with Mode RR, intervals in ms;
  CSV with a header that names a column rr_ms, rr, RR (ms) or the like.
A line that is not a number ends the import with its line number: nothing is guessed.
"""

import datetime as dt
import re
from pathlib import Path

import numpy as np

from heartlog.importing.common import ImportedTest, ImportProblem, file_or_error
from heartlog.store.types import BeatKind

RATE = 1000.0
"""Samples are milliseconds."""
MAX_RR_MS = 30_000.0
NAMES = re.compile(r"^\W*(rr|rri|nn|ibi|rr[ _-]?interval)s?\W*(\(?\[?(ms|s)\)?\]?)?\W*$", re.I)


def read_rr_text(path: Path, started_at: float | None = None) -> ImportedTest:
    """Read a text file of RR intervals; its start is unknown unless the file or you tell it."""
    file_or_error(path, "RR file")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        text = path.read_text(encoding="latin-1")
    lines = text.splitlines()
    start = _polar_start(text) if started_at is None else started_at
    column, first = _column(lines, path)
    values: list[float] = []
    for number, line in enumerate(lines[first:], first + 1):
        cells = [c for c in re.split(r"[\s,;]+", line.strip()) if c]
        if not cells or line.lstrip().startswith(("#", "//", "%")):
            continue
        try:
            value = float(cells[min(column, len(cells) - 1)])
        except ValueError:
            raise ImportProblem(
                f"{path.name}, line {number}: {line.strip()[:40]!r} is not an RR interval.",
                "Each line must hold one interval in ms or s; remarks begin with #.",
            ) from None
        if not 0 <= value <= MAX_RR_MS or not np.isfinite(value):
            raise ImportProblem(
                f"{path.name}, line {number}: an RR interval of {value:g} can't be.",
                "Intervals are in milliseconds (or all in seconds).",
            )
        values.append(value)
    if len(values) < 2:
        raise ImportProblem(
            f"{path.name} holds no RR intervals.", "Each line must hold one, in ms or s."
        )
    rr = np.array(values)
    if np.median(rr) < 10:
        rr = rr * 1000.0
    steps = np.round(rr).astype(np.int64)
    samples = np.concatenate(([0], np.cumsum(steps)))
    kinds = np.full(len(samples), BeatKind.NORMAL, np.uint8)
    return ImportedTest(
        source=f"rr text {path.name}",
        rate=RATE,
        started_at=_stand_in() if start is None else start,
        time_known=start is not None,
        samples=samples,
        kinds=kinds,
        rr=np.concatenate(([0], steps)),
        remarks="RR intervals only: beats are not classified.",
    )


def _stand_in() -> float:
    return dt.datetime(2000, 1, 1, tzinfo=dt.UTC).timestamp()


def _column(lines: list[str], path: Path) -> tuple[int, int]:
    """Return (column of the intervals, first line with one)."""
    for number, line in enumerate(lines):
        if line.strip().lower() == "[hrdata]":
            return 0, number + 1
    for number, line in enumerate(lines[:20]):
        cells = [c.strip() for c in re.split(r"[,;\t]", line.strip())]
        for at, cell in enumerate(cells):
            if NAMES.match(cell.strip('"')):
                return at, number + 1
        numbers = [c for c in re.split(r"[\s,;]+", line.strip()) if c]
        if numbers and all(re.fullmatch(r"[-+.\deE]+", c) for c in numbers):
            return (1, number) if len(numbers) == 2 else (0, number)
    raise ImportProblem(
        f"{path.name} has no line of numbers at its beginning.",
        "Known: one RR a line, 'time RR', Polar HRM, or CSV with a column rr_ms.",
    )


def _polar_start(text: str) -> float | None:
    date = re.search(r"^Date=(\d{4})(\d\d)(\d\d)", text, re.MULTILINE)
    time = re.search(r"^StartTime=(\d+):(\d\d):(\d\d)", text, re.MULTILINE)
    if not date or not time:
        return None
    try:
        year, month, day = map(int, date.groups())
        hour, minute, second = map(int, time.groups())
        return dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC).timestamp()
    except ValueError:
        return None
