"""Every part through the same suite, in MicroPython: the firmware's files on strict models."""

import importlib.util
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("afe_runner", Path(__file__).with_name("runner.py"))
runner = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(runner)

CASES = [
    pytest.param(module, part, check, id=f"{part}-{module}-{check[6:]}")
    for module in ("driver", "sampling", "signal")
    for part in runner.ALL_PARTS
    for check in runner.checks_of(module)
]


@pytest.mark.parametrize(("module", "part", "check"), CASES)
def test_part(micropython: str, module: str, part: str, check: str) -> None:
    runner.verify(module, part, check)
