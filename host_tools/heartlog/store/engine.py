"""Opens the database under a store: SQLite file or PostgreSQL, migrated, or a clear refusal.

SQLite runs with a write-ahead log and `synchronous=FULL`: what was committed (and is then
acknowledged to a monitor) survives kill -9 and a power cut, and readers never wait for a writer.
Writers take the lock when they begin, so that two recorders queue up instead of failing half way.
"""

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.pool import ConnectionPoolEntry

from heartlog.store.cipher import Secret, module
from heartlog.store.errors import (
    StoreForeign,
    StoreNewer,
    StoreReadOnly,
    StoreUnreachable,
    clear_errors,
)

HEAD = "0001"
"""The newest migration that this Heartlog knows."""
KNOWN = ("0001",)
APPLICATION_ID = 0x48524C47
"""`HRLG`, kept in the SQLite header so that `file` and we can tell a store from another file."""
BUSY_SECONDS = 30.0
SQLITE_MAGIC = b"SQLite format 3\0"


def default_url() -> str:
    """Return HEARTLOG_STORE, or the SQLite file in the user's data folder."""
    value = os.environ.get("HEARTLOG_STORE")
    if value:
        return value
    import platformdirs

    return str(Path(platformdirs.user_data_dir("heartlog")) / "heartlog.sqlite")


def as_url(location: str | os.PathLike[str]) -> URL:
    """Return the SQLAlchemy URL for a path or URL; PostgreSQL by psycopg 3."""
    text_form = os.fspath(location)
    if "://" not in text_form:
        return URL.create("sqlite", database=str(Path(text_form).expanduser().absolute()))
    if text_form.startswith("postgres://"):
        text_form = "postgresql://" + text_form.removeprefix("postgres://")
    try:
        url = make_url(text_form)
    except Exception as problem:
        raise StoreUnreachable(
            f"{text_form!r} is not a store's path or URL.",
            "Name a file (tests.sqlite) or a server: postgresql://user@host/database.",
        ) from problem
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreUnreachable(
            f"{url.drivername} is not a database that Heartlog uses.",
            "Use SQLite (a file) or PostgreSQL.",
        )
    return url


def place(url: URL) -> str:
    """Return what to call the store in a message: its path, or its URL without the password."""
    if url.get_backend_name() == "sqlite":
        return url.database or "the store in memory"
    return url.render_as_string(hide_password=True)


def open_engine(
    url: URL, read_only: bool = False, secret: Secret | None = None
) -> tuple[Engine, bool]:
    """Connect, refuse what is not ours, migrate what is older; return (engine, read_only).

    `secret` opens an encrypted file, and makes one where there is no file.
    """
    where = place(url)
    with clear_errors(where):
        if url.get_backend_name() == "sqlite":
            read_only = _check_file(url, read_only, secret is not None)
            engine = _sqlite_engine(url, read_only, secret)
        else:
            engine = _postgres_engine(url)
        try:
            _settle(engine, where, read_only)
        except BaseException:
            engine.dispose()
            raise
    return engine, read_only


def open_memory(content: bytes = b"") -> Engine:
    """A store in this process's memory, empty or from a store file's bytes; gone when closed."""
    engine = _sqlite_engine(URL.create("sqlite"), False, None)
    with clear_errors("the store in memory"):
        try:
            if content:
                # Bytes 18 and 19 say that there may be a write-ahead log: there is no file for it.
                plain = content[:18] + b"\1\1" + content[20:]
                with engine.connect() as connection:
                    _raw(connection).deserialize(plain)
            _settle(engine, "the store in memory", False)
        except BaseException:
            engine.dispose()
            raise
    return engine


def memory_content(engine: Engine) -> bytes:
    """What a store in memory would be as a file."""
    with engine.connect() as connection:
        return bytes(_raw(connection).serialize())


def _raw(connection: Connection) -> sqlite3.Connection:
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return raw


