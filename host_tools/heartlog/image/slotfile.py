"""The one file that a board keeps an image in, and imports its modules from.

    data = pack(files, board="pico_w", arch="armv6m", version="0.1.0", build="04faf669861a74c7")
    unpack(data).files["monitor/app.mpy"]

Some seventy small files would each fill whole blocks of 4096 bytes on a board's flash: twice the
room. So an image is one file, which the board's loader (`firmware/loader.py`) mounts read-only:

    HLI1 00113456 002840                       mark, bytes of the file, bytes of the other lines
    pico_w armv6m 0.1.0 04faf669861a74c7       what it is for, which version and build it is
    board.mpy 2861 578 839                     path, place in the file, packed bytes, bytes
    ...

Behind the lines lie the modules, each packed by itself: raw deflate (RFC 1951) with a window of
2 KiB, which MicroPython's own `deflate` unpacks while it imports. A larger window makes the image
smaller by a thousandth and takes more of a board's heap.
"""

import zlib
from dataclasses import dataclass

MARK = "HLI1"
FIRST_LINE = 21
WINDOW_BITS = 11
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


def deflated(contents: bytes) -> bytes:
    """Contents as they are in an image file."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -WINDOW_BITS, 9)
    return packer.compress(contents) + packer.flush()


def pack(files: dict[str, bytes], *, board: str, arch: str, version: str, build: str) -> bytes:
    """The image file of the modules in `files` (path -> contents); other files are left out."""
    inside = {path: files[path] for path in sorted(files) if path.endswith(SUFFIXES)}
    packed = {path: deflated(contents) for path, contents in inside.items()}
    about = f"{board} {arch} {version} {build}"
    size = 0
    # The lines name places that depend on how long the lines are: twice round, or three times.
    while True:
        lines, at = [about], size
        for path, contents in inside.items():
            lines.append(f"{path} {at} {len(packed[path])} {len(contents)}")
            at += len(packed[path])
        text = "\n".join(lines).encode() + b"\n"
        if size == FIRST_LINE + len(text):
            break
        size = FIRST_LINE + len(text)
    first = f"{MARK} {at:08d} {len(text):06d}\n".encode()
    return first + text + b"".join(packed.values())


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
