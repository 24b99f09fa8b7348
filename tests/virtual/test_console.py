"""Ctrl-C on the virtual board's cable: it hits the program, never the world that is modelled."""

import contextlib
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mpremote.transport_serial import SerialTransport

from virtual_board import Board

# A model is at work nearly all of the time here: an interrupt handler, every 100 us.
_BUSY = """
import time
from machine import Pin, Timer
tick = Timer(freq=10000, mode=Timer.PERIODIC, hard=True, callback=lambda t: None)
print("running")
while True:
    time.sleep_ms(1)
"""
# No model ever gets to do anything: simulated time stands still.
_DEAF = """
print("running")
while True:
    pass
"""


@pytest.fixture(scope="module")
def cable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SerialTransport]:
    folder = tmp_path_factory.mktemp("console")
    (folder / "main.py").write_text("")
    with Board(
        record="flat",
        image=folder,
        part=None,
        speed=0,
        console=True,
        files={"/main.py": str(folder / "main.py")},
    ) as board:
        port = json.loads((Path(board.run_dir) / "board.json").read_text())["console"]
        link = SerialTransport(port, timeout=60)
        with contextlib.redirect_stdout(io.StringIO()):
            link.enter_raw_repl(soft_reset=False, timeout_overall=60)
        yield link
        link.close()


def interrupted(link: SerialTransport, program: str, after: float) -> str:
    """The traceback of a program that got a Ctrl-C `after` seconds."""
    link.exec_raw_no_follow(program)
    assert link.read_until(1, b"running", timeout=60).endswith(b"running")
    time.sleep(after)
    link.serial.write(b"\x03")
    _, raised = link.follow(60)
    return raised.decode()


@pytest.mark.parametrize("after", [0.0, 0.01, 0.02, 0.03, 0.05])
def test_no_model_is_interrupted(cable: SerialTransport, after: float) -> None:
    raised = interrupted(cable, _BUSY, after)
    assert "KeyboardInterrupt" in raised
    assert "in sleep" in raised
    assert "in heed" in raised


def test_a_program_that_looks_at_nothing_is_interrupted(cable: SerialTransport) -> None:
    raised = interrupted(cable, _DEAF, 0.05)
    assert "KeyboardInterrupt" in raised
    assert "heed" not in raised


def test_an_interrupt_that_came_too_late_hits_nobody(cable: SerialTransport) -> None:
    """The program had ended before it was asked; the next one is not to pay for it."""
    for _ in range(20):
        cable.exec_raw_no_follow("import time\nprint('running')\ntime.sleep_ms(3)\nprint('done')")
        cable.read_until(1, b"running", timeout=60)
        cable.serial.write(b"\x03")
        cable.follow(60)
        said, raised = cable.exec_raw("time.sleep_ms(50)\nprint('next')", timeout=60)
        assert (said.strip(), raised) == (b"next", b"")
