"""Runs check modules in MicroPython: the firmware's own files on the models, a process a run."""

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
# One of each shape of status word, sample and lead-off, with one to eight channels.
SHAPES = ["ADS1191", "ADS1292R", "ADS1198", "ADS1294", "ADS1298R", "ADS1299-6"]


def checks_of(module: str) -> list[str]:
    """The names of the checks in a module, without running it."""
    text = (HERE / "checks" / f"{module}.py").read_text()
    return re.findall(r"^def (check_\w+)\(", text, re.MULTILINE)


def verify(micropython: str, module: str, part: str) -> None:
    """Every check of a module for a part; fails with the names and traces of those that failed."""
    path = shutil.which(micropython) or micropython
    run = subprocess.run(
        [path, "-X", "heapsize=32M", str(HERE / "bench/run.py"), str(REPOSITORY), module, part],
        capture_output=True,
        text=True,
        timeout=280,
    )
    found = [json.loads(line[1:]) for line in run.stdout.splitlines() if line.startswith("\x02")]
    results = {result["check"]: result for result in found}
    assert "end" in results, f"{module} for {part} broke off:\n{run.stdout[-3000:]}{run.stderr}"
    assert sorted(results) == sorted([*checks_of(module), "end"])
    failed = [f"{name}:\n{r['error']}" for name, r in results.items() if not r["ok"]]
    if failed:
        sys.stderr.write("\n".join(failed))
    assert not failed, f"{len(failed)} of {len(results) - 1} checks:\n" + "\n".join(failed)
