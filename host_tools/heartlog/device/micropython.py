"""Puts MicroPython itself on a board, from a file whose hash is checked first.

UF2 boards: the file is copied onto the drive that the board shows. Espressif chips: esptool erases
and writes. ST: dfu-util writes. Which file, and why it is trusted, is in `official`.
"""

import hashlib
import re
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

from heartlog.errors import CommandError, NotFound, UsageProblem
from heartlog.image.board import Board

# UF2 specification (github.com/microsoft/uf2): magic numbers, and the families of the two chips.
_UF2_FIRST, _UF2_SECOND, _UF2_END = 0x0A324655, 0x9E5D5157, 0x0AB16F30
_UF2_HAS_FAMILY = 0x2000
_FAMILIES = {"RP2040": (0xE48BFF56,), "RP2350": (0xE48BFF59,)}
# ESP-IDF, app image format (esp_app_format.h): the first byte, and the chip's number at byte 12.
_ESP_MAGIC = 0xE9
_ESP_CHIPS = {"esp32c3": 5, "esp32s3": 9}
# ST UM0391, DfuSe file format: prefix of 11 bytes, suffix of 16 with a CRC-32 over all before it.
_DFU_PREFIX, _DFU_SUFFIX = 11, 16

Run = Callable[[list[str]], int]


def check_hash(sha256: str) -> None:
    """
    Raises:
        UsageProblem: that is no SHA-256 in hex, whatever file is meant.
    """
    if not re.fullmatch(r"[0-9a-fA-F]{64}", sha256.strip()):
        raise UsageProblem(f"{sha256!r} is no SHA-256.", "It has 64 digits, 0 to 9 and a to f.")


def check_file(path: Path, board: Board, sha256: str | None) -> str:
    """Check that a file is MicroPython for this kind of board and has the hash that was given.

    Returns the file's SHA-256 in hex.

    Raises:
        NotFound: there is no such file.
        CommandError: another hash, another kind of file, or one for another chip.
    """
    if not path.is_file():
        raise NotFound(
            f"There is no file {path}.",
            f"Download it from https://micropython.org/download/{board.build}.",
        )
    contents = path.read_bytes()
    digest = hashlib.sha256(contents).hexdigest()
    if sha256 is not None and digest != sha256.strip().lower():
        raise CommandError(
            f"{path} is not the file that was meant: its SHA-256 is {digest}.",
            "Download it again, or check the hash. Nothing was written.",
        )
    how = board.install["how"]
    if how == "uf2":
        _check_uf2(path, contents, board)
    elif how == "esptool":
        _check_esp(path, contents, board)
    elif how == "dfu":
        _check_dfu(path, contents, board)
    return digest


def _check_uf2(path: Path, contents: bytes, board: Board) -> None:
    if len(contents) < 512 or len(contents) % 512:
        raise CommandError(f"{path} is no UF2 file, or is cut off.", "Download it again.")
    families = set()
    for at in range(0, len(contents), 512):
        first, second, flags, _, size, _, _, family = struct.unpack_from("<8I", contents, at)
        (end,) = struct.unpack_from("<I", contents, at + 508)
        if (first, second, end) != (_UF2_FIRST, _UF2_SECOND, _UF2_END) or size > 476:
            raise CommandError(f"{path} is no UF2 file, or is damaged.", "Download it again.")
        families.add(family if flags & _UF2_HAS_FAMILY else 0)
    # RP2350 files may begin with a block of the absolute family (erratum E10); one must fit.
    if not families & set(_FAMILIES[board.mcu]):
        raise CommandError(
            f"{path} is for another chip than the {board.mcu} of the {board.title}.",
            f"Take the file from https://micropython.org/download/{board.build}.",
        )


def _check_esp(path: Path, contents: bytes, board: Board) -> None:
    hint = f"Take the .bin file from https://micropython.org/download/{board.build}."
    if len(contents) < 24 or contents[0] != _ESP_MAGIC:
        raise CommandError(f"{path} is no image for an Espressif chip.", hint)
    if int.from_bytes(contents[12:14], "little") != _ESP_CHIPS[str(board.install["chip"])]:
        raise CommandError(
            f"{path} is for another chip than the {board.mcu} of the {board.title}.", hint
        )


