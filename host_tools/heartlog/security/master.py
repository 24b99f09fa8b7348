"""The one secret that everything kept on this computer is locked with.

    master = unlock(folder, ask)          # 32 bytes
    key = derive(master, b"", b"heartlog store", 32)

Where the system has a keyring (macOS Keychain, Windows Credential Locker, Secret Service on Linux)
the secret is random and lives there. Otherwise, or when HEARTLOG_PASSPHRASE is set, it is made
from a passphrase by scrypt (RFC 7914; N = 2^17, r = 8, p = 1: about 0.4 s and 128 MiB, OWASP's
first choice) with a salt kept in `lock.json` beside the things it locks, and a check value that
tells a wrong passphrase at once.

Neither the keyring nor the salt is in a backup of a store. `recovery_code(master)` is the secret
to be written down: in HEARTLOG_RECOVERY it stands in for both, on any computer.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
from collections.abc import Callable
from pathlib import Path

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


class LockProblem(CommandError):
    """The secret can't be had: wrong passphrase, no keyring, a damaged lock file."""


def _check(master: bytes) -> str:
    return derive(master, b"", b"heartlog lock check", 16).hex()


def _from_passphrase(passphrase: str, salt: bytes, n: int) -> bytes:
    return Scrypt(salt=salt, length=MASTER_BYTES, n=n, r=8, p=1).derive(passphrase.encode())


def _read_lock(path: Path) -> tuple[bytes, int, str]:
    try:
        lock = json.loads(path.read_text())
        salt, n, check = bytes.fromhex(lock["salt"]), int(lock["n"]), str(lock["check"])
    except (ValueError, KeyError, TypeError) as error:
        raise LockProblem(
            f"{path} is damaged: {error}.", "Restore it from a backup: without it nothing opens."
        ) from error
    # Bounds, so that a forged file can neither weaken the derivation nor eat all memory.
    if len(salt) < 16 or n & (n - 1) or not 2**14 <= n <= 2**20:
        raise LockProblem(f"{path} is damaged: impossible values.", "Restore it from a backup.")
    return salt, n, check


def _by_passphrase(folder: Path, passphrase: str) -> bytes:
    path = folder / LOCK_FILE
    if path.exists():
        salt, n, check = _read_lock(path)
        master = _from_passphrase(passphrase, salt, n)
        if not hmac.compare_digest(_check(master), check):
            raise LockProblem("The passphrase is wrong.", "Try again; case and spaces count.")
        return master
    _long_enough(passphrase)
    salt = os.urandom(16)
    master = _from_passphrase(passphrase, salt, SCRYPT_N)
    lock = {"n": SCRYPT_N, "salt": salt.hex(), "check": _check(master)}
    write_private(path, json.dumps(lock).encode())
    return master


def _long_enough(passphrase: str) -> None:
    if len(passphrase) < LEAST_PASSPHRASE:
        raise LockProblem(
            f"The passphrase has {len(passphrase)} characters.",
            f"Choose one of at least {LEAST_PASSPHRASE}; four random words are easy to keep.",
        )


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
    if ask is None:
        raise LockProblem(
            "A passphrase is needed, and nobody can be asked for it here.",
            f"Set {PASSPHRASE_VARIABLE}, or run the command in a terminal.",
        )
    if locked:
        return _by_passphrase(folder, ask("Passphrase of Heartlog's keys on this computer"))
    least = f"{LEAST_PASSPHRASE} characters or more"
    passphrase = ask(f"New passphrase for Heartlog's keys on this computer ({least})")
    _long_enough(passphrase)
    if ask("Once more") != passphrase:
        raise LockProblem("The two passphrases differ.", "Run the command again.")
    return _by_passphrase(folder, passphrase)
