"""MicroPython's own files are checked before anything is written with them."""

import hashlib
import struct
from pathlib import Path

import pytest

from heartlog.device.micropython import check_file, put
from heartlog.errors import CommandError, NotFound
from heartlog.image.board import load_board

PICO, PICO2 = load_board("pico_w"), load_board("pico2_w")
C3, WB55 = load_board("esp32_c3"), load_board("nucleo_wb55")


def uf2(family: int, blocks: int = 3) -> bytes:
    """A UF2 file as its specification draws it."""
    out = b""
    for n in range(blocks):
        head = struct.pack("<8I", 0x0A324655, 0x9E5D5157, 0x2000, 256 * n, 256, n, blocks, family)
        out += head + bytes(476) + struct.pack("<I", 0x0AB16F30)
    return out


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "micropython.uf2"
    path.write_bytes(uf2(0xE48BFF56))
    return path


def test_the_right_file_is_copied_to_the_drive(file: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    drive = tmp_path / "RPI-RP2"
    drive.mkdir()
    with pytest.raises(CommandError, match="not the drive of a board in its loader"):
        put(PICO, file, sha256=digest, drive=drive)
    (drive / "INFO_UF2.TXT").write_text("UF2 Bootloader v3.0\n")
    assert put(PICO, file, sha256=digest.upper(), drive=drive) == digest
    assert (drive / file.name).read_bytes() == file.read_bytes()


def test_files_that_are_refused(file: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file"):
        check_file(tmp_path / "missing.uf2", PICO, None)
    with pytest.raises(CommandError, match="not the file that was meant"):
        check_file(file, PICO, "00" * 32)
    with pytest.raises(CommandError, match="for another chip than the RP2350"):
        check_file(file, PICO2, None)
    file.write_bytes(uf2(0xE48BFF56)[:-1])
    with pytest.raises(CommandError, match="cut off"):
        check_file(file, PICO, None)
    damaged = bytearray(uf2(0xE48BFF56))
    damaged[512] ^= 1
    file.write_bytes(bytes(damaged))
    with pytest.raises(CommandError, match="damaged"):
        check_file(file, PICO, None)
    with pytest.raises(CommandError, match="no image for an Espressif chip"):
        check_file(file, C3, None)
    with pytest.raises(CommandError, match="no DfuSe file"):
        check_file(file, WB55, None)


def test_esptool_is_told_chip_port_and_place(tmp_path: Path) -> None:
    path = tmp_path / "micropython.bin"
    path.write_bytes(b"\xe9" + bytes(100))
    ran: list[list[str]] = []

    def run(command: list[str]) -> int:
        ran.append(command[1:])
        return 0

    put(C3, path, port="/dev/ttyUSB0", run=run)
    head = ["-m", "esptool", "--chip", "esp32c3", "--port", "/dev/ttyUSB0"]
    assert ran == [[*head, "erase-flash"], [*head, "write-flash", "0x0", str(path)]]
    with pytest.raises(CommandError, match="ended with status 2"):
        put(C3, path, run=lambda _command: 2)


def test_esptool_knows_these_words() -> None:
    """The commands and options used above exist in the esptool that is installed."""
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "esptool", "--help"], capture_output=True, text=True, check=True
    )
    for word in ("erase-flash", "write-flash", "--chip", "--port", "esp32c3", "esp32s3"):
        assert word in done.stdout
