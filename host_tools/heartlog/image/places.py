"""Where the firmware's sources, the boards and the built images are.

In a checkout they are its own folders; in an installed tool the sources travel in the package
(`heartlog._firmware`, `heartlog._boards`) and images go to the user's cache.
"""

import importlib
from pathlib import Path

from platformdirs import user_cache_path

from heartlog.errors import CommandError


def _package_dir(name: str) -> Path:
    file = importlib.import_module(name).__file__
    if file is None:
        raise CommandError(
            f"The package {name} has no files",
            hint="Install heartlog again: its firmware and boards are missing.",
        )
    return Path(file).resolve().parent


def firmware_dir() -> Path:
    """The folder with `main.py` and `monitor/`."""
    return _package_dir("heartlog._firmware")


def boards_dir() -> Path:
    """The folder with one folder for each board."""
    return _package_dir("heartlog._boards")


def board_names() -> list[str]:
    """The boards there are, sorted: every folder with a `board.json`."""
    return sorted(path.parent.name for path in boards_dir().glob("*/board.json"))


def default_image_dir(board: str) -> Path:
    """`build/image-BOARD` in a checkout, a cache folder otherwise."""
    checkout = boards_dir().parent
    if (checkout / "pyproject.toml").is_file():
        return checkout / "build" / f"image-{board}"
    return user_cache_path("heartlog") / f"image-{board}"
