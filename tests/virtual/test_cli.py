"""`python -m virtual_board` and what can go wrong at the start."""

from __future__ import annotations

import importlib.util
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from heartlog.errors import CommandError
from virtual_board import Board, launcher
from virtual_board.__main__ import main

from .conftest import wait_for


def run(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "virtual_board", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_ctrl_c_ends_everything(
    image: Callable[[str], Path], tmp_path: Path, micropython: str
) -> None:
    folder = tmp_path / "run"
    process = run("--image", image("resets"), "--run-dir", folder, "--part", "none")
    try:
        assert process.stdout is not None
        line = " "
        while line and "Reach it" not in line:
            line = process.stdout.readline()
        assert "heartlog scan --backend virtual" in line
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0, out + err
    assert "Traceback" not in err
    assert not (folder / "board.json").exists()
    left = subprocess.run(
        ["pgrep", "-f", str(folder)], capture_output=True, text=True, check=False
    )
    assert left.stdout == ""


def test_second_board_in_the_same_place(start: Callable[..., Board], tmp_path: Path) -> None:
    first = start("resets", run_dir=tmp_path / "run")
    wait_for(first, "boot")
    with pytest.raises(CommandError, match="already runs in") as told:
        start("resets", run_dir=tmp_path / "run")
    assert "--run-dir" in told.value.hint


def test_port_in_use(start: Callable[..., Board]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for option in ("control_port", "hci_port"):
            with pytest.raises(CommandError, match=f"Port {port} can't be used for"):
                start("resets", **{option: port})


def test_bad_settings(start: Callable[..., Board], tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no Bluetooth stack 'zephyr'"):
        start("resets", stack="zephyr")
    with pytest.raises(CommandError, match="no front end 'AD8232'"):
        start("resets", part="AD8232")
    with pytest.raises(CommandError, match="speed of -1"):
        start("resets", speed=-1)
    with pytest.raises(CommandError, match="no firmware image"):
        Board(image=tmp_path)
    with pytest.raises(CommandError, match="4 bytes, not 8"):
        start("resets", unique=b"1234")


def test_bad_record_is_told_before_the_boot(capsys, image, tmp_path, micropython) -> None:
    status = main(
        ["--image", str(image("resets")), "--record", "no/such", "--run-dir", str(tmp_path / "r")]
    )
    told = capsys.readouterr().err
    assert status == 1
    assert "There is no WFDB record no/such" in told


def test_without_micropython(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(launcher.platform, "machine", lambda: "arm64")
    monkeypatch.setattr(launcher.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(CommandError, match=r"unix port is not installed \(Darwin on arm64\)") as e:
        Board()
    assert "Linux on x86-64" in e.value.hint
