"""The one secret that everything kept on this computer is locked with.

    master = unlock(folder, ask)          # 32 bytes
    key = derive(master, b"", b"heartlog store", 32)

Where the system has a keyring (macOS Keychain, Windows Credential Locker, Secret Service on Linux)
the secret is random and lives there. Otherwise, or when HEARTLOG_PASSPHRASE is set, it lies in
`lock.json` beside the things it locks, sealed by AES-256-GCM under a passphrase by scrypt (RFC
7914; N = 2^17, r = 8, p = 1: about 0.4 s and 128 MiB, OWASP's first choice), so that another
passphrase can lock it (relock.py). In older lock files the passphrase itself makes the secret.

Neither the keyring nor the lock file is in a backup of a store. `recovery_code(master)` is the
secret to be written down: in HEARTLOG_RECOVERY it stands in for both, on any computer.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from heartlog.errors import CommandError
from heartlog.security.channel import derive
from heartlog.security.files import write_private

PASSPHRASE_VARIABLE = "HEARTLOG_PASSPHRASE"
RECOVERY_VARIABLE = "HEARTLOG_RECOVERY"
LOCK_FILE = "lock.json"
SERVICE = "heartlog"
SCRYPT_N = 2**17
MASTER_BYTES = 32
LEAST_PASSPHRASE = 8
_NONCE_BYTES = 12
_SEALED_FOR = b"heartlog lock"


class LockProblem(CommandError):
    """The secret can't be had: wrong passphrase, no keyring, a damaged lock file."""


@dataclass(frozen=True)
class Lock:
    """What `lock.json` holds: scrypt's salt and cost, a check value of the secret, and the secret
    sealed under the passphrase; `sealed` is empty where the passphrase itself makes the secret."""

    salt: bytes
    n: int
    check: str
    sealed: bytes


def check_of(master: bytes) -> str:
    """Tells the secret from others, and tells nothing of it."""
    return derive(master, b"", b"heartlog lock check", 16).hex()


def _from_passphrase(passphrase: str, salt: bytes, n: int) -> bytes:
    return Scrypt(salt=salt, length=MASTER_BYTES, n=n, r=8, p=1).derive(passphrase.encode())


def read_lock(folder: Path) -> Lock:
    """The lock file of `folder`; LockProblem when it is damaged."""
    path = folder / LOCK_FILE
    try:
        text = json.loads(path.read_text())
        salt, n, check = bytes.fromhex(text["salt"]), int(text["n"]), str(text["check"])
        lock = Lock(salt, n, check, bytes.fromhex(text.get("sealed", "")))
    except (ValueError, KeyError, TypeError) as error:
        raise LockProblem(
            f"{path} is damaged: {error}.", "Restore it from a backup: without it nothing opens."
        ) from error
    # Bounds, so that a forged file can neither weaken the derivation nor eat all memory.
    whole = len(lock.sealed) in (0, _NONCE_BYTES + MASTER_BYTES + 16)
    if len(salt) < 16 or n & (n - 1) or not 2**14 <= n <= 2**20 or not whole:
        raise LockProblem(f"{path} is damaged: impossible values.", "Restore it from a backup.")
    return lock


def write_lock(folder: Path, master: bytes, passphrase: str) -> None:
    """Lock the secret with a passphrase: another lock file takes the old one's place at once."""
    salt, nonce = os.urandom(16), os.urandom(_NONCE_BYTES)
    cover = AESGCM(_from_passphrase(passphrase, salt, SCRYPT_N))
    lock = {
        "n": SCRYPT_N,
        "salt": salt.hex(),
        "check": check_of(master),
        "sealed": (nonce + cover.encrypt(nonce, master, _SEALED_FOR)).hex(),
    }
    write_private(folder / LOCK_FILE, json.dumps(lock).encode())


def _by_passphrase(folder: Path, passphrase: str) -> bytes:
    if not (folder / LOCK_FILE).exists():
        long_enough(passphrase)
        master = os.urandom(MASTER_BYTES)
        write_lock(folder, master, passphrase)
        return master
    lock = read_lock(folder)
    master = _from_passphrase(passphrase, lock.salt, lock.n)
    if lock.sealed:
        nonce, sealed = lock.sealed[:_NONCE_BYTES], lock.sealed[_NONCE_BYTES:]
        try:
            master = AESGCM(master).decrypt(nonce, sealed, _SEALED_FOR)
        except InvalidTag:
            master = b""
    if not master or not hmac.compare_digest(check_of(master), lock.check):
        raise LockProblem("The passphrase is wrong.", "Try again; case and spaces count.")
    return master


