"""What goes wrong around a recording, and that nothing is lost by it."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from heartlog.ble import open_backend
from heartlog.errors import CommandError
from heartlog.live.progress import Follower
from heartlog.overview import AFE_FAULTS
from heartlog.recorder import Recorder
from heartlog.store import Store
from virtual_board import Board

pytestmark = pytest.mark.usefixtures("micropython")
SPEED = 10  # a board that is not waited for costs less at a lower speed
DROPPED = ("first", "count")


@pytest.fixture(scope="module")
def board() -> Iterator[Board]:
    """A monitor on the demo's ECG, played again and again; every test gets the same one."""
    with Board(record="demo", speed=SPEED, loop=True) as made:
        wait_until(lambda: made.control(do="status")["radio"]["advertising"])
        yield made


def wait_until(condition, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)


def everything_once(file: Path) -> int:
    """Assert that no number is stored twice, nor missing without word; returns how many."""
    seqs: list[int] = []
    told: set[int] = set()
    with Store.open(file) as store:
        for session in store.sessions():
            seqs += store.beats(session.id)["seq"].tolist()
            for row in store.records(session.id):
                if row.seq is not None:
                    seqs.append(row.seq)
                if row.kind == "dropped":  # numbers kept back for what a power cut took
                    told |= set(range(row.fields["first"], sum(map(row.fields.get, DROPPED))))
    seqs.sort()
    assert len(set(seqs)) == len(seqs)
    assert set(range(seqs[0], seqs[-1] + 1)) - set(seqs) <= told
    return len(seqs)


def beats_in(file: Path) -> int:
    """Beats of the store's newest session, while another program writes it."""
    if not file.exists():
        return 0
    try:
        with Store.open(file, read_only=True) as store:
            return max((session.beat_count for session in store.sessions()), default=0)
    except CommandError:
        return 0  # it is being made


def record(board: Board, file: Path, length: str = "12s", **keywords) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "heartlog", "record", "--json", "--for", length),
            *("--backend", f"virtual:{board.run_dir}", "--store", str(file)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200"},
        **keywords,
    )


def test_record_and_record_again_store_everything_once(board: Board, tmp_path: Path):
    file = tmp_path / "s.sqlite"
    for number in (1, 2):
        process = record(board, file)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        told = json.loads(out)
        assert told["session"] == number
        assert told["complete"] is True
        assert told["beats"] > 10
    assert everything_once(file) > 25
    with Store.open(file) as store:
        assert [s.status for s in store.sessions()] == ["complete", "complete"]


def test_two_recorders_at_once(board: Board, tmp_path: Path):
    file = tmp_path / "s.sqlite"
    first = record(board, file, "40s")
    wait_until(lambda: board.control(do="status")["radio"]["connections"] > 0)
    second = record(board, file, "5s")
    for process in (second, first):
        _, err = process.communicate(timeout=120)
        # The monitor serves one at a time: who comes second waits, finds none, or is refused.
        assert process.returncode in (0, 3, 4) or "recorded by another program" in err
        assert "Traceback" not in err
    everything_once(file)


def test_scan_finds_the_monitor(heartlog, board: Board):
    done = heartlog("scan", "--json", "-s", "3", "--backend", f"virtual:{board.run_dir}")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == 1
    assert found[0]["name"].startswith("Heartlog")


def test_live_prints_lines_where_there_is_no_terminal(heartlog, board: Board):
    backend = f"virtual:{board.run_dir}"
    done = heartlog("live", "--for", "4s", "--backend", backend)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if "beats/min" in line]
    assert lines
    assert "connected" in lines[-1]


