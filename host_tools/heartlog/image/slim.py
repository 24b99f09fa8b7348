"""Makes modules smaller in a board's RAM: without the names of numbers, and in three of them
without what only a host reads (names of records and settings, texts, descriptions of fields).

    sources = slimmed({"monitor/link/wire.py": text, ...})      # of all modules

The wire format, the light's patterns and the settings are each written once, for board and host.
On a board with little memory every word in them takes RAM from the first import on, and a board
reads none: it goes by numbers. What a board's own modules name stays.
"""

import ast
from struct import calcsize

MODULES = ("monitor/link/wire.py", "monitor/patterns.py", "monitor/settings.py")
KEEP = frozenset({"STRIDE"})  # programs sent to a board take it
_TEXTS_FROM = {"TABLE": 4, "ANSWERS": 3}  # patterns.py: the columns from here on are for people


def slimmed(sources: dict[str, bytes]) -> dict[str, bytes]:
    """A board's modules (path within the firmware -> source), the three of them without that.

    Whole numbers are written out where another module names them, and need no name any more.
    """
    numbers = {_name(path): _numbers(ast.parse(text)) for path, text in sources.items()}
    used = {name: set(KEEP) for name in numbers}
    result = {}
    for path, text in sources.items():
        result[path] = _written_out(text, numbers, used)
    for path, text in result.items():
        name = _name(path)
        if path in MODULES:
            result[path] = slim(path, text, used[name])
        else:
            result[path] = _hidden(text, set(numbers[name]) - used[name])
    return result


def _name(path: str) -> str:
    """A module's own name, which the sources say of it: no two have the same."""
    return path.split("/")[-1].removesuffix(".py")


def _numbers(tree: ast.Module) -> dict[str, int]:
    """The module's names of whole numbers that never change."""
    stored: dict[str, int] = {}
    for node in ast.walk(tree):
        names = node.names if isinstance(node, ast.Global) else []
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names = [node.id]
        elif isinstance(node, ast.arg):
            names = [node.arg]
        for name in names:
            stored[name] = stored.get(name, 0) + 1
    found = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            names = _targets(statement)
            value = statement.value
            values = value.elts if isinstance(value, ast.Tuple) else [value]
            if len(names) == len(values) == len(_parts(statement.targets[0])):
                for name, one in zip(names, values, strict=True):
                    number = _number(one)
                    if number is not None and stored[name] == 1:
                        found[name] = number
    return found


def _number(value: ast.expr) -> int | None:
    """The whole number that an expression is: a literal, also in `const()`."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        value = value.args[0] if value.func.id == "const" else value
    number = value.value if isinstance(value, ast.Constant) else None
    return number if type(number) is int and 0 <= number < 1 << 30 else None


def _hidden(source: bytes, names: set[str]) -> bytes:
    """A source whose own constants (`NAME = const(1)`) begin with a line below: MicroPython's
    compiler keeps no name for those."""
    tree = ast.parse(source)
    there = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    own = set()
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            own |= {n for n in _targets(node) if n in names and n[0] != "_"}
    own = {name for name in own if "_" + name not in there}
    lines = source.split(b"\n")
    edits = [
        (node.lineno - 1, node.col_offset, node.end_col_offset or 0, b"_" + node.id.encode())
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id in own
    ]
    return _edited(lines, edits)


def _edited(lines: list[bytes], edits: list[tuple[int, int, int, bytes]]) -> bytes:
    """Lines with (line, from, to, new text) done."""
    for line, start, end, text in sorted(edits, reverse=True):
        lines[line] = lines[line][:start] + text + lines[line][end:]
    return b"\n".join(lines)


def _written_out(
    source: bytes, numbers: dict[str, dict[str, int]], used: dict[str, set[str]]
) -> bytes:
    """A source with each `module.NAME` replaced by its number; notes in `used` what else of the
    modules it takes."""
    tree = ast.parse(source)
    known: dict[str, str] = {}  # what it calls a module -> the module
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            used.get((node.module or "").split(".")[-1], set()).update(a.name for a in node.names)
            known |= {a.asname or a.name: a.name for a in node.names if a.name in numbers}
    edits = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = known.get(node.value.id)
            if module is None:
                continue
            number = numbers[module].get(node.attr)
            if number is not None and node.lineno == node.end_lineno and node.end_col_offset:
                edits.append(
                    (node.lineno - 1, node.col_offset, node.end_col_offset, b"%d" % number)
                )
            else:
                used[module].add(node.attr)
    return _edited(source.split(b"\n"), edits)


class _WriteOut(ast.NodeTransformer):
    """Puts the module's own numbers in the place of their names."""

    def __init__(self, numbers: dict[str, int]):
        self.numbers = numbers

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if isinstance(node.ctx, ast.Load) and node.id in self.numbers:
            return ast.Constant(self.numbers[node.id])
        return node


