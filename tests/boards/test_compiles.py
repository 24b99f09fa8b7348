"""Every file that goes onto a board compiles for every architecture that boards have."""

import ast
from pathlib import Path

import pytest

from heartlog.errors import CommandError
from heartlog.image import board_names, boards_dir, firmware_dir
from heartlog.image.compile import ARCHITECTURES, compile_mpy, compile_text

FIRMWARE = sorted(firmware_dir().rglob("*.py"))
BOARD_FILES = [boards_dir() / name / "board.py" for name in board_names()]


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_firmware_file(arch: str) -> None:
    assert FIRMWARE
    for source in FIRMWARE:
        compiled = compile_mpy(source, arch, source.relative_to(firmware_dir()).as_posix())
        assert compiled[:2] == b"M\x06", source


def test_every_board_file() -> None:
    for source in BOARD_FILES:
        assert compile_mpy(source, "armv6m")[:2] == b"M\x06", source


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_what_only_boards_refuse_is_refused(arch: str, tmp_path: Path) -> None:
    """0x40000000 is no small integer on a 32-bit board; viper code can't hold it as a literal."""
    text = "import micropython\n@micropython.viper\ndef f() -> int:\n    return {}\n"
    assert compile_text(text.format("0x3fffffff").encode(), arch, "fits.py")
    with pytest.raises(CommandError, match=r"large\.py does not compile"):
        compile_text(text.format("0x40000000").encode(), arch, "large.py")
    broken = tmp_path / "broken.py"
    broken.write_text("def f(:\n")
    with pytest.raises(CommandError, match="SyntaxError"):
        compile_mpy(broken, arch)


# What stock builds of MicroPython 1.28 have compiled in on every port used here (rp2: rp2 only).
STOCK = {
    *(
        "array",
        "binascii",
        "bluetooth",
        "cryptolib",
        "deflate",
        "vfs",
        "gc",
        "hashlib",
        "json",
        "machine",
    ),
    *("micropython", "os", "rp2", "esp32", "struct", "sys", "time", "uctypes", "errno", "random"),
    *("math", "io"),
}
OURS = {"monitor", "board", "image_info"}


def test_firmware_needs_nothing_from_the_network() -> None:
    """Every import is compiled into a stock build or is ours, or is done without when it isn't
    there (a memory card's driver): no `mip`, no `require`."""
    real = [path for path in BOARD_FILES if path.parent.name != "virtual"]
    for source in [*FIRMWARE, *real]:
        tree = ast.parse(source.read_text())
        optional = {
            node
            for attempt in ast.walk(tree)
            if isinstance(attempt, ast.Try)
            and any(ast.unparse(h.type) == "ImportError" for h in attempt.handlers if h.type)
            for node in attempt.body
        }
        for node in ast.walk(tree):
            names: list[str] = []
            if node in optional:
                continue
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            for name in names:
                assert name.partition(".")[0] in STOCK | OURS, f"{source} imports {name}"
