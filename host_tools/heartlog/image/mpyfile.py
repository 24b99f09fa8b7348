"""Where the functions' code lies in a `.mpy` file, which a board can run in place from its flash.

    for code in functions(data):
        data[code.at : code.at + code.size]

MicroPython keeps a function's code (bytecode or machine code) as it is in the file: names and
constants are reached through tables of the module, so the same bytes run wherever they lie.
Format 6.3 of MicroPython 1.23 and later: its docs/reference/mpyfiles.rst and py/persistentcode.c.
"""

from dataclasses import dataclass

_VERSION = 6
_ARCH_FLAGS = 0x40  # in the feature byte: a number follows the header
_STR, _BYTES, _INT, _FLOAT, _COMPLEX, _TUPLE = range(5, 11)  # MP_PERSISTENT_OBJ_*
_BYTECODE, _NATIVE, _VIPER, _ASM = range(4)
# MP_SCOPE_FLAG_VIPERRELOC, -RODATA and -BSS: machine code that is changed when it is loaded.
_CHANGED = 0x10 | 0x20 | 0x40


@dataclass(frozen=True)
class Function:
    """A function's code: its place and bytes in the file, whether nothing points into it from
    outside, so that it can be had elsewhere, and whether it is machine code, which must lie at a
    multiple of 4."""

    at: int
    size: int
    movable: bool
    machine: bool


class _Reader:
    def __init__(self, data: bytes):
        self.data = data
        self.at = 0

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def number(self) -> int:
        value = 0
        while True:
            byte = self.byte()
            value = value << 7 | byte & 0x7F
            if not byte & 0x80:
                return value


def functions(data: bytes) -> list[Function]:
    """The code of each function in a file, inner ones after the one that holds them; the first is
    the module's own, which runs once.

    Raises:
        ValueError: it is no .mpy file of a version that is known here.
    """
    reader = _Reader(data)
    found: list[Function] = []
    try:
        mark, version, features, _ = (reader.byte() for _ in range(4))
        if (mark, version) != (ord("M"), _VERSION):
            raise ValueError("no .mpy file of version 6")
        if features & _ARCH_FLAGS:
            reader.number()
        names, constants = reader.number(), reader.number()
        for _ in range(names):
            size = reader.number()
            if not size & 1:  # odd: one of MicroPython's own names, by number
                reader.at += (size >> 1) + 1
        for _ in range(constants):
            _constant(reader)
        _code(reader, found)
    except IndexError:
        raise ValueError("a .mpy file that ends too early") from None
    if reader.at != len(data):
        raise ValueError("a .mpy file with something behind its end")
    return found


def _constant(reader: _Reader) -> None:
    kind = reader.byte()
    if kind < _STR:  # None, a truth value, ...: nothing follows
        return
    if kind > _TUPLE:
        raise ValueError("a .mpy file with constants of a kind that is not known")
    size = reader.number()
    if kind == _TUPLE:
        for _ in range(size):
            _constant(reader)
    else:
        reader.at += size + (1 if kind in (_STR, _BYTES) else 0)


def _code(reader: _Reader, found: list[Function]) -> None:
    head = reader.number()
    kind, inner, size = head & 3, head & 4, head >> 3
    found.append(Function(reader.at, size, kind in (_BYTECODE, _VIPER), kind != _BYTECODE))
    reader.at += size
    if kind == _NATIVE:
        reader.number()  # where the prelude is
    elif kind != _BYTECODE:
        flags = reader.number()
        if flags & _CHANGED:
            raise ValueError("a .mpy file with machine code that must be changed to run")
        if kind == _ASM:
            reader.number(), reader.number()
    if inner:
        for _ in range(reader.number()):
            _code(reader, found)
    if reader.at > len(reader.data):
        raise IndexError
