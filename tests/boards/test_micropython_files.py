"""MicroPython's own files are checked before anything is written with them."""

import hashlib
import struct
import zlib
from pathlib import Path

import pytest

from heartlog.device.micropython import check_file, put
from heartlog.errors import CommandError, NotFound
from heartlog.image.board import load_board

PICO, PICO2 = load_board("pico_w"), load_board("pico2_w")
C3, S3 = load_board("esp32_c3"), load_board("esp32_s3")
WB55 = load_board("nucleo_wb55")


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
    info = "UF2 Bootloader v3.0\nModel: Raspberry Pi RP2\nBoard-ID: RPI-RP2\n"
    (drive / "INFO_UF2.TXT").write_text(info.replace("RPI-RP2", "RP2350"))
    with pytest.raises(CommandError, match="is RP2350, not the RPI-RP2 of a Raspberry Pi Pico W"):
        put(PICO, file, sha256=digest, drive=drive)
    (drive / "INFO_UF2.TXT").write_text("something else")
    with pytest.raises(CommandError, match="without a Board-ID"):
        put(PICO, file, sha256=digest, drive=drive)
    (drive / "INFO_UF2.TXT").write_text(info)
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


def espressif(chip: int) -> bytes:
    """The header of an image, as ESP-IDF's esp_app_format.h draws it."""
    return bytes([0xE9, 3, 2, 0x2F]) + bytes(8) + chip.to_bytes(2, "little") + bytes(100)


def dfuse(contents: bytes = bytes(2000)) -> bytes:
    """A DfuSe file with one target, as ST's UM0391 draws it."""
    element = struct.pack("<II", 0x08008000, len(contents)) + contents
    target = b"Target" + struct.pack("<BI255sII", 0, 1, b"Flash", len(element), 1) + element
    body = b"DfuSe" + struct.pack("<BIB", 1, 11 + len(target), 1) + target
    body += struct.pack("<HHHH3sB", 0, 0xDF11, 0x0483, 0x011A, b"UFD", 16)
    return body + struct.pack("<I", zlib.crc32(body) ^ 0xFFFFFFFF)


def test_files_for_other_chips_and_damaged_ones(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(espressif(9))
    check_file(path, S3, None)
    with pytest.raises(CommandError, match="another chip than the ESP32-C3"):
        check_file(path, C3, None)
    good = dfuse()
    path.write_bytes(good)
    check_file(path, WB55, None)
    for damaged in (good[:-1], good[:500] + b"x" + good[501:], good[:-6] + b"x" + good[-5:]):
        path.write_bytes(damaged)
        with pytest.raises(CommandError, match="damaged"):
            check_file(path, WB55, None)


def test_esptool_reads_the_chip_as_this_does(tmp_path: Path) -> None:
    """esptool's own reader of images, on a whole one that its merge makes."""
    from esptool.bin_image import LoadFirmwareImage
    from esptool.targets import CHIP_DEFS

    for chip, board in (("esp32c3", C3), ("esp32s3", S3)):
        image = CHIP_DEFS[chip].BOOTLOADER_IMAGE()
        image.entrypoint = 0x40380000
        path = tmp_path / f"{chip}.bin"
        image.save(str(path))
        check_file(path, board, None)
        assert LoadFirmwareImage(chip, str(path)).chip_id == path.read_bytes()[12]


def test_esptool_is_told_chip_port_and_place(tmp_path: Path) -> None:
    path = tmp_path / "micropython.bin"
    path.write_bytes(espressif(5))
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
