"""Runs check modules in MicroPython, once per module and part, and hands out single results."""

import functools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent

TWO_CHANNEL = ["ADS1191", "ADS1192", "ADS1291", "ADS1292", "ADS1292R"]
EIGHT_CHANNEL = [
    *("ADS1194", "ADS1196", "ADS1198"),
    *("ADS1294", "ADS1296", "ADS1298", "ADS1294R", "ADS1296R", "ADS1298R"),
    *("ADS1299-4", "ADS1299-6", "ADS1299"),
]
ALL_PARTS = TWO_CHANNEL + EIGHT_CHANNEL


def checks_of(module: str) -> list[str]:
    """The names of the checks in a module, without running it."""
    text = (HERE / "checks" / f"{module}.py").read_text()
    return re.findall(r"^def (check_\w+)\(", text, re.MULTILINE)


@functools.cache
def results(module: str, part: str) -> dict[str, dict[str, object]]:
    """Every check's result by name; one process."""
    path = shutil.which("micropython", path=str(Path(sys.executable).parent)) or "micropython"
    run = subprocess.run(
        [path, "-X", "heapsize=32M", str(HERE / "bench/run.py"), str(REPOSITORY), module, part],
        capture_output=True,
        text=True,
        timeout=280,
    )
    found = {}
    for line in run.stdout.splitlines():
        if line.startswith("\x02"):
            result = json.loads(line[1:])
            found[result["check"]] = result
    assert "end" in found, f"{module} for {part} did not end:\n{run.stdout[-2000:]}{run.stderr}"
    return found


def verify(module: str, part: str, check: str) -> None:
    result = results(module, part)[check]
    assert result["ok"], result.get("error")
