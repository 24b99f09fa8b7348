"""The image folder: what is in it, and how it is made and read.

    main.py          one line; MicroPython runs it after a reset
    start.mpy        firmware/main.py, compiled
    board.mpy        boards/BOARD/board.py, compiled
    image_info.mpy   made here: VERSION, BOARD, ARCH, BUILD (16 hex digits over all other files)
    monitor/...      the package, compiled
    manifest.json    every file with its size and SHA-256

Beside the folder lies the same as the one file that a board keeps (see `slotfile`).

MicroPython runs only a file called `main.py` and prefers `x.py` to `x.mpy`: so the application
itself is `start.mpy`, and `main.py` is the one line that imports it.
"""

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from heartlog.errors import CommandError
from heartlog.image import codemap, slotfile
from heartlog.image.board import read_description
from heartlog.image.compile import compile_mpy, compile_text, is_empty
from heartlog.image.contents import modules_for, runs_in_place
from heartlog.image.places import boards_dir, default_image_dir, firmware_dir
from heartlog.image.slim import slimmed

MANIFEST = "manifest.json"
ARCHIVE = ".img"
FORMAT = 1
BOOT_LINE = b"import start\n"
LOADER = "loader.py"  # goes onto a board as its /main.py, as source, beside the images


@dataclass(frozen=True)
class ImageFile:
    """One file of an image: its path on the board, its size in bytes, its SHA-256 in hex."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class ImageInfo:
    """A built image.

    `folder` holds the files, `archive` the compiled ones packed into the one file that a board
    keeps. `build` names the contents: two images with the same `build` are the same.
    """

    folder: Path
    archive: Path
    board: str
    arch: str
    version: str
    build: str
    files: tuple[ImageFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files on the board, the manifest left out."""
        return sum(file.size for file in self.files)


def firmware_version() -> str:
    """The version of this checkout or installation, e.g. "0.1.0"."""
    try:
        return version("heartlog")
    except PackageNotFoundError as error:
        raise CommandError(
            "Heartlog is not installed in this environment, so the image has no version",
            hint="Run `make setup`, or `pip install -e .` in the checkout.",
        ) from error


def compile_all(board: str, arch: str) -> dict[str, bytes]:
    """Path on the board -> contents, for every file but `image_info.mpy` and the manifest."""
    firmware = firmware_dir()
    board_file = boards_dir() / board / "board.py"
    if not board_file.is_file():
        raise CommandError(
            f"The board {board} has no {board_file.name}",
            hint=f"Write {board_file}: it names the pins and makes the buses.",
        )
    wanted = modules_for(board_file)
    lines = bool(read_description(board).get("lines", True))
    sources = {}
    for source in sorted(firmware.rglob("*.py")):
        inside = source.relative_to(firmware).as_posix()
        if not is_empty(source) and source.name != LOADER and wanted(inside):
            sources[inside] = source.read_bytes()
    if runs_in_place(board_file):  # it has little memory
        sources = slimmed(sources)
    files = {"main.py": BOOT_LINE}
    for inside, text in sources.items():
        target = "start.mpy" if inside == "main.py" else inside.removesuffix(".py") + ".mpy"
        files[target] = compile_text(text, arch, inside, lines)
    files["board.mpy"] = compile_mpy(board_file, arch, lines=lines)
    if runs_in_place(board_file):
        files[codemap.NAME] = codemap.code_map(files)
    return files


def frozen_sources(board: str, out: Path | None = None) -> Path:
    """Lay out the sources as a board's `manifest.py` freezes them into a MicroPython build.

    `main.py` is the application itself here (a frozen `main.py` is run after a reset), and
    `image_info.py` names the same build as the image does; `board.py` ends with what board.json
    says of a frozen build. Returns the folder, by default
    `build/frozen-BOARD` beside the images.
    """
    told = read_description(board)
    arch = str(told.get("arch"))
    image = compile_all(board, arch)
    folder = out if out is not None else default_image_dir(board).with_name(f"frozen-{board}")
    files = {
        source.relative_to(firmware_dir()).as_posix(): source.read_bytes()
        for source in sorted(firmware_dir().rglob("*.py"))
        if not is_empty(source) and source.name != LOADER
    }
    constants = told.get("flash", {}).get("frozen", {}).get("board", {})
    lines = "".join(f"{name} = {value!r}\n" for name, value in sorted(constants.items()))
    files["board.py"] = (boards_dir() / board / "board.py").read_bytes() + (
        b"\n# Frozen in, it has other room (board.json).\n" + lines.encode() if lines else b""
    )
    files["image_info.py"] = _image_info(board, arch, _build_name(image))
    files[MANIFEST] = b"{}\n"
    _write(folder, files)
    return folder


def mip_package(entries: list[ImageFile], number: str) -> bytes:
    """`package.json` as `mpremote mip install` reads it: each file lies beside it."""
    urls = [[entry.path, entry.path] for entry in entries]
    return (json.dumps({"urls": urls, "deps": [], "version": number}, indent=1) + "\n").encode()


