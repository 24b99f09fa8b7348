"""The demo from outside: what it prints and leaves, and that it cleans up, also when stopped."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import wfdb

from heartlog.store import Store

pytestmark = pytest.mark.usefixtures("micropython")


@pytest.fixture(scope="module")
def ecg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 s of a heart beating 75 times a minute, with its reference annotations."""
    folder = tmp_path_factory.mktemp("ecg")
    t = np.arange(40 * 360) / 360
    peaks = np.arange(0.5, 39.5, 0.8)
    signal = np.zeros_like(t)
    for peak in peaks:
        signal += 1.2 * np.exp(-(((t - peak) / 0.011) ** 2) / 2)
        signal += 0.25 * np.exp(-(((t - peak - 0.24) / 0.045) ** 2) / 2)
    wfdb.wrsamp(
        "made",
        fs=360,
        units=["mV"],
        sig_name=["I"],
        p_signal=signal[:, None],
        fmt=["16"],
        write_dir=str(folder),
    )
    marks = np.rint(peaks * 360).astype(int)
    wfdb.wrann("made", "atr", marks, ["N"] * len(marks), fs=360, write_dir=str(folder))
    return folder / "made"


def start(ecg: Path, folder: Path, *more: str) -> subprocess.Popen[str]:
    temporary = folder / "tmp"
    temporary.mkdir()
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "heartlog.demo", "--ecg", str(ecg)),
            *("--out", str(folder / "out"), *more),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary), "NO_COLOR": "1", "COLUMNS": "100"},
    )


def left_behind(folder: Path) -> list[str]:
    """Temporary files, and processes that were started with this TMPDIR."""
    found = [str(p) for p in (folder / "tmp").iterdir()]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        if f"TMPDIR={folder / 'tmp'}".encode() in environment:
            found.append((process / "cmdline").read_bytes().decode(errors="replace"))
    return found


def test_demo_on_a_record_with_reference(ecg: Path, tmp_path: Path):
    process = start(ecg, tmp_path)
    out, err = process.communicate(timeout=150)
    assert process.returncode == 0, err
    assert "48 of 49 reference beats" in out or "49 of 49 reference beats" in out
    assert "Mean rate       75 beats/min" in out
    assert "100 %" in err
    results = tmp_path / "out"
    assert (results / "session.png").stat().st_size > 20_000
    assert (results / "report.pdf").read_bytes().startswith(b"%PDF")
    assert (results / "report.html").stat().st_size > 1000
    with Store.open(results / "heartlog.sqlite") as store:
        (session,) = store.sessions()
        assert session.status == "complete"
        # Before and afterwards no heart is to be seen (how long before, is the computer's haste),
        # and the monitor may erase flash for the next strip.
        index = store.beats(session.id)["index"]
        gaps = [gap.index for gap in store.gaps(session.id)]
        assert [at for at in gaps if index.min() < at < index.max()] == [], (gaps, index)
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_stopped_in_the_middle_it_leaves_nothing(ecg: Path, tmp_path: Path, how: int):
    process = start(ecg, tmp_path, "--speed", "1")
    for line in process.stderr:
        if "begins" in line:
            break
    time.sleep(1.0)
    process.send_signal(how)
    process.communicate(timeout=60)
    assert process.returncode == 128 + how
    deadline = time.monotonic() + 60
    while left_behind(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left_behind(tmp_path) == []
    with Store.open(tmp_path / "out" / "heartlog.sqlite") as store:
        assert store.sessions()[0].status == "interrupted"
