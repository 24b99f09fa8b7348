"""The modules number words and parameters by hand, as viper must: they have to agree."""

import ast
from pathlib import Path

from heartlog._firmware.monitor.detector.parameters import SHIPPED
from heartlog.image.places import firmware_dir

FOLDER = firmware_dir() / "monitor" / "detector"
RECORD = {
    "TIME", "LEVEL", "NARROW", "REST", "R", "DISTANCE", "AMPLITUDE", "WIDTH", "FIRST_DISTANCE",
    "SECOND_DISTANCE", "MARGIN", "NEXT_LEVEL", "NEXT_NARROW",
}  # fmt: skip


def constants(path: Path) -> dict[str, int]:
    """`NAME = const(number)` of a module, a leading underscore dropped."""
    return {
        node.targets[0].id.lstrip("_"): node.value.args[0].value
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.args[0], ast.Constant)
    }


def test_a_name_means_the_same_everywhere() -> None:
    seen: dict[str, tuple[int, str]] = {}
    for path in sorted(FOLDER.glob("*.py")):
        for name, value in constants(path).items():
            if path.name == "rates.py" or name in ("LAST",):
                continue
            known = seen.setdefault(name, (value, path.name))
            assert known[0] == value, f"{name} in {path.name} and {known[1]}"


def test_parameters_are_numbered_in_their_order() -> None:
    number = {name: at for at, (name, _) in enumerate(SHIPPED)}
    used = set()
    for path in FOLDER.glob("*.py"):
        for name, value in constants(path).items():
            if name in number:
                assert value == number[name], f"{name} in {path.name}"
                used.add(name)
    assert used == set(number)


def test_records_fit_their_arrays() -> None:
    words = constants(FOLDER / "measure.py") | constants(FOLDER / "learn.py")
    assert max(value for name, value in words.items() if name in RECORD) == 12
    assert words["ASIDE"] + 8 * words["ROOM"] == 88


def test_the_readme_explains_every_parameter() -> None:
    text = (FOLDER / "README.md").read_text()
    for name, value in SHIPPED:
        assert f"| `{name}` | {value} |" in text, name
