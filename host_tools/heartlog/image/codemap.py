"""`code.map` of an image: the modules in the order to import, and where their functions' code is.

    code_map(files)      # for firmware/monitor/inplace.py, which tells the form

Left out is what must stay in RAM: the module's own code, which runs once; what moves the others;
what runs in the front end's interrupt, whose time must not depend on what the flash's cache holds;
and machine code with constants inside that its module keeps pointers to (`@micropython.native`).
"""

import ast
import struct
from pathlib import Path

from heartlog.image import rawcode
from heartlog.image.mpyfile import Function, functions
from heartlog.image.places import firmware_dir

NAME = "code.map"
FIRST = "monitor.app"
# Imported when they are needed, if ever: nobody waits for them, and their tables take RAM.
RARE = frozenset(
    {
        "monitor.acleads",
        "monitor.afe.respiration",
        "monitor.calibration",
        "monitor.card",
        "monitor.lending",
        "monitor.link.unpack1",
        "monitor.sampler_pio",
        "monitor.selftest",
        "monitor.update",
        "monitor.widen",
        "monitor.wipe",
    }
)
SHORTEST = 6  # bytes by which a board first tells one from another
STAYS = frozenset({"monitor.inplace", "monitor.sampler_core"})


def order(files: dict[str, bytes]) -> list[str]:
    """The modules that a monitor imports until it runs, each after those that it needs itself."""
    inside = {path[:-4].replace("/", ".") for path in files if path.endswith(".mpy")}
    found: list[str] = []
    seen = set(RARE)

    def visit(name: str) -> None:
        source = firmware_dir() / (name.replace(".", "/") + ".py")
        if name in seen or name not in inside or not source.is_file():
            return
        seen.add(name)
        for other in _imports(name, source):
            visit(other)
        found.append(name)

    visit(FIRST)
    return found


def _imports(name: str, source: Path) -> list[str]:
    """What a module may import, by full name; also names that are no modules."""
    package = name.split(".")[:-1]
    found = []
    for node in ast.walk(ast.parse(source.read_bytes())):
        if isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join(above + (node.module.split(".") if node.module else []))
            found += [base] + [f"{base}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return found


def code_of(files: dict[str, bytes]) -> dict[str, list[Function]]:
    """The functions that a board runs where they lie, by path, in the order to import."""
    found = {}
    for name in order(files):
        path = name.replace(".", "/") + ".mpy"
        code = functions(files[path])[1:]
        kept = [one for one in code if one.movable and SHORTEST <= one.size <= rawcode.LONGEST]
        found[path] = [] if name in STAYS else kept
    return found


def code_map(files: dict[str, bytes]) -> bytes:
    """The map of an image's files (path -> contents)."""
    parts = []
    for path, code in code_of(files).items():
        words = [word for one in code for word in (one.at, one.size)]
        name = path.removesuffix(".mpy").replace("/", ".").encode()
        head = len(rawcode.packed_head(files[path], code))
        parts.append(bytes([len(name)]) + name + struct.pack("<HB", head, len(code)))
        parts.append(struct.pack(f"<{len(words)}H", *words))
    return b"".join(parts)


def read_map(data: bytes) -> dict[str, list[tuple[int, int]]]:
    """What `code_map` wrote: module -> (place in its file, bytes) of each function that moves.

    Raises:
        ValueError: it is no such map.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    at = 0
    try:
        while at < len(data):
            end = at + 1 + data[at]
            name, count = data[at + 1 : end].decode("ascii"), data[end + 2]
            words = struct.unpack_from(f"<{2 * count}H", data, end + 3)
            found[name] = list(zip(words[::2], words[1::2], strict=True))
            at = end + 3 + 4 * count
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"no map of code: {error}") from error
    return found
