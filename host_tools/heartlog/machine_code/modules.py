"""The firmware's modules imported into CPython, their viper functions replaced."""

from __future__ import annotations
import __future__

import ast
import builtins
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from heartlog.machine_code.processor import MachineCodeError


class Modules:
    """Modules of `folder` (with `monitor/` in it), apart from those that CPython has imported.

    A subclass says what becomes of functions under `@micropython.viper`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._modules: dict[str, types.ModuleType] = {}
        micropython = types.ModuleType("micropython")
        micropython.const = lambda value: value  # type: ignore[attr-defined]
        micropython.native = micropython.bytecode = lambda f: f  # type: ignore[attr-defined]
        self._modules["micropython"] = micropython

    def viper(self, name: str, path: Path, source: str) -> Callable[[Callable[..., Any]], Any]:
        """The decorator `micropython.viper` as module `name` gets it."""
        raise NotImplementedError

    def tree(self, name: str, path: Path, source: str) -> ast.Module:
        """The module's syntax tree, as it is to be compiled."""
        return ast.parse(source, str(path))

    def module(self, name: str) -> Any:
        """The module of this dotted name, imported at first use."""
        if name not in self._modules:
            self._import(name)
        return self._modules[name]

    def _find(self, name: str) -> Path | None:
        base = self.folder / name.replace(".", "/")
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                return path
        return base if base.is_dir() else None  # MicroPython takes any folder for a package

    def _import(self, name: str) -> None:
        path = self._find(name)
        if path is None:
            raise MachineCodeError(f"{self.folder} has no module {name}")
        source = "" if path.is_dir() else path.read_text(encoding="utf-8")
        decorator = self.viper(name, path, source)
        module = types.ModuleType(name)
        module.__dict__["__builtins__"] = self._builtins(decorator)
        module.__dict__["__file__"] = str(path)
        self._modules[name] = module
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(self.module(parent), last, module)
        # Annotations such as ptr32 are names of viper only: they stay unevaluated.
        flags = __future__.annotations.compiler_flag
        code = compile(self.tree(name, path, source), str(path), "exec", flags, dont_inherit=True)
        exec(code, module.__dict__)

    def _builtins(self, viper: Callable[[Callable[..., Any]], Any]) -> dict[str, Any]:
        """Builtins whose `import` finds the firmware's modules, and this decorator."""
        own = dict(vars(builtins))

        def import_(
            name: str,
            globals_: Mapping[str, object] | None = None,
            locals_: Mapping[str, object] | None = None,
            fromlist: Sequence[str] = (),
            level: int = 0,
        ) -> Any:
            if name == "micropython":
                shim = types.ModuleType(name)
                shim.__dict__.update(vars(self._modules[name]), viper=viper)
                return shim
            if level == 0 and self._find(name) is not None:
                module = self.module(name)
                for item in fromlist or ():
                    if not hasattr(module, item) and self._find(f"{name}.{item}"):
                        self.module(f"{name}.{item}")
                return module if fromlist else self.module(name.partition(".")[0])
            return builtins.__import__(name, globals_, locals_, fromlist, level)

        own["__import__"] = import_
        own["const"] = lambda value: value
        return own
