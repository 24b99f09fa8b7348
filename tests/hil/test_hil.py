"""The on-target suite and the engineer's tools, on the virtual board's own REPL."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from heartlog.device.hil import Outcome, junit, main, programs
from heartlog.device.install import install
from heartlog.device.registers import parse, read_registers
from heartlog.device.repl import RemoteError
from heartlog.device.running import Bench
from heartlog.errors import CommandError
from heartlog.image import ImageInfo, build_image
from heartlog.image.board import load_board
from virtual_board import Board as VirtualBoard

ON_TARGET = Path(__file__).parent / "on_target"
VIRTUAL = load_board("virtual")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> ImageInfo:
    return build_image("virtual", tmp_path_factory.mktemp("hil") / "image")


@pytest.fixture
def board(image: ImageInfo, micropython: str, tmp_path: Path) -> Iterator[VirtualBoard]:
    """A virtual board with a cable; its radio and front end are the models of all other tests."""
    empty = tmp_path / "empty.py"
    empty.write_text("")
    # A board as it comes: MicroPython, and a main.py that does nothing.
    with VirtualBoard(
        record="flat",
        image=image.folder,
        speed=3,
        console=True,
        flash_bytes=2 << 20,
        files={"/main.py": str(empty)},
    ) as running:
        yield running


def port_of(board: VirtualBoard) -> str:
    described = json.loads((Path(board.run_dir) / "board.json").read_text())
    return str(described["console"])


@pytest.mark.slow
def test_the_suite_passes_on_the_virtual_board(
    board: VirtualBoard, image: ImageInfo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = port_of(board)
    install(VIRTUAL, image, port)
    report = tmp_path / "hil.xml"
    status = main(
        [
            "virtual",
            *("--port", port),
            *("--backend", f"virtual:{board.run_dir}"),
            *("--electrodes", "connected"),
            *("--junit", str(report)),
        ]
    )
    said = capsys.readouterr().out
    assert status == 0, said
    suite = ElementTree.parse(report).getroot()
    names = {case.get("name") for case in suite.iter("testcase")}
    assert names == {path.stem for path in ON_TARGET.glob("*.py")}
    assert suite.get("failures") == "0"
    assert suite.get("skipped") == "0", said


def test_registers_over_the_cable(board: VirtualBoard, image: ImageInfo) -> None:
    port = port_of(board)
    with pytest.raises(CommandError, match="no Heartlog firmware"):
        read_registers(VIRTUAL, port)
    install(VIRTUAL, image, port)
    told = read_registers(VIRTUAL, port)
    assert told.part == "ADS1292R"
    values = {name: value for name, value, _ in told.rows}
    # Values after reset, from the part's data sheet (SBAS502).
    assert values["ID"] == 0x73
    assert values["CONFIG1"] == 0x02
    assert values["CONFIG2"] == 0x80


def test_registers_of_a_monitor_that_is_frozen_in(image: ImageInfo, micropython: str) -> None:
    """No slots, no loader: the monitor's own main.py runs, holds once, and runs again."""
    with VirtualBoard(record="flat", image=image.folder, speed=3, console=True) as running:
        deadline = time.monotonic() + 90
        while not running.control(do="status")["radio"]["advertising"]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        told = read_registers(VIRTUAL, port_of(running))
        assert {name: value for name, value, _ in told.rows}["ID"] == 0x73
        while running.control(do="status")["boots"] < 3:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        while not running.control(do="status")["radio"]["advertising"]:
            assert time.monotonic() < deadline, "the monitor did not start again"
            time.sleep(0.2)


def test_what_a_failing_test_looks_like(board: VirtualBoard, image: ImageInfo) -> None:
    install(VIRTUAL, image, port_of(board))
    with Bench(VIRTUAL, port_of(board)) as bench, pytest.raises(RemoteError, match="too little"):
        bench.run("assert 1 > 2, 'too little'")


def test_junit_tells_every_outcome() -> None:
    outcomes = [
        Outcome("a", "passed", 1.0, output=["x=1"]),
        Outcome("b", "failed", 0.5, "Traceback\nAssertionError: too little"),
        Outcome("c", "skipped", 0.0, "no front end"),
    ]
    suite = ElementTree.fromstring(junit(outcomes, "pico_w"))
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    failure = suite.find("testcase[@name='b']/failure")
    assert failure is not None
    assert failure.get("message") == "AssertionError: too little"
    assert suite.find("testcase[@name='c']/skipped") is not None


def test_no_programs(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no tests for a board"):
        programs(tmp_path)


def test_dump_is_understood() -> None:
    told = parse("ADS1292R\nID 0x73 id=115\nLOFF_STAT 0x00 \n")
    assert told.rows == (("ID", 0x73, "id=115"), ("LOFF_STAT", 0, ""))