def _check_dfu(path: Path, contents: bytes, board: Board) -> None:
    hint = f"Take the .dfu file from https://micropython.org/download/{board.build}."
    if len(contents) < _DFU_PREFIX + _DFU_SUFFIX or contents[:6] != b"DfuSe\x01":
        raise CommandError(f"{path} is no DfuSe file.", hint)
    told = int.from_bytes(contents[6:10], "little")
    # The sum is CRC-32 without its last inversion.
    right = zlib.crc32(contents[:-4]) ^ 0xFFFFFFFF
    if (
        told != len(contents) - _DFU_SUFFIX
        or contents[-8:-5] != b"UFD"
        or int.from_bytes(contents[-4:], "little") != right
    ):
        raise CommandError(f"{path} is damaged: its length or its sum is wrong.", hint)


def check_drive(drive: Path, board: Board) -> None:
    """Refuse a folder that is not the drive of this kind of board in its loader.

    Raises:
        CommandError: no INFO_UF2.TXT there, or one of another chip.
    """
    enter = f"To get there: {board.install['enter']}."
    try:
        told = (drive / "INFO_UF2.TXT").read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise CommandError(
            f"{drive} is not the drive of a board in its loader.",
            f"It must hold INFO_UF2.TXT. {enter}",
        ) from error
    told_id = re.search(r"^Board-ID:\s*(\S+)", told, re.MULTILINE)
    if told_id is None or told_id[1] != board.install["drive"]:
        found = told_id[1] if told_id else "of something without a Board-ID"
        raise CommandError(
            f"The drive {drive} is {found}, not the {board.install['drive']} of a {board.title}.",
            f"Nothing was written. {enter}",
        )


def find_drive(label: str) -> Path:
    """Where the board's drive is mounted.

    Raises:
        NotFound: no drive of that name.
    """
    places: list[Path] = []
    if sys.platform == "win32":
        for letter in "DEFGHIJKLMNOPQRSTUVWXYZ":
            places.append(Path(f"{letter}:/"))
    else:
        for root in ("/media", "/run/media", "/Volumes", "/mnt"):
            places += sorted(Path(root).glob(label)) + sorted(Path(root).glob(f"*/{label}"))
    for place in places:
        if (place / "INFO_UF2.TXT").is_file():
            return place
    raise NotFound(
        f"No drive {label} is there.",
        "Put the board into its loader (see boards/README.md), wait for the drive, mount it,"
        " or name its folder with --drive.",
    )


def _run(command: list[str]) -> int:
    return subprocess.run(command, check=False).returncode


def put(
    board: Board,
    path: Path,
    *,
    sha256: str | None = None,
    port: str | None = None,
    drive: Path | None = None,
    run: Run = _run,
) -> str:
    """Write MicroPython from `path` onto a board that is in its loader; returns its SHA-256.

    `run` runs a program and returns its exit status.

    Raises:
        NotFound, CommandError: as `check_file`; no drive; a program missing or failed.
    """
    digest = check_file(path, board, sha256)
    how = board.install["how"]
    if how == "uf2":
        target = drive if drive is not None else find_drive(str(board.install["drive"]))
        check_drive(target, board)
        shutil.copyfile(path, target / path.name)
        return digest
    if how == "esptool":
        base = [sys.executable, "-m", "esptool", "--chip", str(board.install["chip"])]
        base += ["--port", port] if port else []
        commands = [
            [*base, "erase-flash"],
            [*base, "write-flash", hex(int(board.install["offset"])), str(path)],
        ]
    elif how == "dfu":
        if shutil.which("dfu-util") is None:
            raise CommandError(
                "dfu-util is not installed.",
                "Install your system's package: apt install dfu-util, brew install dfu-util.",
            )
        commands = [["dfu-util", "-a", "0", "-D", str(path)]]
    else:
        raise CommandError(
            f"{board.title} gets MicroPython in another way.", f"{board.install['enter']}."
        )
    for command in commands:
        status = run(command)
        if status != 0:
            raise CommandError(
                f"{' '.join(command[:6])} ended with status {status}.",
                f"Is the board in its loader? To get there: {board.install['enter']}.",
            )
    return digest
