"""Fixtures that every test may use."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# How long an example takes says what else the computer does, not whether the code is right.
settings.register_profile("heartlog", deadline=None)
settings.load_profile("heartlog")

REPOSITORY = Path(__file__).resolve().parent.parent
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session", autouse=True)
def _folders_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests that name no store and no keys get empty ones, in every process that they start: what
    they write never reaches the store, the keys or the keyring of whoever runs them, and nothing
    that is set there changes what they find. Virtual monitors are found, and monitors claimed, in
    the runtime folder: what else runs on this computer, another worker of these tests also, is not
    to be met there."""
    folder = tmp_path_factory.mktemp("user")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        patch.setenv("XDG_DATA_HOME", str(folder))
        patch.setenv("HEARTLOG_STORE", str(folder / "heartlog.sqlite"))
        patch.setenv("HEARTLOG_KEYS", str(folder / "keys"))
        patch.setenv("HEARTLOG_CLINIC", str(folder / "clinic.json"))
        patch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
        for chosen in ("BACKEND", "DEBUG", "PASSPHRASE", "RECOVERY", "SHARE_PASSPHRASE", "USER"):
            patch.delenv(f"HEARTLOG_{chosen}", raising=False)
        yield


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


@pytest.fixture(scope="session")
def uf2() -> Path:
    """The user's MicroPython for the emulated board; without, the test is skipped."""
    given = os.environ.get("HEARTLOG_UF2")
    if not given:
        pytest.skip("HEARTLOG_UF2 is not set: no registry ships a MicroPython image for RP2040")
    return Path(given)


@pytest.fixture(scope="session")
def firmware_job(micropython: str, repository: Path) -> Callable[[str, Any], Any]:
    """Runs a program (with %r where the firmware's folder belongs) that reads one line of JSON in
    the unix port: the job. Returns what it prints, which is JSON, too."""

    def run(program: str, job: Any) -> Any:
        done = subprocess.run(
            [micropython, "-X", "heapsize=32M", "-c", program % str(repository / "firmware")],
            input=json.dumps(job) + "\n",
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="session")
def heartlog() -> Run:
    """Runs `heartlog ARGS` to its end; keyword arguments are environment variables."""

    def run(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "heartlog", *args],
            capture_output=True,
            text=True,
            env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1", **env},
            timeout=180,
            check=False,
        )

    return run
