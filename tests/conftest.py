"""Fixtures that every test may use."""

import os
import shutil
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout's top folder."""
    return REPOSITORY


@pytest.fixture(scope="session")
def ecg_dir() -> Path:
    """The folder with `mitdb/` and `nstdb/`, from HEARTLOG_ECG; skips the test without it."""
    value = os.environ.get("HEARTLOG_ECG")
    if not value:
        pytest.skip("HEARTLOG_ECG is not set: the MIT-BIH records are not at hand")
    folder = Path(value).resolve()
    if not (folder / "mitdb").is_dir():
        pytest.skip(f"HEARTLOG_ECG={value} has no folder mitdb")
    return folder


@pytest.fixture(scope="session")
def micropython() -> str:
    """Path of the MicroPython unix port; skips where there is none (it needs Linux on x86-64)."""
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    path = shutil.which("micropython", path=beside)
    if path is None:
        pytest.skip("there is no MicroPython unix port here (its wheel is for Linux on x86-64)")
    return path
