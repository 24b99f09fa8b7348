"""Every part through the same suite, in MicroPython: the firmware's files on strict models."""

import importlib.util
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("afe_runner", Path(__file__).with_name("runner.py"))
assert _spec is not None
assert _spec.loader is not None
runner = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(runner)

MODULES = ["driver", "safety", "features", "sampling", "watching", "selftest"]


@pytest.mark.parametrize("part", runner.ALL_PARTS)
@pytest.mark.parametrize("module", MODULES)
def test_part(micropython: str, module: str, part: str) -> None:
    runner.verify(micropython, module, part)


@pytest.mark.parametrize("part", runner.SHAPES)
def test_signal_state(micropython: str, part: str) -> None:
    runner.verify(micropython, "signal", part)


@pytest.mark.parametrize("part", runner.SHAPES)
def test_audits(micropython: str, part: str) -> None:
    runner.verify(micropython, "audits", part)


@pytest.mark.parametrize("module", ["ads1293", "ads1293_rules", "ads1293_model"])
def test_ads1293(micropython: str, module: str) -> None:
    runner.verify(micropython, module, "ADS1293")


@pytest.mark.parametrize("part", ["ADS1292R", "ADS1298R", "ADS1192", "ADS1194", "ADS1299-6"])
def test_what_is_made_of_it(micropython: str, part: str) -> None:
    runner.verify(micropython, "acquiring", part)


@pytest.mark.parametrize("part", ["ADS1292R", "ADS1298R"])
def test_settling(micropython: str, part: str) -> None:
    runner.verify(micropython, "settling", part)
