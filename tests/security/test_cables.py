"""The key goes through a cable: the virtual board's REPL on a pty is the USB of a real one."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartlog.ble import find_monitor, open_backend
from heartlog.errors import CommandError, UsageProblem
from heartlog.fit import key as fitting
from heartlog.link.monitor import Monitor
from heartlog.security.cables import UsbCable, VirtualCable
from heartlog.security.keys import Keys
from heartlog.security.pair import file_for, pair
from virtual_board import Board

pytestmark = pytest.mark.usefixtures("micropython")


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    with Board(record="demo", speed=4, console=True, run_dir=tmp_path / "board") as board:
        yield board


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys", bytes(32))


def advertises(board: Board, boots: int) -> bool:
    try:
        status = board.control(do="status")
    except CommandError:
        return False  # between two boots
    return bool(status["radio"]["advertising"]) and status["boots"] > boots


def test_pairing_over_the_serial_port(board: Board, keys: Keys) -> None:
    before = board.control(do="status")
    device = pair(UsbCable(board.description["console"]), keys, session=3)
    assert device == before["unique_id"]
    end = time.monotonic() + 60
    while not advertises(board, before["boots"]):
        assert time.monotonic() < end, board.log()
        time.sleep(0.1)
    written = bytes.fromhex(board.control(do="get", path="/pairing")["hex"])
    assert written == file_for(keys.all()[0].key_bytes)

    async def talk() -> None:
        async with open_backend(f"virtual:{board.run_dir}", keys=keys) as backend:
            found = await find_monitor(backend, timeout=60)
            assert found.key == keys.all()[0].key_bytes
            async with Monitor(backend, found.device, found.key) as monitor:
                assert monitor.info.device_id == device

    asyncio.run(talk())


def test_what_is_no_board_is_said_so(keys: Keys) -> None:
    with pytest.raises(CommandError, match="no port"):
        pair(UsbCable("/dev/ttyNOWHERE"), keys)
    assert keys.all() == [], "a key is made for a monitor that answers, not for a wrong port"


def test_an_old_key_opens_nothing_after_the_next_fitting(board: Board, keys: Keys) -> None:
    cable = VirtualCable(board.run_dir)
    pair(cable, keys, session=1)
    old = keys.all()[0].key_bytes
    pair(cable, keys, session=2)
    new = bytes.fromhex(board.control(do="get", path="/pairing")["hex"])
    assert old not in new
    assert new == file_for(keys.all()[1].key_bytes)
    keys.name_session(keys.all()[1].device, 9)
    assert [p.session for p in keys.all()] == [1, 9]


def test_which_cable_a_fitting_takes(monkeypatch: pytest.MonkeyPatch, board: Board) -> None:
    virtual = fitting.cable_for("auto", f"virtual:{board.run_dir}")
    assert virtual is not None
    assert isinstance(virtual.cable, VirtualCable)
    assert fitting.cable_for("none", f"virtual:{board.run_dir}") is None
    there = [("/dev/ttyACM0", "Pico")]
    monkeypatch.setattr(fitting, "candidates", lambda: there)
    found = fitting.cable_for("auto", "system")
    assert found is not None
    assert (type(found.cable), found.name) == (UsbCable, "/dev/ttyACM0")
    there.append(("/dev/ttyACM1", "Pico"))
    with pytest.raises(UsageProblem, match="Several cables"):
        fitting.cable_for("auto", "system")
    there.clear()
    assert fitting.cable_for("auto", "system") is None
    assert "NO KEY" in fitting.without_cable(paired=False)
    assert "keeps the key" in fitting.without_cable(paired=True)
