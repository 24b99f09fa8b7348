"""The one file that a board keeps an image in, and imports its modules from.

    data = pack(files, board="pico_w", arch="armv6m", version="0.1.0", build="04faf669861a74c7")
    unpack(data).files["monitor/app.mpy"]

Some hundred small files would each fill whole blocks of 4096 bytes on a board's flash: twice the
room. So an image is one file, which the board's loader (`firmware/loader.py`) mounts read-only:

    HLI1 00113456 002840                       mark, bytes of the file, bytes of the other lines
    pico_w armv6m 0.1.0 04faf669861a74c7       what it is for, which version and build it is
    board.mpy 2861 578 839                     path, place in the file, packed bytes, bytes
    ...

Behind the lines lie the modules in that order, each packed by itself: raw deflate (RFC 1951) with
a window of 2 KiB, which MicroPython's own `deflate` unpacks while it imports. A larger one makes
the image smaller by a thousandth and takes more of a board's heap. Of a board that runs code where
it lies in flash (an image with a `code.map`) the functions are in it as they are (`rawcode`), and
the lines' numbers have leading zeros: where they end must not depend on what they say.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

from heartlog.image import codemap
from heartlog.image.rawcode import WINDOW_BITS, deflated, placed

MARK = "HLI1"
FIRST_LINE = 21
SUFFIXES = (".mpy", ".map")  # what is imported on a board, and read while importing


@dataclass(frozen=True)
class Unpacked:
    """What is in an image file; `packed` has the packed size in bytes of each path."""

    board: str
    arch: str
    version: str
    build: str
    files: dict[str, bytes]
    packed: dict[str, int]


def pack(files: dict[str, bytes], *, board: str, arch: str, version: str, build: str) -> bytes:
    """The image file of the modules in `files` (path -> contents); other files are left out."""
    inside = {path: files[path] for path in sorted(files) if path.endswith(SUFFIXES)}
    about = f"{board} {arch} {version} {build}"
    if codemap.NAME in inside:
        size = FIRST_LINE + len("\n".join([about, *(_line(path, 0, 0, 0) for path in inside)])) + 1
        packed = dict(placed(inside, codemap.code_of(inside), size, {codemap.NAME}))
        text, at = _lines(about, inside, packed, size, _line)
    else:
        packed = {path: deflated(contents) for path, contents in inside.items()}
        text, at, size = "", 0, 0
        # The lines name places that depend on how long the lines are: twice, or three times.
        while size != FIRST_LINE + len(text):
            size = FIRST_LINE + len(text)
            text, at = _lines(about, inside, packed, size, "{} {} {} {}".format)
    first = f"{MARK} {at:08d} {len(text):06d}\n"
    return (first + text).encode() + b"".join(packed.values())


def _line(path: str, place: int, packed: int, size: int) -> str:
    return f"{path} {place:06d} {packed:05d} {size:05d}"


def _lines(
    about: str,
    files: dict[str, bytes],
    packed: dict[str, bytes],
    at: int,
    line: Callable[[str, int, int, int], str],
) -> tuple[str, int]:
    """The lines of an image whose modules begin at `at`, and where the last of them ends."""
    lines = [about]
    for path, stream in packed.items():
        lines.append(line(path, at, len(stream), len(files[path])))
        at += len(stream)
    return "\n".join(lines) + "\n", at


def unpack(data: bytes) -> Unpacked:
    """What is in an image file.

    Raises:
        ValueError: it is none, or is damaged.
    """
    mark, size, head = data[:FIRST_LINE].decode("ascii").split()
    if mark != MARK or int(size) != len(data):
        raise ValueError("no image file, or not whole")
    text = data[FIRST_LINE : FIRST_LINE + int(head)].decode("ascii")
    about, *entries = text.splitlines()
    board, arch, version, build = about.split()
    files, sizes = {}, {}
    for entry in entries:
        path, place, packed, plain = entry.split()
        sizes[path] = int(packed)
        held = data[int(place) : int(place) + int(packed)]
        try:
            files[path] = zlib.decompress(held, -WINDOW_BITS)
        except zlib.error as error:
            raise ValueError(f"{path} is damaged: {error}") from error
        if len(files[path]) != int(plain):
            raise ValueError(f"{path} is damaged")
    return Unpacked(board, arch, version, build, files, sizes)
