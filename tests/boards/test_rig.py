"""The production test: Adafruit's own library on an ADS1115 model, and a board on its cable."""

import asyncio
import dataclasses
import datetime as dt
import json
import time
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from heartlog.ble import open_backend
from heartlog.device.cli import micropython as put_micropython
from heartlog.errors import CommandError, NotFound, UsageProblem
from heartlog.image import board_names, build_image
from heartlog.image.board import load_board
from heartlog.link.monitor import Monitor
from heartlog.records import equipment
from heartlog.rig.certificate import write_certificate
from heartlog.rig.cli import bench
from heartlog.rig.keep import keep
from heartlog.rig.measure import measure, open_bus
from heartlog.rig.station import Outcome, Step, check_serial, examine
from heartlog.security.keys import Keys
from heartlog.store import Store
from virtual_board import Board as VirtualBoard

from .ads1115_model import Ads1115, I2CBus, Volts

PICO = load_board("pico_w")
REAL = [name for name in board_names() if name != "virtual"]


def rig(battery: Volts = 1.95, supply: Volts = 1.65, vref: Volts = 2.42) -> I2CBus:
    """A healthy board on the rig, unless a rail is given: volts at the converters' inputs."""
    return I2CBus({0x48: Ads1115([battery, supply, 1.65, vref]), 0x49: Ads1115([1.65, 0, 0, 0])})


@pytest.mark.parametrize("name", REAL)
def test_a_healthy_board_passes(name: str) -> None:
    bus = rig()
    results = measure(bus, load_board(name).rails)
    assert [r.name for r in results] == ["battery", "3V3", "AVDD", "VREF", "RLD"]
    assert all(r.passed for r in results), [r.words() for r in results]
    # One bit is 125 uV, and half of them can be lost; the divider doubles it.
    assert results[0].mv == pytest.approx(3900, abs=0.25)
    assert results[3].mv == pytest.approx(2420, abs=0.125)
    for chip in bus.chips.values():
        assert chip.complaints == []
    assert bus.chips[0x48].conversions == 4 * 16


@pytest.mark.parametrize(
    ("bus", "fails"),
    [
        (rig(battery=1.5), "battery"),
        (rig(supply=1.73), "3V3"),
        (rig(vref=2.2), "VREF"),
        (rig(supply=0.0), "3V3"),
    ],
)
def test_a_rail_outside_its_limits(bus: I2CBus, fails: str) -> None:
    failed = [r for r in measure(bus, PICO.rails) if not r.passed]
    assert [r.name for r in failed] == [fails]
    assert failed[0].words().endswith("FAIL")


def test_a_rail_that_moves() -> None:
    """Its mean is right, and yet a bad joint makes it jump."""
    turns = iter(range(1000))
    results = measure(rig(supply=lambda: 1.65 + 0.02 * (-1) ** next(turns)), PICO.rails)
    moving = next(r for r in results if r.name == "3V3")
    assert moving.least_mv < moving.mv < moving.most_mv
    assert moving.spread_mv == pytest.approx(80, abs=1)
    assert not moving.passed


def test_a_converter_that_is_not_there() -> None:
    bus = I2CBus({0x48: Ads1115([1.95, 1.65, 1.65, 2.42])})
    with pytest.raises(CommandError, match=r"converter at 0x49 \(for RLD\) does not answer"):
        measure(bus, PICO.rails)


def test_no_rig_on_this_computer() -> None:
    with pytest.raises(CommandError, match="no I2C bus") as caught:
        open_bus()
    assert "--no-rig" in caught.value.hint


@pytest.mark.parametrize("serial", ["", "HL", "HL 42", "HL/42", "x" * 40])
def test_serial_numbers(serial: str) -> None:
    assert check_serial(" hl-0042 ") == "HL-0042"
    with pytest.raises(UsageProblem, match="no serial number"):
        check_serial(serial)


def test_what_can_be_refused_is_refused_before_the_test(tmp_path: Path) -> None:
    """Flashing and measuring take minutes; no board is asked for before that."""
    with pytest.raises(UsageProblem, match="says nothing about the electrodes"):
        bench("pico_w", "HL-0042", electrodes="sideways", folder=tmp_path)
    with pytest.raises(NotFound, match=r"no folder .*nowhere for the certificate"):
        bench("pico_w", "HL-0042", folder=tmp_path / "nowhere")
    with pytest.raises(UsageProblem, match="is no SHA-256"):
        put_micropython("pico_w", sha256="zz", download_only=True)


async def describe(board: VirtualBoard, keys: Keys) -> tuple[str, str]:
    """Serial number and firmware, as the monitor tells them to the computer that paired it."""
    async with open_backend(f"virtual:{board.run_dir}") as backend:
        found: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def hear(device: Any, advertisement: Any) -> None:
            identifier = bytes(advertisement.manufacturer_data.get(0xFFFF, b""))
            pairing = keys.whose(identifier)
            if pairing is not None and not found.done():
                found.set_result((device, pairing.key_bytes))

        async with backend.scanner(detection_callback=hear):
            device, key = await asyncio.wait_for(found, 60)
        async with Monitor(backend, device, key) as monitor:
            return monitor.info.serial, monitor.info.firmware


