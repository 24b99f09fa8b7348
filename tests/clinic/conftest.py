"""Fixtures of the clinic's tests: stores in a folder, and on PostgreSQL where there is one."""

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from heartlog.store import PACKED_BEAT, Store

RUNUSER = shutil.which("runuser") or "/usr/sbin/runuser"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store in a file."""
    with Store.open(tmp_path / "store.sqlite") as opened:
        yield opened


def packed(count: int, first_seq: int = 1, rr: int = 200, first_sample: int = 500):
    """Return `count` regular beats as PACKED_BEAT."""
    beats = np.zeros(count, PACKED_BEAT)
    beats["seq"] = np.arange(first_seq, first_seq + count)
    beats["sample"] = (first_sample + rr * np.arange(count, dtype=np.int64)) % 2**32
    beats["rr"] = rr
    beats["amplitude_uv"] = 1000
    beats["width_ms"] = 90
    beats["confidence"] = 95
    beats["kind"] = 1
    return beats


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server of Debian's packages, started for these tests."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: PostgreSQL is not tested")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL server here (apt-get install postgresql): not tested")
    # Not pytest's folder: that one is closed to the user that runs the server.
    folder = Path(tempfile.mkdtemp(prefix="heartlog-postgres-"))
    tools = found[-1].parent
    user = _server_user(folder)
    data, sockets = folder / "data", folder / "sockets"
    sockets.mkdir()
    if user:
        shutil.chown(sockets, user)

    def run(*command: str) -> None:
        prefix = [RUNUSER, "-u", user, "--"] if user else []
        done = subprocess.run([*prefix, *command], capture_output=True, text=True, cwd="/")
        assert done.returncode == 0, done.stdout + done.stderr

    run(str(tools / "initdb"), "-D", str(data), "-U", "heartlog", "-A", "trust", "-E", "UTF8")
    options = f"-k {sockets} -c listen_addresses='' -c fsync=off"
    log = str(data / "server.log")
    run(str(tools / "pg_ctl"), "-D", str(data), "-o", options, "-l", log, "-w", "start")
    try:
        yield f"postgresql://heartlog@/{{}}?host={sockets}"
    finally:
        run(str(tools / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)


def _server_user(folder: Path) -> str | None:
    """PostgreSQL refuses to run as root: then Debian's own user runs it."""
    if os.geteuid() != 0:
        return None
    shutil.chown(folder, "postgres")
    return "postgres"


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A new, empty database on the server."""
    import psycopg

    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server.format("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        yield postgres_server.format(name)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store, once on each database."""
    if request.param == "sqlite":
        url: str | Path = tmp_path / "any.sqlite"
    else:
        url = request.getfixturevalue("postgres_url")
    with Store.open(url) as opened:
        yield opened