def _image_info(board: str, arch: str, build: str) -> bytes:
    return (
        f"VERSION = {firmware_version()!r}\nBOARD = {board!r}\n"
        f"ARCH = {arch!r}\nBUILD = {build!r}\n"
    ).encode()


def _build_name(files: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path}\0{len(files[path])}\0".encode())
        digest.update(files[path])
    return digest.hexdigest()[:16]


def build_image(board: str, out: Path | None = None) -> ImageInfo:
    """Compile the firmware for a board into a folder and an archive beside it.

    `out` is the folder (by default `build/image-BOARD` in a checkout, a cache folder otherwise);
    an image that was there is replaced, other files in it are not touched.

    Raises:
        CommandError: no such board, a file that does not compile, a folder that is not ours.
    """
    described = read_description(board)
    arch = str(described.get("arch"))
    files = compile_all(board, arch)
    build = _build_name(files)
    number = firmware_version()
    info = _image_info(board, arch, build)
    files["image_info.mpy"] = compile_text(info, arch, "image_info.py")
    entries = [
        ImageFile(path, len(files[path]), hashlib.sha256(files[path]).hexdigest())
        for path in sorted(files)
    ]
    manifest = {
        "format": FORMAT,
        "board": board,
        "arch": arch,
        "version": number,
        "build": build,
        "files": [{"path": e.path, "size": e.size, "sha256": e.sha256} for e in entries],
    }
    files[MANIFEST] = (json.dumps(manifest, indent=1) + "\n").encode()
    folder = out if out is not None else default_image_dir(board)
    archive = folder.with_name(folder.name + ARCHIVE)
    _write(folder, files | {"package.json": mip_package(entries, number)})
    packed = slotfile.pack(files, board=board, arch=arch, version=number, build=build)
    _write_file(archive, packed)
    return ImageInfo(folder, archive, board, arch, number, build, tuple(entries))


def _write_file(path: Path, data: bytes) -> None:
    """Replace a file whole, for other processes may be building or reading the same."""
    fresh = path.with_name(f".{path.name}-{os.getpid()}-new")
    fresh.write_bytes(data)
    fresh.replace(path)


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Replace the image in a folder; refuse to touch a folder that holds something else.

    Whole or not at all, and only if it differs: boards may be booting from it, and other
    processes (tests side by side) may be building the same.
    """
    if folder.exists():
        if any(folder.iterdir()) and not (folder / MANIFEST).is_file():
            raise CommandError(
                f"{folder} holds something that is not an image, and is left alone",
                hint="Name an empty folder, or one that does not exist yet.",
            )
        if _same(folder, files):
            return
    fresh = folder.with_name(f".{folder.name}-{os.getpid()}-new")
    old = folder.with_name(f".{folder.name}-{os.getpid()}-old")
    for path, contents in files.items():
        target = fresh / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(contents)
    try:
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
    except OSError:
        if not _same(folder, files):
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _same(folder: Path, files: dict[str, bytes]) -> bool:
    """Whether the folder holds this very image."""
    try:
        return all((folder / path).read_bytes() == data for path, data in files.items())
    except OSError:
        return False


def load_image(folder: Path) -> ImageInfo:
    """Read an image folder back and check every file against the manifest.

    Raises:
        CommandError: no manifest, one that can't be read, a file that is missing or differs.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        entries = tuple(
            ImageFile(str(f["path"]), int(f["size"]), str(f["sha256"])) for f in manifest["files"]
        )
        info = ImageInfo(
            folder,
            folder.with_name(folder.name + ARCHIVE),
            str(manifest["board"]),
            str(manifest["arch"]),
            str(manifest["version"]),
            str(manifest["build"]),
            entries,
        )
    except FileNotFoundError as error:
        raise CommandError(
            f"{folder} is no firmware image: it has no {MANIFEST}",
            hint="Build one with `make image BOARD=...`.",
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise CommandError(
            f"{path} can't be read as an image's manifest ({error})",
            hint="Build the image again with `make image BOARD=...`.",
        ) from error
    contents = {}
    for entry in entries:
        file = folder / entry.path
        contents[entry.path] = file.read_bytes() if file.is_file() else b""
        if hashlib.sha256(contents[entry.path]).hexdigest() != entry.sha256:
            raise CommandError(
                f"{file} is not what the manifest says",
                hint="Build the image again with `make image BOARD=...`.",
            )
    packed = slotfile.pack(
        contents, board=info.board, arch=info.arch, version=info.version, build=info.build
    )
    if not info.archive.is_file() or info.archive.read_bytes() != packed:
        raise CommandError(
            f"{info.archive} is not what {folder} holds, packed into one file",
            hint="Build the image again with `make image BOARD=...`.",
        )
    return info
