"""The tool as a wheel, away from any checkout: firmware, boards and runtime travel in it."""

import os
import site
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """The bin folder of an environment with the wheel in it; dependencies are this one's."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=repository, capture_output=True, check=False
    )
    if files.returncode:
        pytest.skip("not a git checkout: what belongs to the project can't be told")
    for name in files.stdout.decode().split("\0"):
        if name and (repository / name).is_file() and not name.startswith("tests/"):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((repository / name).read_bytes())
    subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True)
    python = folder / "env" / "bin" / "python"
    # This environment's packages, without the checkout that it has as heartlog.
    theirs = next((folder / "env" / "lib").glob("python*")) / "site-packages" / "their.pth"
    paths = [*site.getsitepackages(), *(p for p in sys.path if p.endswith("site-packages"))]
    theirs.write_text("\n".join(dict.fromkeys(paths)) + "\n")
    subprocess.run(
        [
            *(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--ignore-installed", source),
        ],
        check=True,
        env={**os.environ, "PYTHONWARNINGS": ""},
    )
    return folder / "env" / "bin"


def run(installed: Path, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    here = Path(sys.executable).parent
    environment = {
        "PATH": f"{installed}:{here}:/usr/bin:/bin",
        "HOME": str(cwd),
        "LANG": "C.UTF-8",
    }
    return subprocess.run(
        [installed / command[0], *command[1:]],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
    )


def test_it_is_the_installed_one(installed: Path, tmp_path: Path) -> None:
    code = "import heartlog._boards as b; print(b.__file__)"
    done = run(installed, "python", "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert str(installed.parent) in done.stdout


@pytest.mark.usefixtures("micropython")
def test_a_virtual_monitor_boots_from_it(installed: Path, tmp_path: Path) -> None:
    code = (
        "from virtual_board import Board\n"
        "with Board(speed=0, record='flat') as board:\n"
        "    print(board.control(do='status')['ok'], board.complaints)\n"
    )
    done = run(installed, "python", "-c", code, cwd=tmp_path)
    assert done.stdout.split("\n")[0] == "True []", done.stdout + done.stderr


def test_the_store_and_its_migrations_travel_too(installed: Path, tmp_path: Path) -> None:
    done = run(installed, "heartlog", "sessions", "--store", "new.sqlite", "--json", cwd=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