def test_ctrl_c_ends_the_session_in_order(board: Board, tmp_path: Path):
    file = tmp_path / "s.sqlite"
    process = record(board, file, "14d")
    wait_until(lambda: board.control(do="status")["radio"]["connections"] > 0)
    wait_until(lambda: beats_in(file) > 3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert json.loads(out)["complete"] is True
    with Store.open(file) as store:
        assert store.sessions()[0].status == "complete"


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_recorder_is_continued_by_the_next(board: Board, tmp_path: Path, end: int):
    file = tmp_path / "s.sqlite"
    process = record(board, file, "14d")
    wait_until(lambda: board.control(do="status")["radio"]["connections"] > 0)
    wait_until(lambda: beats_in(file) > 3)
    process.send_signal(end)
    _, err = process.communicate(timeout=120)
    if end == signal.SIGTERM:
        assert process.returncode == 4, err
        with Store.open(file) as store:
            assert store.sessions()[0].status == "interrupted"
    wait_until(lambda: board.control(do="status")["radio"]["advertising"])
    again = record(board, file, "10s")
    out, err = again.communicate(timeout=120)
    assert again.returncode == 0, err
    assert json.loads(out)["resumed"] is True
    with Store.open(file) as store:
        assert [s.status for s in store.sessions()] == ["complete"]
    everything_once(file)


def test_monitor_vanishes_and_returns(board: Board, tmp_path: Path):
    """Power off for a while in mid-session: the session goes on, its gap is a gap."""
    file = tmp_path / "s.sqlite"
    said: list[str] = []

    async def go() -> Follower:
        with Store.open(file) as store:
            async with open_backend(f"virtual:{board.run_dir}") as backend:
                follower = Follower(say=said.append)
                recorder = Recorder(store, backend, on_event=follower.take)
                running = asyncio.create_task(recorder.run())
                await until(lambda: follower.state.beat_count > 10, running)
                await asyncio.to_thread(board.control, do="power", on=False)
                await until(lambda: follower.interruptions > 0, running)
                assert store.session(follower.session_id).status == "recording"
                before = follower.state.beat_count
                await asyncio.to_thread(board.control, do="power", on=True)
                await until(lambda: follower.state.beat_count > before + 20, running)
                recorder.stop()
                await running
                return follower

    follower = asyncio.run(go())
    assert follower.finished
    assert any(text.startswith("Connection lost") for text in said)
    assert any(text.startswith("Connected again after") for text in said)
    everything_once(file)
    with Store.open(file) as store:
        assert [s.status for s in store.sessions()] == ["complete"]
        beats = store.beats(follower.session_id)
        boots = np.unique(beats["boot"])
        assert len(boots) >= 2  # two power-ons in one session
        for boot in boots[1:]:
            assert beats["rr_ms"][beats["boot"] == boot][0] == 0  # nothing spliced


async def until(condition, running: "asyncio.Task[int]", seconds: float = 180.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            if running.done():
                running.result()
                raise AssertionError("the recorder ended early")
            await asyncio.sleep(0.05)


SMALL_DISK = """
mount -t tmpfs -o size=400k tmpfs "$1" || exit 99
cp "$2" "$1"; shift 2
"$@"; code=$?
cp "$DISK"/s.sqlite* "$OUT"; exit $code
"""


def test_disk_full(board: Board, tmp_path: Path):
    """A disk of 400 kB: told so, nothing acknowledged is lost, and with room it goes on."""
    disk, out, seed = tmp_path / "disk", tmp_path / "out", tmp_path / "s.sqlite"
    disk.mkdir()
    out.mkdir()
    with Store.open(seed):
        pass
    full = [
        *("unshare", "--map-root-user", "--mount", "sh", "-c", SMALL_DISK, "sh"),
        *(str(disk), str(seed), sys.executable, "-m", "heartlog", "record"),
        *("--backend", f"virtual:{board.run_dir}", "--store", str(disk / "s.sqlite")),
    ]
    env = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200", "DISK": str(disk), "OUT": str(out)}
    done = subprocess.run(full, capture_output=True, text=True, env=env, timeout=120, check=False)
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    assert done.returncode == 5, done.stderr
    assert "full" in done.stderr
    assert "Next:" in done.stderr
    assert "Traceback" not in done.stderr
    wait_until(lambda: board.control(do="status")["radio"]["advertising"])
    again = record(board, out / "s.sqlite", "10s")
    _, err = again.communicate(timeout=120)
    assert again.returncode == 0, err
    everything_once(out / "s.sqlite")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"wrong_id": 0x13, "mute": False}, "front end"),
        ({"wrong_id": None, "mute": True}, "front end"),
    ],
)
def test_front_end_fault_is_shown(tmp_path: Path, fault: dict, words: str):
    """The front end answers with a wrong ID, or with nothing, from half way on."""
    file = tmp_path / "s.sqlite"
    with Board(record="demo", speed=SPEED, loop=True) as board:
        wait_until(lambda: board.control(do="status")["radio"]["advertising"])
        board.control(do="afe", fault=fault)
        board.control(do="brown_out")  # a dip of its supply: it has to be set up again
        time.sleep(0.5)
        process = record(board, file, "10s")
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "The monitor reports a fault" in err
    assert words in err
    assert json.loads(out)["fault"]
    with Store.open(file) as store:
        assert store.records(1, "fault")


def test_every_front_end_fault_has_words(repository: Path):
    text = (repository / "firmware/monitor/afe/errors.py").read_text()
    codes = {int(code) for code in re.findall(r"^[A-Z_]+ = const\((\d+)\)$", text, re.M)}
    assert codes <= set(AFE_FAULTS)


@pytest.fixture
def wfdb_record(tmp_path: Path) -> Path:
    import wfdb

    ecg = 0.1 * np.sin(np.arange(3600) / 20)
    wfdb.wrsamp(
        "r",
        fs=360,
        units=["mV"],
        sig_name=["I"],
        p_signal=ecg[:, None],
        fmt=["16"],
        write_dir=str(tmp_path),
    )
    return tmp_path / "r"


@pytest.mark.parametrize(
    ("damage", "code", "words"),
    [
        ("missing", 3, "There is no"),
        ("no signal file", 1, "can't be read"),
        ("truncated", 1, "truncated"),
        ("not WFDB", 1, "not a WFDB header"),
    ],
)
def test_record_to_play_is_bad(heartlog, wfdb_record: Path, damage: str, code: int, words: str):
    signals = wfdb_record.with_suffix(".dat")
    if damage == "missing":
        wfdb_record.with_suffix(".hea").unlink()
    elif damage == "no signal file":
        signals.unlink()
    elif damage == "truncated":
        signals.write_bytes(signals.read_bytes()[:1001])
    else:
        shutil.copy(sys.executable, wfdb_record.with_suffix(".hea"))
    out = wfdb_record.parent / "out"
    done = heartlog("demo", "--ecg", str(wfdb_record), "--out", str(out))
    text = " ".join(done.stderr.split())
    assert done.returncode == code, text
    assert words in text
    assert "Traceback" not in text
    with pytest.raises(CommandError):
        Board(record=str(wfdb_record))
