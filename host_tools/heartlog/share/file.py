"""The encrypted file: a small store with the sessions, sealed by a passphrase.

Layout (integers little-endian):
    16 bytes  HEARTLOG-SHARE\\0\\1
     1 byte   log2 of scrypt's N (15 now; r = 8, p = 1)
    16 bytes  salt
     8 bytes  nonce prefix
    then chunks: u32 length, AES-256-GCM ciphertext. Nonce: prefix and the chunk's u32 number.
    Associated data: the 41 bytes above and one byte, 1 for the last chunk: cutting, swapping
    and reordering chunks fail like a wrong passphrase does.
The key comes from the passphrase by scrypt (RFC 7914); the plain text is a zlib stream of the
store's file. Nothing outside tells what is inside, not even how many sessions.
"""

import secrets
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from heartlog.errors import CommandError, UsageProblem
from heartlog.security.files import write_private
from heartlog.share.anonymous import strip_identity
from heartlog.share.known import known, same_recording
from heartlog.store import Store, StoreError, StoreNewer
from heartlog.store.backup import copy_session

MAGIC = b"HEARTLOG-SHARE\0\1"
LOG_N = 15
HEAD = len(MAGIC) + 1 + 16 + 8
CHUNK = 1 << 20
MIN_PASSPHRASE = 12
MAX_PLAIN = 8 << 30
"""More than any session: a file that unpacks to more is not ours."""


class ShareProblem(CommandError):
    """A shared file that can't be made or opened."""


@dataclass(frozen=True, slots=True)
class Contents:
    """A session of a shared file, and its number in the store it was put into."""

    session_id: int
    patient: str
    beats: int
    known: bool = False
    """It was in the store already: nothing was added."""
    others: tuple[int, ...] = ()
    """Sessions of the store of the same recording, with other contents."""


def check_passphrase(passphrase: str) -> None:
    """Raise UsageProblem for a passphrase that would not hold."""
    if len(passphrase) < MIN_PASSPHRASE:
        raise UsageProblem(
            f"A passphrase needs {MIN_PASSPHRASE} characters or more.",
            "Four unrelated words are good, and easy to tell on the telephone.",
        )


def seal(
    store: Store,
    session_ids: list[int],
    path: Path,
    passphrase: str,
    *,
    deidentify: bool = False,
) -> list[str]:
    """Write sessions as one encrypted file; never overwrites. Returns free texts taken out."""
    check_passphrase(passphrase)
    check_free(path)
    flagged: list[str] = []
    with Store.in_memory() as small:  # never on the disk in clear
        for number in session_ids:
            copy_session(store, number, small)
        if deidentify:
            flagged = strip_identity(small)
        plain = small.content
    write_private(path, encrypt(plain, passphrase))
    return flagged


def encrypt(plain: bytes, passphrase: str) -> bytes:
    """Return the sealed file's bytes."""
    salt, prefix = secrets.token_bytes(16), secrets.token_bytes(8)
    head = MAGIC + bytes([LOG_N]) + salt + prefix
    cipher = AESGCM(_key(passphrase, salt, LOG_N))
    packed = zlib.compress(plain, 6)
    parts = [packed[i : i + CHUNK] for i in range(0, len(packed), CHUNK)]
    out = [head]
    for number, part in enumerate(parts):
        last = bytes([number == len(parts) - 1])
        sealed = cipher.encrypt(prefix + number.to_bytes(4, "little"), part, head + last)
        out += [len(sealed).to_bytes(4, "little"), sealed]
    return b"".join(out)


def decrypt(data: bytes, passphrase: str, name: str = "the file") -> bytes:
    """Return the plain bytes; ShareProblem if it is not ours, damaged, or the words are wrong."""
    _check_head(data, name)
    head, log_n = data[:HEAD], data[len(MAGIC)]
    if not 14 <= log_n <= 20:
        raise ShareProblem(f"{name} is damaged (scrypt 2^{log_n}).", "Ask for it again.")
    salt, prefix = head[len(MAGIC) + 1 : -8], head[-8:]
    cipher = AESGCM(_key(passphrase, salt, log_n))
    unpacker = zlib.decompressobj()
    out: list[bytes] = []
    size = 0
    try:
        for number, (part, last) in enumerate(_chunks(data, name)):
            nonce = prefix + number.to_bytes(4, "little")
            plain = cipher.decrypt(nonce, part, head + bytes([last]))
            out.append(unpacker.decompress(plain, MAX_PLAIN - size))
            size += len(out[-1])
            if unpacker.unconsumed_tail:
                raise ShareProblem(f"{name} unpacks to more than a store can be.", "Discard it.")
    except InvalidTag:
        raise ShareProblem(
            f"{name} does not open: the passphrase is wrong, or the file was changed.",
            "Type the passphrase again; if it is right, ask for the file again.",
        ) from None
    except zlib.error:
        raise ShareProblem(f"{name} is damaged inside.", "Ask for it again.") from None
    return b"".join(out)


def check_file(path: Path) -> None:
    """ShareProblem for what no passphrase opens: before anybody is asked for one."""
    if not path.is_file():
        raise ShareProblem(f"There is no file {path}.", "Check the path.")
    with path.open("rb") as file:
        _check_head(file.read(HEAD), path.name)


def _check_head(data: bytes, name: str) -> None:
    if len(data) < HEAD or not data.startswith(MAGIC):
        raise ShareProblem(
            f"{name} is not a shared file of Heartlog.", "It should end in .heartshare."
        )


def check_free(path: Path) -> None:
    """ShareProblem where there is a file already: nothing is overwritten."""
    if path.exists():
        raise ShareProblem(f"{path} exists already.", "Choose another name.")


def _chunks(data: bytes, name: str) -> Iterator[tuple[bytes, bool]]:
    at = HEAD
    if at >= len(data):
        raise ShareProblem(f"{name} is cut short.", "Ask for it again.")
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "little")
        stop = at + 4 + size
        if at + 4 > len(data) or not 16 <= size <= CHUNK + 16 or stop > len(data):
            raise ShareProblem(f"{name} is cut short.", "Ask for it again.")
        yield data[at + 4 : stop], stop == len(data)
        at = stop


def _key(passphrase: str, salt: bytes, log_n: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=1 << log_n, r=8, p=1).derive(passphrase.encode())


def unseal(path: Path, passphrase: str, store: Store) -> list[Contents]:
    """Put a shared file's sessions into a store; return what came."""
    with revealed(path, passphrase) as small:
        return put(small, store)


@contextmanager
def revealed(path: Path, passphrase: str) -> Iterator[Store]:
    """A shared file as a store in memory; ShareProblem before anything else is touched."""
    check_file(path)
    plain = decrypt(path.read_bytes(), passphrase, path.name)
    try:
        small = Store.in_memory(plain)
    except StoreError as problem:
        why = problem.message.replace("the store in memory", "what is in it")
        newer = isinstance(problem, StoreNewer)
        raise ShareProblem(
            f"{path.name} holds no sessions that can be read: {why}",
            problem.hint if newer else "Ask for it again.",
        ) from problem
    with small:
        yield small


def put(small: Store, store: Store) -> list[Contents]:
    """Put the sessions of a revealed file into a store; what it has already stays as it is."""
    found: list[Contents] = []
    for session in reversed(small.sessions(archived=True)):
        number = known(small, session.id, store)
        others = () if number else tuple(same_recording(small, session.id, store))
        made = number or copy_session(small, session.id, store)
        patient, beats = session.patient_identifier, session.beat_count
        found.append(Contents(made, patient, beats, number is not None, others))
    return found
