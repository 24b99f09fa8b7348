"""Several monitors at once: a session each, and one that fails is alone in it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("virtual_board")
from heartlog.cli.record_several import check
from heartlog.errors import UsageProblem
from heartlog.records import patients
from heartlog.store import Store
from virtual_board import Board

pytestmark = pytest.mark.usefixtures("micropython")


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Board]]:
    folder = tmp_path_factory.mktemp("boards")
    made = [
        Board(record="demo", speed=20, loop=True, bulk=True, run_dir=folder / name)
        for name in ("a", "b")
    ]
    yield made
    for board in made:
        board.stop()


def record(boards: list[Board], file: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    radios = [word for b in boards for word in ("--backend", f"virtual:{b.run_dir}")]
    return subprocess.run(
        [sys.executable, "-m", "heartlog", "record", "--store", str(file), *radios, *more],
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "80"},
        timeout=120,
        check=False,
    )


def test_every_monitor_in_range_gets_a_session_of_its_own(
    boards: list[Board], tmp_path: Path
) -> None:
    file = tmp_path / "s.sqlite"
    done = record(boards, file, "--all", "--for", "8s", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [one["complete"] for one in told] == [True, True]
    with Store.open(file) as store:
        sessions = store.sessions()
        assert [s.status for s in sessions] == ["complete", "complete"]
        assert len({s.device_id for s in sessions}) == 2
        for one in told:
            assert len(store.beats(one["session"])) == one["beats"] > 5


def test_one_that_is_not_there_stops_nobody(boards: list[Board], tmp_path: Path) -> None:
    file = tmp_path / "s.sqlite"
    there = subprocess.run(
        [
            *(sys.executable, "-m", "heartlog", "scan", "--json", "-s", "3"),
            *("--backend", f"virtual:{boards[0].run_dir}"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    address = json.loads(there.stdout)[0]["address"]
    named = ("--monitor", address, "--patient", "P-1", "--monitor", "nobody", "--patient", "P-2")
    with Store.open(file) as store:
        for identifier in ("P-1", "P-2"):
            patients.add(store, identifier=identifier)
    done = record(boards[:1], file, *named, "--for", "60s", "--json")
    assert done.returncode == 4, done.stderr
    good, bad = json.loads(done.stdout)
    assert good["complete"] is True
    assert good["error"] is None
    assert bad["session"] is None
    assert "No monitor 'nobody' was found" in bad["error"]
    assert "nobody: No monitor 'nobody' was found in range. Next:" in " ".join(done.stderr.split())
    with Store.open(file) as store:
        assert [(s.patient_identifier, s.status) for s in store.sessions()] == [
            ("P-1", "complete")
        ]


@pytest.mark.parametrize(
    ("monitors", "patients", "everything", "screen", "words"),
    [
        (["a"], [], True, False, "contradict each other"),
        ([], ["P-1"], True, False, "not known who wears which"),
        (["a", "b"], ["P-1"], False, False, "not clear who wears which"),
        ([], ["P-1", "P-2"], False, False, "not clear who wears which"),
        (["a", "b"], [], False, True, "shows one monitor"),
    ],
)
def test_what_is_not_clear_is_asked_before_anything_begins(
    monitors: list[str], patients: list[str], everything: bool, screen: bool, words: str
) -> None:
    with pytest.raises(UsageProblem, match=words):
        check(monitors, patients, everything, screen)
