"""The encrypted store: SQLCipher under the same schema, opened by a key that is not in the file.

    secret = Secret.of(path)                # of an encrypted file; None for any other
    secret = Secret.new()                   # for a file that is to be made
    raw = secret.connect(path, uri=False)   # a DB-API connection, already unlocked

SQLCipher encrypts every page of the file and of its write-ahead log with AES-256 and seals it by
an HMAC-SHA512 (https://www.zetetic.net/sqlcipher/design/). A file begins with sixteen bytes of
salt; ours are eight that say what the file is, and eight random ones. The key is derived from
this computer's master secret (security/master.py) and the salt: no two files have the same one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import URL

from heartlog.store.errors import StoreError, StoreLocked, StoreUnreachable, translate

MARK = b"HRLGSEAL"
SALT_BYTES = 16
KEY_BYTES = 32
QUERY = "heartlog_key"
"""In a store's URL: the key in hex, for worker processes that can't ask a person for it."""


def is_encrypted(path: Path) -> bool:
    """Whether the file at `path` is an encrypted store."""
    try:
        with path.open("rb") as file:
            return file.read(len(MARK)) == MARK
    except OSError:
        return False


def module() -> Any:
    """The DB-API module; StoreUnreachable where it isn't installed."""
    try:
        from sqlcipher3 import dbapi2
    except ImportError as problem:
        raise StoreUnreachable(
            "An encrypted store needs the package sqlcipher3, which is not installed.",
            "pip install sqlcipher3",
        ) from problem
    return dbapi2


@dataclass(frozen=True)
class Secret:
    """What opens one file: the salt at its beginning and the key."""

    salt: bytes
    key: bytes = field(repr=False)

    @classmethod
    def new(cls) -> Secret:
        """For a file that is to be made; asks for a passphrase where there is no keyring."""
        salt = MARK + os.urandom(SALT_BYTES - len(MARK))
        return cls(salt, _derived(salt, "the new store"))

    @classmethod
    def of(cls, path: Path, url: URL | None = None) -> Secret | None:
        """What opens the file at `path`; None unless it is an encrypted store.

        Raises StoreLocked when there is no key to be had, or when it isn't this file's.
        """
        if not is_encrypted(path):
            return None
        with path.open("rb") as file:
            salt = file.read(SALT_BYTES)
        given = str(url.query.get(QUERY, "")) if url is not None else ""
        known = len(given) == 2 * KEY_BYTES and not set(given) - set("0123456789abcdef")
        secret = cls(salt, bytes.fromhex(given) if known else _derived(salt, str(path)))
        secret._check(path)
        return secret

    @property
    def literal(self) -> str:
        """The key and the salt as `PRAGMA key` and `ATTACH` want them."""
        return f"x'{self.key.hex()}{self.salt.hex()}'"

    def connect(self, database: str, uri: bool = False, timeout: float = 5.0) -> Any:
        """A DB-API connection to the file, unlocked."""
        raw = module().connect(database, uri=uri, timeout=timeout, check_same_thread=False)
        raw.execute(f'PRAGMA key = "{self.literal}"')
        raw.execute("PRAGMA temp_store=MEMORY")  # temporary files would be in clear
        return raw

    def in_url(self, url: URL) -> URL:
        """The store's URL with the key in it."""
        return url.update_query_dict({QUERY: self.key.hex()})

    def _check(self, path: Path) -> None:
        # Without write access to the folder a log can't be read, except as a file that rests.
        rests = "" if os.access(path.parent, os.W_OK) else "&immutable=1"
        with cipher_errors(str(path)):
            raw = self.connect(f"{path.absolute().as_uri()}?mode=ro{rests}", uri=True)
            try:
                raw.execute("SELECT count(*) FROM sqlite_master").fetchone()
            except module().DatabaseError as problem:
                if "not a database" not in str(problem):
                    raise
                raise StoreLocked(
                    f"{path} does not open: it was locked with another secret, or was changed.",
                    "Use the user account or the passphrase that it was made with.",
                ) from None
            finally:
                raw.close()


@contextmanager
def cipher_errors(where: str) -> Iterator[None]:
    """Turn SQLCipher's own errors into StoreErrors that name the store."""
    try:
        yield
    except module().Error as problem:
        raise translate(problem, where) or StoreError(f"{where}: {problem}.") from problem


def _derived(salt: bytes, where: str) -> bytes:
    from heartlog.security.channel import derive
    from heartlog.security.keys import own_master
    from heartlog.security.master import LockProblem

    try:
        return derive(own_master(), salt, b"heartlog store", KEY_BYTES)
    except LockProblem as problem:
        raise StoreLocked(f"{where} is encrypted. {problem.message}", problem.hint) from problem


def without_key(url: str) -> str:
    """A store's URL for another computer: it must unlock the store by itself."""
    from sqlalchemy import make_url

    plain = make_url(url).difference_update_query([QUERY])
    return plain.render_as_string(hide_password=False)
