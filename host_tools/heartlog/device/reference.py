"""Runs a program of the on-target tests here, in the unix port, for an answer to compare with."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from heartlog.image import build_image


def digest_here(source: str) -> str | None:
    """The `DIGEST ...` line that a program prints here; None where MicroPython does not run."""
    found = shutil.which("micropython", path=str(Path(sys.executable).parent))
    found = found or shutil.which("micropython")
    if found is None:
        return None
    with tempfile.TemporaryDirectory() as place:
        image = build_image("virtual", Path(place) / "image")
        program = Path(place) / "program.py"
        program.write_text(source, encoding="utf-8")
        done = subprocess.run(
            [found, str(program)],
            env={"MICROPYPATH": str(image.folder)},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    return next(line for line in done.stdout.splitlines() if line.startswith("DIGEST "))
