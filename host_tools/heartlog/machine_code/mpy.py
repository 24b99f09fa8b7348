"""Reads a compiled MicroPython file (`.mpy`, format 6.3) down to the machine code in it.

    mpy = parse(Path("core.mpy").read_bytes())
    mpy.architecture           # "armv6m"
    mpy.root.children[0].code  # bytes

The format is documented in MicroPython's `docs/reference/mpy_files.rst` and `py/persistentcode.c`:
`M`, version, a feature byte (bits 0-1 sub-version, 2-5 architecture, 6: a flags number follows),
the bits of a small integer; then qstrs, constant objects, and the tree of raw code. Numbers are
big-endian base 128. Files are untrusted: every read is checked against the length, counts against
what is left, and nesting against a limit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

ARCHITECTURE_NAMES = (
    "none", "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp",
    "xtensa", "xtensawin", "rv32imc", "rv64imc",
)  # fmt: skip
KINDS = ("bytecode", "native", "viper", "asm")
_VERSION, _SUB_VERSION = 6, 3
_MAX_NESTING = 20
_NATIVE_MODULE_FLAGS = 0x70
"""MP_SCOPE_FLAG_VIPERRELOC, VIPERRODATA, VIPERBSS: only mpy_ld's C modules have them."""

FUN_TABLE = object()
"""Stands for the constant object that holds the runtime's function table."""


class MpyError(ValueError):
    """The bytes are not a `.mpy` file of the format that this program reads."""


@dataclass(frozen=True)
class RawCode:
    """One function, class body or module: its kind, its code, and those defined inside it."""

    kind: str
    code: bytes
    scope_flags: int = 0
    children: tuple[RawCode, ...] = ()


@dataclass(frozen=True)
class Mpy:
    """A parsed file: `qstrs` are names, or the number of a name built into the runtime."""

    architecture: str
    small_int_bits: int
    qstrs: tuple[str | int, ...]
    objects: tuple[object, ...]
    root: RawCode


@dataclass
class _Reader:
    data: bytes
    at: int = 0
    depth: int = 0

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise MpyError(
                f"truncated: {count} bytes wanted at offset {self.at}, "
                f"{len(self.data) - self.at} are left"
            )
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        value = 0
        for _ in range(5):
            byte = self.byte()
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value
        raise MpyError(f"a number at offset {self.at - 5} is longer than 32 bits")

    def count(self) -> int:
        """A number of things that take at least one byte each."""
        value = self.number()
        if value > len(self.data) - self.at:
            raise MpyError(f"{value} items announced at offset {self.at}, too few bytes are left")
        return value

    def nul(self) -> None:
        if self.byte() != 0:
            raise MpyError(f"a text before offset {self.at} doesn't end in NUL")

    def qstr(self) -> str | int:
        head = self.number()
        if head & 1:
            return head >> 1
        raw = self.take(head >> 1)
        self.nul()
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise MpyError(f"a name before offset {self.at} is not UTF-8") from None

    def constant(self) -> object:
        kind = self.byte()
        if kind <= 4:
            return (FUN_TABLE, None, False, True, ...)[kind]
        if kind > 10:
            raise MpyError(f"unknown constant type {kind} at offset {self.at - 1}")
        if kind == 10:
            return tuple(self._nested(self.constant) for _ in range(self.count()))
        raw = self.take(self.number())
        if kind in (5, 6):
            self.nul()
        return raw

    def raw_code(self) -> RawCode:
        head = self.number()
        kind, code, flags = KINDS[head & 3], self.take(head >> 3), 0
        if kind == "native":
            self.number()  # where its prelude is
        elif kind != "bytecode":
            flags = self.number()
            if kind == "asm":
                self.number(), self.number()  # arguments, their types
            elif flags & _NATIVE_MODULE_FLAGS:
                raise MpyError("a C module made by mpy_ld, not compiled Python")
        children: list[RawCode] = []
        if head & 4:
            children = [self._nested(self.raw_code) for _ in range(self.count())]
        return RawCode(kind, code, flags, tuple(children))

    def _nested(self, read: Callable[[], T]) -> T:
        self.depth += 1
        if self.depth > _MAX_NESTING:
            raise MpyError(f"nested deeper than {_MAX_NESTING} at offset {self.at}")
        value = read()
        self.depth -= 1
        return value


def parse(data: bytes) -> Mpy:
    """Parses one `.mpy` file.

    Raises MpyError, which says what is wrong and where.
    """
    reader = _Reader(data)
    magic, version, features, bits = reader.take(4)
    if magic != 0x4D:
        raise MpyError("not a .mpy file: it doesn't begin with M")
    number = features >> 2 & 0x0F
    # Without machine code the sub-version says nothing (it counts changes of the native ABI).
    if version != _VERSION or (number and features & 3 != _SUB_VERSION):
        raise MpyError(
            f"format {version}.{features & 3}; this program reads {_VERSION}.{_SUB_VERSION} "
            "(mpy-cross 1.23 and later)"
        )
    if number >= len(ARCHITECTURE_NAMES):
        raise MpyError(f"unknown architecture {number}")
    if features & 0x40:
        reader.number()
    qstr_count, object_count = reader.count(), reader.count()
    qstrs = tuple(reader.qstr() for _ in range(qstr_count))
    objects = tuple(reader.constant() for _ in range(object_count))
    root = reader.raw_code()
    return Mpy(ARCHITECTURE_NAMES[number], bits, qstrs, objects, root)
