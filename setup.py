"""Maps the repository's rooms to the packages of one wheel.

`firmware/` and `boards/` travel with the host tool (`heartlog._firmware`, `heartlog._boards`):
it shares the wire format with the firmware, runs the firmware's detector, and builds images.
"""

from pathlib import Path

from setuptools import find_packages, setup

ROOMS = {
    "heartlog": "host_tools/heartlog",
    "virtual_board": "boards/virtual/virtual_board",
    "heartlog._firmware": "firmware",
    "heartlog._boards": "boards",
}

package_dir: dict[str, str] = {}
for name, folder in ROOMS.items():
    package_dir[name] = folder
    inner = find_packages(folder) + sorted(
        p.relative_to(folder).as_posix().replace("/", ".")
        for p in Path(folder).rglob("*")
        if p.is_dir()
        and p.name.isidentifier()
        and not (p / "__init__.py").exists()
        and not p.name.startswith("__")
    )
    for package in inner:
        package_dir[f"{name}.{package}"] = f"{folder}/{package.replace('.', '/')}"

setup(
    packages=sorted(package_dir),
    package_dir=package_dir,
    package_data={"": ["*.json", "*.md", "*.svg", "*.csv", "*.py", "*.ini", "*.mako", "py.typed"]},
)