def slim(path: str, source: bytes, used: set[str]) -> bytes:
    """The module at `path` (within the firmware) without what neither `used` names nor what
    stays needs."""
    tree = ast.parse(source)
    if path.endswith("wire.py"):
        _wire(tree)
    elif path.endswith("patterns.py"):
        for name, first in _TEXTS_FROM.items():
            for row in _rows(tree, name):
                row.elts = [ast.Constant(None), *row.elts[1:first]]
    else:
        for row in _rows(tree, "TABLE"):
            row.elts[0] = ast.Constant(None)
    _WriteOut(_numbers(tree)).visit(tree)
    while _drop(tree, used):
        pass
    return ast.unparse(ast.fix_missing_locations(tree)).encode()


def _value(tree: ast.Module, name: str) -> ast.expr:
    """What the module gives a name at its top."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and _targets(node) == [name]:
            return node.value
    raise ValueError(f"there is no {name} any more")


def _rows(tree: ast.Module, name: str) -> list[ast.Tuple]:
    """The rows of a table: of a tuple, or of a dict's values."""
    value = _value(tree, name)
    rows = value.values if isinstance(value, ast.Dict) else getattr(value, "elts", [])
    found = [row for row in rows if isinstance(row, ast.Tuple)]
    if len(found) != len(rows) or not found:
        raise ValueError(f"{name} is no table of rows any more")
    return found


def _form(row: ast.Tuple) -> str:
    form = row.elts[1]
    if isinstance(form, ast.Constant) and isinstance(form.value, str):
        return form.value
    raise ValueError("a row of wire.py without a form")


def _wire(tree: ast.Module) -> None:
    """Sizes as numbers; of a record's row its form, of a command's nothing."""
    for table, sizes in (("RECORDS", "SIZE"), ("COMMANDS", "OPERAND_SIZE")):
        rows = _rows(tree, table)
        keys = _value(tree, table).keys  # type: ignore[attr-defined]
        numbers = [ast.Constant(calcsize(_form(row))) for row in rows]
        for node in tree.body:
            if isinstance(node, ast.Assign) and _targets(node) == [sizes]:
                node.value = ast.Dict(list(keys), list(numbers))
    for row in _rows(tree, "RECORDS"):
        row.elts = [ast.Constant(None), row.elts[1]]


def _targets(node: ast.Assign) -> list[str]:
    return [part.id for part in _parts(node.targets[0]) if isinstance(part, ast.Name)]


def _parts(target: ast.expr) -> list[ast.expr]:
    return target.elts if isinstance(target, ast.Tuple) else [target]


def _drop(tree: ast.Module, used: set[str]) -> bool:
    """Takes out one round of what nobody names; whether there was any."""
    named: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            named[node.id] = named.get(node.id, 0) + 1
    kept: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            if node.name in used or node.name in named:
                kept.append(node)
        elif isinstance(node, ast.Assign):
            wanted = [name for name in _targets(node) if name in used or name in named]
            if wanted and len(wanted) < len(_targets(node)) and isinstance(node.value, ast.Tuple):
                pairs = zip(_targets(node), node.value.elts, strict=True)
                kept += [
                    ast.Assign([ast.Name(name, ast.Store())], value)
                    for name, value in pairs
                    if name in wanted
                ]
            elif wanted:
                kept.append(node)
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            kept.append(node)
    fewer = len(ast.dump(ast.Module(kept, []))) < len(ast.dump(tree))
    tree.body = kept
    return fewer
