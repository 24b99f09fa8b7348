"""What the tests of boards share: small images, and MicroPython programs run on their files."""

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from heartlog.image import ImageInfo, build_image

ONBOARD = Path(__file__).parent / "onboard"

Runner = Callable[..., str]


@pytest.fixture(scope="session")
def x64_image(tmp_path_factory: pytest.TempPathFactory) -> ImageInfo:
    """The virtual board's image: the firmware compiled for this computer."""
    return build_image("virtual", tmp_path_factory.mktemp("x64") / "image")


@pytest.fixture(scope="session")
def onboard(
    micropython: str,
    x64_image: ImageInfo,
    repository: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Runner:
    """Runs a program of tests/boards/onboard in MicroPython, on the compiled firmware.

    Call with the program's name and keyword arguments, which it gets as JSON; returns what it
    printed. A program that fails fails the test, with its own words;
    one that `may_die` and is killed returns nothing.
    """

    def run(program: str, may_die: bool = False, **told: Any) -> str:
        folders = [ONBOARD, x64_image.folder, repository / "boards" / "virtual" / "models"]
        paths = ":".join(str(folder) for folder in folders)
        # MicroPython keeps arguments as interned strings, of 255 bytes at the most.
        arguments = tmp_path_factory.mktemp("told") / "told.json"
        arguments.write_text(json.dumps(told))
        done = subprocess.run(
            [micropython, str(ONBOARD / program), str(arguments)],
            env={"MICROPYPATH": paths},
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        if may_die and done.returncode == -signal.SIGKILL:
            return ""
        assert done.returncode == 0, f"{program}:\n{done.stdout}{done.stderr}"
        return done.stdout

    return run
