"""Changes what opens the things on this computer: another passphrase, or the system's keyring.

    secret = held(folder, ask)                  # opened as it is locked now
    to_passphrase(folder, secret, "four other random words")
    to_keyring(folder, secret)

The secret itself stays, and with it the store, the keys, backups and the recovery code: only its
lock is replaced, in one step. Whenever that is cut short, the old lock opens or the new one does.
An old lock file that somebody has copied still opens with the old passphrase: where that one is
known to others, `heartlog store decrypt` and `encrypt` on a computer with a new secret help.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from pathlib import Path

from heartlog.security.keys import Keys
from heartlog.security.master import (
    LOCK_FILE,
    SERVICE,
    LockProblem,
    check_of,
    kept_in_keyring,
    long_enough,
    read_lock,
    unlock,
    write_lock,
)


def held(folder: Path, ask: Callable[[str], str] | None) -> bytes:
    """The secret, opened as it is locked now. LockProblem when it is not this computer's."""
    locked = (folder / LOCK_FILE).exists()
    there = None if locked else kept_in_keyring(folder)
    # A passphrase in the environment is none of a secret that the keyring has.
    secret = there or unlock(folder, ask)
    if locked and not hmac.compare_digest(read_lock(folder).check, check_of(secret)):
        raise LockProblem(
            "The recovery code is of another computer's secret than this one's.",
            "Unset HEARTLOG_RECOVERY, or take the code that belongs to this computer's keys.",
        )
    Keys(folder, secret)  # refuses a secret that does not open what lies there
    return secret


def to_passphrase(folder: Path, secret: bytes, passphrase: str) -> None:
    """From now on this passphrase opens it, and nothing in the keyring does."""
    long_enough(passphrase)
    write_lock(folder, secret, passphrase)
    if kept_in_keyring(folder) is not None:
        _forget(folder)


def to_keyring(folder: Path, secret: bytes) -> None:
    """From now on the system's keyring opens it, and no passphrase does."""
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.set_password(SERVICE, str(folder.resolve()), secret.hex())
        there = kept_in_keyring(folder)
    except KeyringError as error:
        raise LockProblem(
            f"This system has no keyring that can be used ({error}). Nothing changed.",
            "Choose a passphrase instead: heartlog store passphrase",
        ) from error
    if there != secret:
        raise LockProblem(
            "The system's keyring does not give back what it was given. Nothing changed.",
            "Choose a passphrase instead: heartlog store passphrase",
        )
    (folder / LOCK_FILE).unlink(missing_ok=True)


def _forget(folder: Path) -> None:
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.delete_password(SERVICE, str(folder.resolve()))
    except KeyringError as error:
        raise LockProblem(
            f"The passphrase is set, but the keyring keeps the secret, too ({error}).",
            f"Remove the entry `{SERVICE}` there.",
        ) from error