def long_enough(passphrase: str) -> None:
    """LockProblem for a passphrase that would not hold."""
    if len(passphrase) < LEAST_PASSPHRASE:
        raise LockProblem(
            f"The passphrase has {len(passphrase)} characters.",
            f"Choose one of at least {LEAST_PASSPHRASE}; four random words are easy to keep.",
        )


def kept_in_keyring(folder: Path) -> bytes | None:
    """The secret that the system's keyring has, None without one (or without a keyring)."""
    import keyring
    from keyring.errors import KeyringError

    try:
        text = keyring.get_password(SERVICE, str(folder.resolve()))
        secret = bytes.fromhex(text or "")
    except (KeyringError, ValueError):
        return None
    return secret if len(secret) == MASTER_BYTES else None


def new_passphrase(ask: Callable[[str], str] | None, variable: str = PASSPHRASE_VARIABLE) -> str:
    """A passphrase that a person chooses, typed twice; scripts give it in `variable`."""
    if ask is None:
        raise LockProblem(
            "Heartlog's keys on this computer need a passphrase, and nobody can be asked for it"
            " here.",
            f"Set {variable}, or run the command in a terminal.",
        )
    least = f"{LEAST_PASSPHRASE} characters or more"
    passphrase = ask(f"New passphrase for Heartlog's keys on this computer ({least})")
    long_enough(passphrase)
    if ask("Once more") != passphrase:
        raise LockProblem("The two passphrases differ.", "Run the command again.")
    return passphrase


def _by_keyring(folder: Path) -> bytes | None:
    """The secret in the system's keyring, made at first use; None where there is no keyring."""
    import keyring
    from keyring.errors import KeyringError

    name = str(folder.resolve())
    try:
        text = keyring.get_password(SERVICE, name)
        if text is None:
            text = os.urandom(MASTER_BYTES).hex()
            keyring.set_password(SERVICE, name, text)
        master = bytes.fromhex(text)
    except KeyringError:
        return None
    except ValueError:
        master = b""
    if len(master) != MASTER_BYTES:
        raise LockProblem(
            f"The system's keyring holds no usable secret for {name}.",
            f"Remove the entry `{SERVICE}` there if nothing was locked with it.",
        )
    return master


def recovery_code(master: bytes) -> str:
    """The secret as groups of four letters and digits (base 32), the last one a check."""
    text = base64.b32encode(master + _check_bytes(master)).decode().rstrip("=").lower()
    return "-".join(text[i : i + 4] for i in range(0, len(text), 4))


def from_recovery_code(code: str) -> bytes:
    """The secret in a recovery code; LockProblem when it was copied wrongly."""
    text = "".join(code.split()).replace("-", "").upper()
    try:
        data = base64.b32decode(text + "=" * (-len(text) % 8))
    except ValueError:
        data = b""
    master, check = data[:MASTER_BYTES], data[MASTER_BYTES:]
    if len(data) != MASTER_BYTES + 3 or not hmac.compare_digest(check, _check_bytes(master)):
        raise LockProblem(
            "The recovery code is not right.",
            f"It has 14 groups of four letters or digits (2 to 7), in {RECOVERY_VARIABLE}.",
        )
    return master


def _check_bytes(master: bytes) -> bytes:
    return derive(master, b"", b"heartlog recovery check", 3)


def unlock(folder: Path, ask: Callable[[str], str] | None = None) -> bytes:
    """The 32-byte secret for the things in `folder`.

    `ask(prompt)` reads a passphrase from a person; None where nobody can be asked. The code in
    HEARTLOG_RECOVERY comes first, then the passphrase in HEARTLOG_PASSPHRASE, then an existing
    lock file, then the keyring, then `ask`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    code = os.environ.get(RECOVERY_VARIABLE)
    if code:
        return from_recovery_code(code)
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given:
        return _by_passphrase(folder, given)
    locked = (folder / LOCK_FILE).exists()
    if not locked and (master := _by_keyring(folder)) is not None:
        return master
    if locked and ask is not None:
        return _by_passphrase(folder, ask("Passphrase of Heartlog's keys on this computer"))
    return _by_passphrase(folder, new_passphrase(ask))
