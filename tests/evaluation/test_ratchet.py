"""The detector's accuracy, record by record: it may get better, not worse.

`ratchet.csv` holds missed + false beats of every record, as the evaluation counts them at 250
samples/s on channel 0. After an improvement write it anew, and commit it with the improvement:

    HEARTLOG_ECG=... python tests/evaluation/test_ratchet.py
"""

import csv
import os
import sys
from functools import cache
from pathlib import Path

import pytest

from heartlog.evaluation.board import Board
from heartlog.evaluation.evaluate import evaluate_all
from heartlog.evaluation.noise import stress
from heartlog.evaluation.records import find, read

RATCHET = Path(__file__).with_name("ratchet.csv")


@cache
def errors(folder: Path) -> dict[str, int]:
    """Missed + false beats of all 48 records and of the 12 noise-stress records."""
    database, noise = folder / "mitdb", folder / "nstdb" / "em"
    recordings = [read(source) for source in find([], database)]
    for name in ("118", "119"):
        recordings += stress(read(find([name], database)[0]), noise, 0)
    with Board() as board:
        results = evaluate_all(board, recordings, 250)
        return {r.recording.name: r.score.fp + r.score.fn for r in results if r.score}


def allowed() -> dict[str, int]:
    with RATCHET.open(newline="", encoding="utf-8") as file:
        return {row["record"]: int(row["missed_and_false"]) for row in csv.DictReader(file)}


@pytest.mark.slow
def test_no_record_gets_worse(ecg_dir: Path, micropython: str) -> None:
    worse = {
        name: f"{count}, was {allowed()[name]}"
        for name, count in errors(ecg_dir).items()
        if count > allowed()[name]
    }
    assert not worse


def test_the_ratchet_names_all_records() -> None:
    assert len(allowed()) == 48 + 12


if __name__ == "__main__":
    counts = errors(Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["HEARTLOG_ECG"]))
    with RATCHET.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["record", "missed_and_false"])
        writer.writerows(sorted(counts.items()))
    print(f"{sum(counts.values())} written to {RATCHET}")
