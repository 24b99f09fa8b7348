"""Puts MicroPython itself on a board, from a file whose hash is checked first.

UF2 boards: the file is copied onto the drive that the board shows. Espressif chips: esptool erases
and writes. ST: dfu-util writes. Official files are at <https://micropython.org/download/>.
Heartlog pins none, since nobody but that site vouches for them: give the hash that your
department approved with --sha256.
"""

import hashlib
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from heartlog.errors import CommandError, NotFound
from heartlog.image.board import Board

# UF2 specification (github.com/microsoft/uf2): magic numbers, and the families of the two chips.
_UF2_FIRST, _UF2_SECOND, _UF2_END = 0x0A324655, 0x9E5D5157, 0x0AB16F30
_UF2_HAS_FAMILY = 0x2000
_FAMILIES = {"RP2040": (0xE48BFF56,), "RP2350": (0xE48BFF59,)}
_ESP_MAGIC = 0xE9  # first byte of an Espressif image (ESP-IDF, app image format)

Run = Callable[[list[str]], int]


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
    elif how == "esptool" and contents[:1] != bytes([_ESP_MAGIC]):
        raise CommandError(
            f"{path} is no image for an Espressif chip.",
            f"Take the .bin file from https://micropython.org/download/{board.build}.",
        )
    elif how == "dfu" and contents[:5] != b"DfuSe":
        raise CommandError(
            f"{path} is no DfuSe file.",
            f"Take the .dfu file from https://micropython.org/download/{board.build}.",
        )
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
        if not (target / "INFO_UF2.TXT").is_file():
            raise CommandError(
                f"{target} is not the drive of a board in its loader.",
                f"It must hold INFO_UF2.TXT. To get there: {board.install['enter']}.",
            )
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
