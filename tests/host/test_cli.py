"""The shell: help, errors, exit codes, completion."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from heartlog.cli.commands import ENTRIES
from heartlog.cli.tree import load


def test_help_lists_every_command_within_80_columns(heartlog):
    done = heartlog("--help")
    assert done.returncode == 0
    for entry in ENTRIES:
        assert entry.name in done.stdout
        assert len(entry.help) <= 60, entry
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_help_imports_no_command():
    probe = (
        "import sys; from heartlog.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'bleak', 'numpy', 'scipy', 'matplotlib', 'sqlalchemy', 'textual', 'wfdb'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "HEAVY []"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_command_loads_and_explains_itself(heartlog, entry):
    command = load(entry)
    assert command.name == entry.name
    done = heartlog(entry.name, "--help")
    assert done.returncode == 0, done.stderr
    assert entry.name in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "--install-completion" not in done.stdout, "that is for heartlog as a whole"
    for each in (command, *getattr(command, "commands", {}).values()):
        assert all(getattr(p, "help", None) for p in each.params), f"{each.name}: what is it for?"
        assert not any("\n" in paragraph for paragraph in each.help.split("\n\n"))


def test_unknown_command_is_a_usage_error_with_a_guess(heartlog):
    done = heartlog("scam")
    assert done.returncode == 2
    assert "scan" in done.stderr
    assert done.stdout == ""


@pytest.mark.skipif(sys.platform != "linux", reason="names D-Bus, which only Linux has")
def test_bluetooth_missing(heartlog, tmp_path: Path):
    bus = f"unix:path={tmp_path}/no_such_bus"
    done = heartlog("scan", DBUS_SYSTEM_BUS_ADDRESS=bus, HEARTLOG_BACKEND="system")
    assert done.returncode == 1
    assert "This computer has no Bluetooth that can be used" in " ".join(done.stderr.split())
    assert "Next:" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_no_virtual_monitor(heartlog, tmp_path: Path):
    done = heartlog("scan", "--backend", f"virtual:{tmp_path}")
    assert done.returncode == 3
    assert "No virtual monitor runs in" in done.stderr
    assert "python -m virtual_board" in done.stderr


@pytest.mark.parametrize("spec", ["bluez", "bumble", "system:x", ""])
def test_unknown_backend(heartlog, spec: str):
    done = heartlog("scan", "--backend", spec)
    assert done.returncode == 2
    assert "bumble:TRANSPORT" in done.stderr


def test_completion_offers_commands(heartlog):
    done = heartlog(_HEARTLOG_COMPLETE="complete_bash", COMP_WORDS="heartlog sc", COMP_CWORD="1")
    assert "scan" in done.stdout.split()


def test_completion_script_can_be_shown(heartlog):
    done = heartlog("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert "_HEARTLOG_COMPLETE=complete_bash" in done.stdout


def test_damaged_board_file_is_named(heartlog, tmp_path: Path):
    (tmp_path / "board.json").write_text("{")
    done = heartlog("scan", "--backend", f"virtual:{tmp_path}")
    assert done.returncode == 1
    assert "board.json" in done.stderr
    (tmp_path / "board.json").write_text(json.dumps({"hci": 3}))
    done = heartlog("scan", "--backend", f"virtual:{tmp_path}")
    assert "names no radio or no clock" in " ".join(done.stderr.split())


def test_help_is_quick(heartlog):
    best = min(_seconds(heartlog) for _ in range(3))
    # Generous: the machine may be busy. What it guards against is an import of a second or more.
    assert best < 1.0


def _seconds(heartlog) -> float:
    start = time.perf_counter()
    heartlog("--help")
    return time.perf_counter() - start


@pytest.mark.skipif(sys.platform == "win32", reason="a shell's way of closing streams")
def test_closed_streams_are_no_defect(tmp_path: Path):
    command = f"'{sys.executable}' -m heartlog sessions --store '{tmp_path}/s.sqlite'"
    done = subprocess.run(
        ["sh", "-c", f"{command} <&- >&-"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
