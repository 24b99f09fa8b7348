"""Which of the firmware's modules a board's image holds: those that it could ever import.

    wanted = modules_for(Path("boards/pico_w/board.py"))
    wanted("monitor/afe/eight_channel.py")      # False: its AFE is an ADS1292R

A board whose `board.py` names one front end (`AFE = "ADS1292R"`) refuses any other, so the others'
tables stay out of its image; one without `SPI_PINS` has no PIO that could drive them; one with
`STRIPS = False` keeps no stored ECG, and one with `CODE_RAM` no words that only a person at its
prompt would read. Who wires another front end changes that line and builds the image again.
"""

import ast
from collections.abc import Callable
from pathlib import Path

# Parts by the families of firmware/monitor/afe/parts.py.
_TWO = ("ADS119", "ADS129")
_FAMILIES: dict[str, frozenset[str]] = {
    "two": frozenset({"monitor/afe/two_channel.py"}),
    "eight": frozenset({"monitor/afe/eight_channel.py", "monitor/afe/features_eight.py"}),
    "1293": frozenset(
        {
            "monitor/afe/ads1293.py",
            "monitor/afe/ads1293_map.py",
            "monitor/afe/probe.py",
            "monitor/resample.py",
            "monitor/sampler_1293.py",
            "monitor/selftest_1293.py",
        }
    ),
}
_SIXTEEN_BITS = "ADS119"
_WIDEN = "monitor/widen.py"
_PIO = frozenset({"monitor/sampler_pio.py", "monitor/pio_core.py"})
_STRIPS = frozenset(
    {
        "monitor/card.py",
        "monitor/ecgblocks.py",
        "monitor/ecgflash.py",
        "monitor/strips.py",
    }
)


def family_of(part: str) -> str:
    """The family of a part by its name: "two", "eight" or "1293".

    ADS1191, 1192, 1291, 1292 and 1292R have two channels at the most (SBAS566, SBAS502).
    """
    if part == "ADS1293":
        return "1293"
    return "two" if part[:6] in _TWO and part[6:7] in ("1", "2") else "eight"


def modules_for(board_file: Path) -> Callable[[str], bool]:
    """Tells of a module (its path within the firmware) whether this board's image holds it."""
    told = given(board_file)
    out: set[str] = set()
    part = told.get("AFE")
    if isinstance(part, str):
        for family, modules in _FAMILIES.items():
            if family != family_of(part):
                out |= modules
        if not part.startswith(_SIXTEEN_BITS):
            out.add(_WIDEN)
    if "SPI_PINS" not in told:
        out |= _PIO
    out.add("monitor/quality_words.py" if runs_in_place(board_file) else "monitor/inplace.py")
    if told.get("STRIPS") is False:
        out |= _STRIPS
    return lambda path: path not in out


def runs_in_place(board_file: Path) -> bool:
    """Whether the board runs functions' code from flash (see firmware/monitor/inplace.py)."""
    return "CODE_RAM" in given(board_file)


def given(board_file: Path) -> dict[str, object]:
    """A board.py's names and their values; None for a value that is not a literal.

    Raises:
        FileNotFoundError: there is none.
    """
    values: dict[str, object] = {}
    for node in ast.parse(board_file.read_bytes()).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            try:
                values[name] = ast.literal_eval(node.value)
            except ValueError:
                values[name] = None
    return values
