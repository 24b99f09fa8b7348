"""Every file that goes onto a board compiles for every architecture that boards have."""

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
