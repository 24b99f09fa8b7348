"""Resets, power, the button, and the processes behind a board."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from heartlog.errors import CommandError
from virtual_board import Board

from .conftest import wait_for


def order(board: Board, text: str) -> None:
    board.control(do="put", path="/order", hex=text.encode().hex())


def boots(board: Board) -> list[list[str]]:
    data = bytes.fromhex(board.control(do="get", path="/boots")["hex"])
    return [line.split() for line in data.decode().splitlines()]


def clock(board: Board) -> float:
    (value,) = struct.unpack("<d", (board.run_dir / "clock").read_bytes())
    return float(value)


def micropython_of(board: Board) -> int:
    children = subprocess.check_output(["pgrep", "-P", str(board.description["pid"])])
    return int(children.split()[0])


def gone(pid: int, seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with open(f"/proc/{pid}/stat") as f:
                if f.read().split()[2] == "Z":
                    return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False


def test_reset_causes_keep_flash_and_time(start: Callable[..., Board]) -> None:
    board = start("resets", ticks_ms=1000)
    wait_for(board, "boot")
    order(board, "clock")
    wait_for(board, "clock set")
    for n, how in enumerate(("hard", "caught", "soft", "deepsleep", "watchdog"), start=2):
        order(board, how)
        wait_for(board, "boot ", count=n)
    wait_for(board, "fed")
    assert "caught" not in board.log()
    board.control(do="reset")
    wait_for(board, "boot ", count=7)
    board.control(do="power", on=False)
    assert board.control(do="status")["power"] is False
    with pytest.raises(CommandError, match="no power"):
        board.control(do="button")
    before = clock(board)
    time.sleep(0.2)
    assert clock(board) > before, "the clock stands still while the board is off"
    board.control(do="power", on=True)
    wait_for(board, "boot ", count=8)

    log = boots(board)
    assert [line[0] for line in log] == [
        "power", "hard", "hard", "soft", "deepsleep", "watchdog", "power", "power",
    ]  # fmt: skip
    ticks = [int(line[1]) for line in log]
    assert ticks == sorted(ticks)
    assert ticks[0] >= 1000
    assert ticks[4] - ticks[3] >= 5000, "deepsleep(5000) took no 5 s"
    days = [int(line[2]) for line in log]
    assert days[0] == 1609459200 + 0
    assert all(day > 1795000000 for day in days[1:7]), "a reset loses the time of day"
    assert days[7] == 1609459200, "the time of day outlasts the power"
    assert [e["cause"] for e in board.events if e["event"] == "reset"] == [
        "hard", "hard", "soft", "deepsleep", "watchdog", "pin", "power",
    ]  # fmt: skip
    assert board.complaints == []


def test_power_cut_at_every_operation_of_a_write(start: Callable[..., Board]) -> None:
    """littlefs must mount again and keep what was there, wherever power went."""
    board = start("resets", erase_us=1000, program_us=100)
    wait_for(board, "boot")
    boot = 1
    cut = 0
    while True:
        cut += 1
        written = board.log().count("written")
        board.control(do="flash", cut_after=cut)
        board.control(do="button")
        boot_seen = None
        deadline = time.monotonic() + 60
        while boot_seen is None:
            assert time.monotonic() < deadline, board.log()
            if board.log().count("boot ") > boot:
                boot_seen = True
            elif board.log().count("written") > written:
                boot_seen = False
            time.sleep(0.005)
        if not boot_seen:
            break
        boot += 1
        assert boots(board)[0][0] == "power"
    board.control(do="flash", cut_after=None)
    assert cut > 10, "the write took hardly any operation"
    names = [name for name, _ in board.control(do="list")["files"]]
    assert {"data0", "data1", "boots"} <= set(names)
    assert {e["cause"] for e in board.events if e["event"] == "reset"} == {"power cut"}
    assert board.complaints == []


def test_flash_and_wear_outlast_the_process(start: Callable[..., Board], tmp_path) -> None:
    first = start("resets", run_dir=tmp_path / "run")
    wait_for(first, "boot")
    first.stop()
    second = start("resets", run_dir=tmp_path / "run")
    wait_for(second, "boot ", count=2)
    assert len(boots(second)) == 2
    wear = second.control(do="status")["flash"]["wear_total"]
    assert wear > 0


def test_button_battery_and_light(start: Callable[..., Board]) -> None:
    board = start("resets")
    wait_for(board, "boot")
    board.control(do="button", ms=300)
    assert "button 0\nwritten\nbutton 1" in wait_for(board, "button 1")
    board.control(do="battery", mv=3456)
    board.control(do="charger", on=True)
    board.control(do="temperature", celsius=40)
    status = board.control(do="status")
    assert (status["battery_mv"], status["charging"], status["led"]) == (3456, True, 0)


def test_pause_and_speed(start: Callable[..., Board]) -> None:
    board = start("resets")
    wait_for(board, "boot")
    board.control(do="pause", on=True)
    stopped = clock(board)
    time.sleep(0.1)
    assert clock(board) == stopped
    board.control(do="power", on=False)  # what stands still can lose its power, too
    board.control(do="power", on=True)
    wait_for(board, "boot ", count=2)
    board.control(do="speed", value=10)
    board.control(do="pause", on=False)
    begun, at = time.monotonic(), board.control(do="status")["now_us"]
    time.sleep(1)
    ran = (board.control(do="status")["now_us"] - at) / 1e6
    assert 1 < ran / (time.monotonic() - begun) < 11  # a busy computer is slower, never faster


@pytest.mark.parametrize(
    ("how", "why"), [("raise", "RuntimeError: as told"), ("return", "main program returned")]
)
def test_a_firmware_that_ends_is_told(start: Callable[..., Board], how: str, why: str) -> None:
    board = start("resets")
    wait_for(board, "boot")
    order(board, how)
    deadline = time.monotonic() + 60
    while not board.complaints and time.monotonic() < deadline:
        time.sleep(0.02)
    assert why in board.complaints[0]
    assert why in board.control(do="status")["ended"]
    board.control(do="reset")
    wait_for(board, "boot ", count=2)


def test_commands_are_checked(start: Callable[..., Board]) -> None:
    board = start("resets")
    wait_for(board, "boot")
    with pytest.raises(CommandError, match=r"no command 'dance'; there are afe, .*temperature"):
        board.control(do="dance")
    with pytest.raises(CommandError, match=r"KeyError"):
        board.control(do="battery")
    with pytest.raises(CommandError, match=r"ENOENT|Errno 2"):
        board.control(do="get", path="/nothing")
    import json
    import socket

    host, port = board.description["control"].split(":")
    with socket.create_connection((host, int(port))) as s, s.makefile("rw") as lines:
        for bad in ("{", "[1]", '"x"', "{}"):
            lines.write(bad + "\n")
            lines.flush()
            assert json.loads(lines.readline())["ok"] is False


def test_death_of_micropython_is_noticed(start: Callable[..., Board]) -> None:
    board = start("resets")
    wait_for(board, "boot")
    os.kill(micropython_of(board), signal.SIGKILL)
    deadline = time.monotonic() + 60
    while board.running and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not board.running
    with pytest.raises(CommandError, match=r"ended unexpectedly \(signal 9\)"):
        board.control(do="status")


def test_death_of_the_supervisor_ends_micropython(start: Callable[..., Board]) -> None:
    board = start("resets")
    wait_for(board, "boot")
    child = micropython_of(board)
    os.kill(board.description["pid"], signal.SIGKILL)
    assert gone(child)


def test_death_of_the_starter_ends_all(image: Callable[[str], object], micropython: str) -> None:
    code = (
        "import sys, time\nfrom virtual_board import Board\n"
        f"b = Board(image={str(image('resets'))!r}, part=None, speed=0)\n"
        "print(b.description['pid'], flush=True)\ntime.sleep(60)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    supervisor = int(starter.stdout.readline())
    starter.kill()
    starter.wait()
    starter.stdout.close()
    assert gone(supervisor)
