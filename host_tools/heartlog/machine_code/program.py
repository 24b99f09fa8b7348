"""The firmware's modules with their viper functions executed as machine code.

`Program("armv6m", folder).module("monitor.detector.core")` loads the module's source as Python,
except that each function under `@micropython.viper` is taken from the file that mpy-cross made
of the same source, and executed by a `Processor`. Classes and loops around them are plain Python
and behave the same in CPython; their own cost is not counted.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from heartlog.image.compile import compile_mpy
from heartlog.machine_code.modules import Modules
from heartlog.machine_code.mpy import Mpy, RawCode, parse
from heartlog.machine_code.processor import Function, MachineCodeError, Processor

ARCHITECTURES = ("armv6m", "armv7emsp", "rv32imc")
"""Those that can be executed here; x64 is executed by the MicroPython unix port itself."""

_SCOPES = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
)  # fmt: skip


class ViperFunction:
    """A viper function that is called like the Python function it is written as."""

    def __init__(self, processor: Processor, function: Function) -> None:
        self.processor = processor
        self.function = function
        self.__name__ = function.name

    def __call__(self, *arguments: Any) -> int | bool | None:
        """Runs the machine code; see Processor.call."""
        return self.processor.call(self.function, *arguments)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """Refuses to be a method: viper can reach `self` only through the runtime."""
        raise MachineCodeError(f"{self.function.name} is viper code inside a class")


class Program(Modules):
    """Modules of `folder` (with `monitor/` in it) as they run on a board of one architecture."""

    def __init__(self, architecture: str, folder: Path, *, watch: bool = False) -> None:
        super().__init__(folder)
        self.processor = Processor(architecture, watch=watch)

    def viper(self, name: str, path: Path, source: str) -> Callable[[Callable[..., Any]], Any]:
        """The decorator `micropython.viper` of one module: machine code in place of functions."""
        functions = self._viper_functions(name, path, source)

        def viper(function: Callable[..., Any]) -> ViperFunction:
            machine_code = next(functions)
            if machine_code.function.name.rpartition(".")[2] != function.__name__:
                raise MachineCodeError(f"{function.__name__} is not where the .mpy has it")
            return machine_code

        return viper

    def _viper_functions(self, name: str, path: Path, source: str) -> Iterator[ViperFunction]:
        if "viper" not in source:
            return iter(())
        mpy = parse(compile_mpy(path, self.processor.architecture))
        found = list(viper_codes(mpy, ast.parse(source)))
        return iter(
            [
                ViperFunction(self.processor, self.processor.load(mpy, code, f"{name}.{which}"))
                for which, code in found
            ]
        )


def viper_codes(mpy: Mpy, tree: ast.Module) -> Iterator[tuple[str, RawCode]]:
    """Names and code of the viper functions of a module, in the order of their definition.

    A .mpy has no names for them: the children of a scope stand in the order in which its source
    defines functions, classes, lambdas and comprehensions.
    """
    yield from _match(mpy.root, tree, "")


def _match(code: RawCode, scope: ast.AST, prefix: str) -> Iterator[tuple[str, RawCode]]:
    inner = list(_inner_scopes(scope))
    if len(inner) != len(code.children):
        raise MachineCodeError(
            f"the .mpy has {len(code.children)} functions in {prefix or 'the module'}, "
            f"the source {len(inner)}"
        )
    for node, child in zip(inner, code.children, strict=True):
        name = prefix + str(getattr(node, "name", "<lambda>"))
        decorators = [ast.unparse(d) for d in getattr(node, "decorator_list", [])]
        if ("micropython.viper" in decorators) != (child.kind == "viper"):
            raise MachineCodeError(f"{name} is {child.kind} in the .mpy, not as in the source")
        if child.kind == "viper":
            yield name, child
        elif child.kind != "asm":
            yield from _match(child, node, f"{name}.")


def _inner_scopes(node: ast.AST) -> Iterator[ast.AST]:
    """Scopes defined directly in this one, in the order the compiler meets them."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _SCOPES):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield from _inner_scopes(child.args)  # defaults belong to the scope around
            yield child
        else:
            yield from _inner_scopes(child)
