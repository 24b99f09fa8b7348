"""The firmware's viper functions as checked Python: how large does an intermediate get?

`Checked(folder).module("monitor.detector.core")` loads the module's source as Python. In functions
under `@micropython.viper` every result of an operator is checked and the largest of each function
and line is kept; pointers are views of the buffers given, which no index may leave. Nothing is cut
to a word on the way, as a processor would: what does not fit fails, naming file and line.

A word of a `ptr32` is signed, as on a 32-bit processor. Addresses (`int(pointer)`) are not numbers
that an algorithm has made: they can be moved and compared, and are not counted.
"""

from __future__ import annotations

import ast
import builtins
import functools
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

from heartlog.machine_code.modules import Modules

LIMIT = 1 << 30
"""No intermediate may lie beyond: half of what a 32-bit word holds, and a small int on a board."""

_ITEM_BYTES = {"ptr8": 1, "ptr16": 2, "ptr32": 4}


class BoundsError(Exception):
    """An intermediate or an index outside its bounds; the message says which and where."""


class Address:
    """A byte of a buffer, as `int(pointer)` gives it."""

    __slots__ = ("at", "buffer")

    def __init__(self, buffer: Any, at: int) -> None:
        self.buffer = buffer
        self.at = at

    def __add__(self, distance: int) -> Address:
        return Address(self.buffer, self.at + distance)

    def __sub__(self, other: Address) -> int:
        if other.buffer is not self.buffer:
            raise BoundsError("the difference between addresses of two buffers")
        return self.at - other.at

    def __lt__(self, other: Address) -> bool:
        return self - other < 0

    def __gt__(self, other: Address) -> bool:
        return self - other > 0


class Pointer:
    """A view of a buffer of items of the pointer's own size, from an address on."""

    __slots__ = ("buffer", "start")

    def __init__(self, buffer: Any, start: int) -> None:
        self.buffer = buffer
        self.start = start

    def __getitem__(self, index: int) -> int:
        at = self.start + index
        if at < 0:
            raise BoundsError(f"item {at} of a buffer is before its first")
        return self.buffer[at]  # type: ignore[no-any-return]

    def __setitem__(self, index: int, value: int) -> None:
        at = self.start + index
        if at < 0:
            raise BoundsError(f"item {at} of a buffer is before its first")
        self.buffer[at] = value


def _pointer(kind: str, value: Any) -> Pointer:
    size = _ITEM_BYTES[kind]
    buffer, at = (value.buffer, value.at) if isinstance(value, Address) else (value, 0)
    if at % size:
        raise BoundsError(f"an address that is no multiple of {size} as {kind}")
    held = buffer.itemsize if isinstance(buffer, array) else 1
    if held != size:
        raise BoundsError(f"a buffer of {held}-byte items as {kind}")
    return Pointer(buffer, at // size)


def _int(value: Any) -> Any:
    if isinstance(value, Pointer):
        held = value.buffer.itemsize if isinstance(value.buffer, array) else 1
        return Address(value.buffer, value.start * held)
    return builtins.int(value)


class Checked(Modules):
    """Modules of `folder` with checked viper functions.

    `largest[module, function][line]` is the largest magnitude of any operator's result there,
    or of an argument (on the line of the decorator).
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.largest: dict[tuple[str, str], dict[int, int]] = {}

    def tree(self, name: str, path: Path, source: str) -> ast.Module:
        """The module with a call of `__check__` around each operator of viper functions."""
        tree = super().tree(name, path, source)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and _is_viper(node):
                node.body = [_Checks(node.name).visit(statement) for statement in node.body]
        return ast.fix_missing_locations(tree)

    def viper(self, name: str, path: Path, source: str) -> Callable[[Callable[..., Any]], Any]:
        """The decorator that turns arguments into what viper makes of them."""

        def viper(function: Callable[..., Any]) -> Callable[..., Any]:
            line = function.__code__.co_firstlineno
            seen = self.largest.setdefault((name, function.__name__), {})
            where = f"{path.name}, {function.__name__}"
            space = function.__globals__
            space["int"] = _int
            for kind in _ITEM_BYTES:
                space[kind] = functools.partial(_pointer, kind)
            space[f"__check_{function.__name__}"] = _check(seen, where)
            space["__shift__"] = _shift
            kinds = [v for k, v in function.__annotations__.items() if k != "return"]
            check = space[f"__check_{function.__name__}"]

            @functools.wraps(function)
            def call(*arguments: Any) -> Any:
                ready = [
                    _pointer(kind, value) if kind in _ITEM_BYTES else check(_int(value), line)
                    for kind, value in zip(kinds, arguments, strict=True)
                ]
                try:
                    return function(*ready)
                except (IndexError, OverflowError, ValueError) as error:
                    raise BoundsError(f"{where}: {error}") from error

            return call

        return viper


def _check(seen: dict[int, int], where: str) -> Callable[[Any, int], Any]:
    def check(value: Any, line: int) -> Any:
        if value.__class__ is Address:
            return value
        size = value if value >= 0 else -value
        if size > seen.get(line, -1):
            if size > LIMIT:
                raise BoundsError(f"{where}, line {line}: {value} is beyond 2^30")
            seen[line] = size
        return value

    return check


def _shift(count: int) -> int:
    if not 0 <= count <= 31:
        raise BoundsError(f"a shift by {count} bits")
    return count


def _is_viper(node: ast.FunctionDef) -> bool:
    return "micropython.viper" in [ast.unparse(d) for d in node.decorator_list]


class _Checks(ast.NodeTransformer):
    """Wraps what operators give; shifts by what is no constant are checked too."""

    def __init__(self, function: str) -> None:
        self.function = function

    def _wrap(self, value: ast.expr, line: int) -> ast.expr:
        check = ast.Name(f"__check_{self.function}", ast.Load())
        return ast.Call(check, [value, ast.Constant(line)], [])

    def _operate(self, left: Any, operator: ast.operator, right: Any, line: int) -> ast.expr:
        if isinstance(operator, (ast.LShift, ast.RShift)):
            right = ast.Call(ast.Name("__shift__", ast.Load()), [right], [])
        elif not isinstance(operator, _OPERATORS):
            raise BoundsError(f"{self.function}, line {line}: {ast.dump(operator)} is not known")
        return self._wrap(ast.BinOp(left, operator, right), line)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        return self._operate(self.visit(node.left), node.op, self.visit(node.right), node.lineno)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        return node if isinstance(node.op, ast.Not) else self._wrap(node, node.lineno)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.Assign:
        if not isinstance(node.target, ast.Name):
            raise BoundsError(f"{self.function}, line {node.lineno}: write this as an assignment")
        value = self._operate(
            ast.Name(node.target.id, ast.Load()), node.op, self.visit(node.value), node.lineno
        )
        return ast.copy_location(ast.Assign([node.target], value), node)


_OPERATORS = (
    ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.BitAnd, ast.BitOr, ast.BitXor
)  # fmt: skip
