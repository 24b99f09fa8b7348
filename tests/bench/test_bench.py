"""The bench: its table of sections, and the figures that need no database."""

import importlib
import re
from importlib.metadata import requires

import numpy as np
import pytest

from heartlog.bench import accuracy
from heartlog.bench.__main__ import main
from heartlog.bench.accuracy import line
from heartlog.bench.peers import PEERS, Peer
from heartlog.bench.plots import plot_errors, worst_strips
from heartlog.bench.sections import SECTIONS, Context
from heartlog.evaluation.board import Board
from heartlog.evaluation.evaluate import evaluate
from heartlog.evaluation.records import Recording, Reference
from heartlog.evaluation.score import Counts


@pytest.mark.parametrize("section", SECTIONS, ids=lambda s: s.name)
def test_every_section_can_be_called(section) -> None:
    module, _, function = section.target.partition(":")
    assert callable(getattr(importlib.import_module(module), function))
    assert section.kind in ("deterministic", "timed")


def test_the_list_has_deterministic_sections_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    kinds = [row.split()[1] for row in capsys.readouterr().out.splitlines()]
    assert kinds == sorted(kinds)
    with pytest.raises(SystemExit):
        main(["no-such-section"])


def test_without_the_database_it_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HEARTLOG_ECG", raising=False)
    assert main(["accuracy", "noise", "rates"]) == 0
    assert capsys.readouterr().out.count("not measured: HEARTLOG_ECG") == 3


def test_a_row_of_the_table() -> None:
    row = line("x", Counts(1, 100, 90, 10, 10))
    assert row.split() == ["x", "90.00", "90.00", "90.00", "10", "10", "20"]


def test_what_installs_an_absent_peer_is_what_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = Peer("another", "no_such_package", lambda millivolts, fs: [])
    monkeypatch.setattr(accuracy, "PEERS", (absent,))
    (row,) = accuracy._peers([])
    assert row.split(maxsplit=1) == ["another", 'not installed: pip install "heartlog[bench]"']
    needed = [r for r in requires("heartlog") or [] if "extra == 'bench'" in r.replace('"', "'")]
    assert {re.split(r"[ ><=!~;]", r)[0] for r in needed} == {
        "py-ecg-detectors", "neurokit2", "sleepecg",
    }  # fmt: skip


@pytest.mark.parametrize("peer", PEERS, ids=lambda p: p.name)
def test_a_peer_finds_plain_beats(peer) -> None:
    if peer.missing:
        pytest.skip(f"{peer.package} is not installed")
    at = np.arange(60 * 360)
    beats = np.arange(180, 60 * 360 - 180, 300)
    signal = np.exp(-((((at[:, None] - beats) / 360) / 0.012) ** 2) / 2).sum(axis=1)
    signal += 0.01 * np.random.default_rng(1).standard_normal(len(signal))
    found = peer.detect(signal, 360)
    near = [np.abs(beats - beat).min() < 54 for beat in found]
    assert sum(near) > 0.8 * len(beats)


def test_errors_are_drawn(micropython: str, tmp_path) -> None:
    assert worst_strips(np.array([5, 7, 2000, 9999]), 1000)[0] == 0
    at = np.arange(30 * 360)
    beats = np.arange(180, 30 * 360 - 180, 300)
    signal = np.exp(-((((at[:, None] - beats) / 360) / 0.012) ** 2) / 2).sum(axis=1)
    claimed = np.sort(np.append(beats[:-3], [330, 3000]))
    reference = Reference(claimed, np.full(len(claimed), "N"))
    with Board() as board:
        result = evaluate(board, Recording("made", "I", 360.0, signal, reference), 250)
    path = plot_errors(result, tmp_path / "plots")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size > 10_000


def test_speed_is_a_ratio(micropython: str) -> None:
    speed = next(s for s in SECTIONS if s.name == "speed")
    text = "\n".join(speed.run(Context(None, None)))
    assert int(text.split()[0]) > 5