def _check_file(url: URL, read_only: bool, encrypted: bool) -> bool:
    if not url.database or url.database == ":memory:":
        return False
    path = Path(url.database)
    if path.is_dir():
        raise StoreForeign(f"{path} is a folder, not a store.", "Name a file in it.")
    if not path.exists():
        if read_only:
            raise StoreUnreachable(f"There is no store at {path}.", "Check the path.")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise StoreUnreachable(
                f"{path.parent} can't be made ({problem.strerror}).",
                "Choose another place with --store or HEARTLOG_STORE.",
            ) from problem
        return False
    if encrypted:
        return read_only or not os.access(path, os.W_OK)
    with path.open("rb") as file:
        head = file.read(72)
    if head and not head.startswith(SQLITE_MAGIC):
        raise StoreForeign(
            f"{path} is not a Heartlog store (it is not a database).",
            "Check the path: a store is made by Heartlog the first time it is named.",
        )
    owner = int.from_bytes(head[68:72], "big")
    if owner not in (0, APPLICATION_ID):
        raise StoreForeign(
            f"{path} is a database of another program (application id {owner:#x}).",
            "Name another file: Heartlog does not write into it.",
        )
    return read_only or not os.access(path, os.W_OK)


def _sqlite_engine(url: URL, read_only: bool, secret: Secret | None) -> Engine:
    name = url.database or ""
    if read_only and name:
        # Without write access to the folder a WAL can't be read, except as a file that rests.
        rests = not os.access(Path(name).parent, os.W_OK)
        name = Path(name).as_uri() + "?mode=ro" + ("&immutable=1" if rests else "")
        url = url.set(database=name, query={"uri": "true"})
    if secret is None:
        engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    else:
        key = secret
        # The key has to be the first thing that a connection is told.
        engine = create_engine(
            url.set(query={}),
            module=module(),
            creator=lambda: key.connect(name, uri=read_only, timeout=BUSY_SECONDS),
        )

    @event.listens_for(engine, "connect")
    def _connect(raw: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
        raw.isolation_level = None  # we say BEGIN ourselves (below)
        cursor = raw.cursor()
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}")
        if not read_only:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("writing")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _postgres_engine(url: URL) -> Engine:
    try:
        return create_engine(url, pool_pre_ping=True)
    except ModuleNotFoundError as problem:
        raise StoreUnreachable(
            "PostgreSQL needs the package psycopg, which is not installed.",
            "pip install 'heartlog[department]'",
        ) from problem


def _settle(engine: Engine, where: str, read_only: bool) -> None:
    """Bring the schema to HEAD, or say why not."""
    version = _version(engine)
    if version == HEAD:
        return
    if version is not None and version not in KNOWN:
        raise StoreNewer(
            f"{where} was written by a newer Heartlog (schema {version}, this one knows {HEAD}).",
            "Update Heartlog: pip install -U heartlog.",
        )
    if version is None:
        with engine.connect() as connection:
            names = set(inspect(connection).get_table_names()) - {"alembic_version"}
        if names and _version(engine) is not None:  # another program has just made it
            _settle(engine, where, read_only)
            return
        if names:
            raise StoreForeign(
                f"{where} holds tables of another program ({', '.join(sorted(names)[:3])}).",
                "Name another file or database: Heartlog does not write into it.",
            )
    if read_only:
        raise StoreReadOnly(
            f"{where} has schema {version or 'none'} and can't be brought to {HEAD} read-only.",
            "Open it once with write access.",
        )
    _migrate(engine)


def _version(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        row: Any = connection.execute(text("SELECT version_num FROM alembic_version")).first()
        return None if row is None else str(row[0])


def _migrate(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    with engine.execution_options(writing=True).begin() as connection:
        if engine.dialect.name == "postgresql":
            # Two programs that meet a new database at once: the second waits, then finds it done.
            connection.execute(text(f"SELECT pg_advisory_xact_lock({APPLICATION_ID})"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
