"""What can't be a store is refused with its reason; what is older is migrated."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import heartlog.store.schema_clinic  # noqa: F401
from heartlog.store import (
    Record,
    Store,
    StoreError,
    StoreForeign,
    StoreFull,
    StoreNewer,
    StoreReadOnly,
    StoreUnreachable,
)
from heartlog.store.engine import HEAD, as_url, place
from heartlog.store.schema import Base


def test_migrations_make_what_the_models_say(any_store):
    with any_store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    path = tmp_path / "letter.txt"
    path.write_text("Dear colleague, this is not a database. " * 9)
    before = path.read_bytes()
    with pytest.raises(StoreForeign, match=r"letter\.txt is not a Heartlog store"):
        Store.open(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("application_id", [0, 0x66616365])
def test_another_programs_database_is_left_alone(tmp_path, application_id):
    path = tmp_path / "other.sqlite"
    raw = sqlite3.connect(path)
    raw.execute(f"PRAGMA application_id={application_id}")
    raw.execute("CREATE TABLE recipes (id INTEGER)")
    raw.commit()
    raw.close()
    with pytest.raises(StoreForeign, match="another program"):
        Store.open(path)


def test_a_newer_schema_is_named(tmp_path):
    path = tmp_path / "store.sqlite"
    Store.open(path).close()
    raw = sqlite3.connect(path)
    raw.execute("UPDATE alembic_version SET version_num='9999'")
    raw.commit()
    raw.close()
    with pytest.raises(StoreNewer, match=f"schema 9999, this one knows {HEAD}"):
        Store.open(path)


def test_a_folder_and_an_unknown_database_are_refused(tmp_path):
    with pytest.raises(StoreForeign, match="is a folder"):
        Store.open(tmp_path)
    with pytest.raises(StoreUnreachable, match="not a database that Heartlog uses"):
        Store.open("mysql://server/heart")
    with pytest.raises(StoreUnreachable, match="There is no store"):
        Store.open(tmp_path / "absent.sqlite", read_only=True)


def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path):
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    with pytest.raises(StoreUnreachable) as caught:
        Store.open(f"postgresql://nurse:secret@/heart?host={tmp_path}")
    assert "secret" not in str(caught.value)
    assert "nurse" in str(caught.value)


def test_read_only_reads_and_refuses_to_write(tmp_path):
    path = tmp_path / "store.sqlite"
    with Store.open(path) as store:
        store.open_session("aa")
        store.append(1, [Record(1, "beat", 5, {})])
    with Store.open(path, read_only=True) as store:
        assert len(store.beats(1)) == 1
        with pytest.raises(StoreReadOnly, match="reading only"):
            store.append(1, [Record(2, "beat", 9, {})])


READER = """
import os, sqlite3, sys
import sqlalchemy.dialects.sqlite
from heartlog.store import Store, StoreReadOnly
os.setgid(65534); os.setuid(65534)
store = Store.open(sys.argv[1])
assert store.read_only and len(store.beats(1)) == 1
try:
    store.mark_complete(1)
except StoreReadOnly:
    print("refused")
"""


def test_a_store_of_somebody_else_is_opened_for_reading():
    """Another user, no right to write file or folder: reading works, writing is refused."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    # Not pytest's folder: that one is closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="heartlog-theirs-"))
    with Store.open(folder / "store.sqlite") as store:
        store.open_session("aa")
        store.append(1, [Record(1, "beat", 5, {})])
    folder.chmod(0o755)
    (folder / "store.sqlite").chmod(0o644)
    command = [sys.executable, "-c", READER, str(folder / "store.sqlite")]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=60)
    shutil.rmtree(folder)
    assert done.stdout == "refused\n", done.stderr


def test_a_full_disk_undoes_the_change_and_says_so(tmp_path):
    """A real full disk: a tmpfs of 600 KB where mounting is allowed, else SQLite's page limit."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = shutil.which("mount")
    done = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(folder)], capture_output=True
    )
    mounted = bool(done and done.returncode == 0)
    try:
        with Store.open(folder / "store.sqlite") as store:
            if not mounted:
                limit_pages(store)
            store.open_session("aa")
            with pytest.raises(StoreFull, match="full"):
                fill(store)
            held = store.beats(1)["seq"].tolist()
            assert held == list(range(1, len(held) + 1))
            assert len(held) == store.committed_seq("aa")
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


GROWER = """
import resource, signal, sys
from heartlog.store import Record, Store, StoreUnreachable
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
with Store.open(sys.argv[1]) as store:
    store.open_session("aa")
    try:
        for first in range(1, 200_000, 500):
            store.append(1, [Record(n, "beat", n * 200, {}) for n in range(first, first + 500)])
    except StoreUnreachable as problem:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        held = len(store.beats(1))
        print("may the file grow" in problem.hint, held == store.committed_seq("aa"))
"""


def test_a_file_that_may_not_grow_is_not_called_damaged(tmp_path):
    """SQLite says "disk I/O error" for it, as for a disk that is pulled."""
    command = [sys.executable, "-c", GROWER, str(tmp_path / "store.sqlite")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout == "True True\n", done.stderr


def fill(store: Store) -> None:
    for first in range(1, 200_000, 500):
        store.append(1, [Record(n, "beat", n * 200, {}) for n in range(first, first + 500)])


def limit_pages(store: Store) -> None:
    from sqlalchemy import event

    @event.listens_for(store.engine, "begin")
    def _limit(connection):
        connection.exec_driver_sql("PRAGMA max_page_count=150")

    store.engine.dispose()


def test_default_place_is_an_option_and_an_environment_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARTLOG_STORE", str(tmp_path / "here" / "mine.sqlite"))
    with Store.open() as store:
        assert Path(store.where) == tmp_path / "here" / "mine.sqlite"
        assert isinstance(store.sessions(), list)
    assert place(as_url("postgres://a:b@host/db")) == "postgresql+psycopg://a:***@host/db"


def test_every_error_has_a_next_step(tmp_path):
    with pytest.raises(StoreError) as caught:
        Store.open(tmp_path)
    assert caught.value.hint
    assert caught.value.exit_code == 5