@pytest.mark.slow
def test_a_monitor_from_empty_board_to_certificate(micropython: str, tmp_path: Path) -> None:
    """Everything but the voltages is the real thing: cable, firmware, self-test, store, PDF."""
    image = build_image("virtual", tmp_path / "image")
    empty = tmp_path / "empty.py"
    empty.write_text("")
    described = dataclasses.replace(load_board("virtual"), rails=PICO.rails)
    store = Store.open(str(tmp_path / "store.db"))
    keys = Keys(tmp_path, bytes(32))
    with VirtualBoard(
        record="flat",
        image=image.folder,
        speed=0,
        console=True,
        flash_bytes=2 << 20,
        files={"/main.py": str(empty)},
    ) as running:
        port = json.loads((Path(running.run_dir) / "board.json").read_text())["console"]
        outcome = examine(
            described,
            image,
            port,
            "hl-0042",
            bus=rig(),
            done_by="Ada",
            electrodes="connected",
            update_key=bytes(32),
            keys=keys,
        )
        told = asyncio.run(describe(running, keys))
    assert outcome.passed, outcome.steps
    names = [step.name for step in outcome.steps]
    assert names == ["Firmware", "Rails", "Self-test and calibration", "Serial number", "Keys"]
    assert told == ("HL-0042", image.version)
    assert outcome.part == "ADS1292R"
    assert any("gain error CH1" in line for line in outcome.steps[2].found)
    with store:
        keep(store, outcome)
        keep(store, outcome)
        known = equipment.find(store, "HL-0042")
        assert (known.device_id, known.part) == (outcome.unique, "ADS1292R")
        entries = equipment.history(store, "HL-0042")
        assert [entry.passed for entry in entries] == [True, True]
    certificate = tmp_path / "certificate.pdf"
    write_certificate(outcome, certificate, rig=True)
    words = "\n".join(page.extract_text() for page in PdfReader(certificate).pages)
    for wanted in ("HL-0042", outcome.unique, "Ada", "battery 3900 mV", "yes, by the rig"):
        assert wanted in words
    assert "NOT PASSED" not in words
    assert "HL-0042" in outcome.label


def test_a_monitor_that_is_frozen_in(micropython: str, tmp_path: Path) -> None:
    """It is asked which build it is; another than the one that is meant does not pass."""
    image = build_image("virtual", tmp_path / "image")
    with VirtualBoard(record="flat", image=image.folder, speed=3, console=True) as running:
        deadline = time.monotonic() + 60
        while not running.control(do="status")["radio"]["advertising"]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        port = json.loads((Path(running.run_dir) / "board.json").read_text())["console"]
        other = dataclasses.replace(image, build="0" * 16)
        outcome = examine(load_board("virtual"), other, port, "HL-1", bus=None)
    assert [(step.name, step.passed) for step in outcome.steps] == [("Firmware", False)]
    assert (
        outcome.steps[0].found[0]
        == f"{image.version}, build {image.build}, frozen into MicroPython"
    )
    assert "build MicroPython anew" in outcome.steps[0].found[1]


@pytest.mark.parametrize("figures", range(30, 36))
def test_no_sheet_of_a_certificate_ends_with_a_heading(tmp_path: Path, figures: int) -> None:
    """A monitor of two channels has one page, longer tests have as many as they need."""
    at = dt.datetime(2026, 5, 4, 12, 0, tzinfo=dt.UTC)
    found = [f"figure {n}: pass" for n in range(figures)]
    steps = [Step("Self-test", True, tuple(found[:20])), Step("Serial", True, ("HL-1",))]
    outcome = Outcome("HL-1", "pico_w", "0123", "0.1.0", at, "", steps=steps)
    path = tmp_path / "certificate.pdf"
    write_certificate(outcome, path, rig=False)
    assert len(PdfReader(path).pages) == 1
    outcome.steps[1:1] = [Step("More", True, tuple(found))]
    write_certificate(outcome, path, rig=False)
    pages = [page.extract_text().split("\n") for page in PdfReader(path).pages]
    assert len(pages) == 2
    for number, lines in enumerate(pages, 1):
        words = [line for line in lines if line.strip()]
        foot = [line for line in words if "Test certificate" in line or f"page {number}" in line]
        assert len(foot) >= 2
        assert not [line for line in words if line not in foot][-1].endswith(": passed")


def test_the_page_of_a_monitor_that_failed(tmp_path: Path) -> None:
    at = dt.datetime(2026, 5, 4, 12, 0, tzinfo=dt.UTC)
    steps = [Step("Firmware", True), Step("Rails", False, ("3V3 0 mV <dead>: FAIL",))]
    outcome = Outcome("HL-1", "pico_w", "0123", "0.1.0", at, "", steps=steps)
    assert not outcome.passed
    assert not dataclasses.replace(outcome, steps=[]).passed
    path = tmp_path / "report.pdf"
    write_certificate(outcome, path, rig=False)
    words = PdfReader(path).pages[0].extract_text()
    assert "Heartlog HL-1: Test report: NOT PASSED" in words  # at the foot, whose sheet it is
    assert "Test report: NOT PASSED" in words
    assert "no rig was used" in words
    assert "<dead>" in words
