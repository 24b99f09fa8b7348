"""The pairing keys of the monitors that this computer may listen to.

    keys = Keys(folder, unlock(folder, ask))
    keys.add(device_id, session=12)          # makes and keeps a new key, returns it
    keys.get(device_id)                      # the newest key of a monitor, or None
    keys.whose(identifier)                   # which monitor advertises this rotating identifier
    keys.forget(device_id)                   # a lost monitor, a technician who left

All keys lie in one file, sealed by AES-256-GCM under a key derived from the master secret.
Forgetting a monitor's keys is the refusal of a lost or cloned one: without a key nothing it says
is accepted.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from heartlog.security.channel import KEY_BYTES, derive, recognise
from heartlog.security.files import write_private
from heartlog.security.journal import JournalKeys, emergency_key, journal_key
from heartlog.security.master import (
    PASSPHRASE_VARIABLE,
    RECOVERY_VARIABLE,
    LockProblem,
    unlock,
)

FILE = "keys.sealed"
MAGIC = b"HLK1"
NONCE_BYTES = 12
FOLDER_VARIABLE = "HEARTLOG_KEYS"


@dataclass(frozen=True)
class Pairing:
    """One monitor's key for one session of wear; `made`, `lost` and `wiped` are Unix times (s),
    0 for what did not happen."""

    device: str
    session: int
    key: str
    made: float
    lost: float = 0.0
    wiped: float = 0.0
    bond: dict[str, Any] | None = None
    """What the link layer's pairing left here (Bumble's PairingKeys), kept as long as the key."""

    @property
    def key_bytes(self) -> bytes:
        """The 32 bytes."""
        return bytes.fromhex(self.key)


class Keys:
    """The sealed file of pairing keys in `folder`."""

    def __init__(
        self, folder: Path, master: bytes, noted: Callable[[str, str], None] | None = None
    ) -> None:
        """`noted(act, device)` is told of each act but reading."""
        self._noted = noted
        self._path = folder / FILE
        self._seal = AESGCM(derive(master, b"", b"heartlog pairing keys", 32))
        self._journals = derive(master, b"", b"heartlog journals", 32)
        self._pairings = self._read()
        address = derive(master, b"", b"heartlog host address", 6)
        self.host_address = bytes((*address[:5], address[5] | 0xC0))
        """A static random radio address (little-endian): by it a monitor finds its bond again."""

    def _read(self) -> list[Pairing]:
        if not self._path.exists():
            return []
        data = self._path.read_bytes()
        body = data[len(MAGIC) :]
        try:
            if data[: len(MAGIC)] != MAGIC or len(body) < NONCE_BYTES:
                raise ValueError("not a file of keys")
            text = self._seal.decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], MAGIC)
            rows = [Pairing(**row) for row in json.loads(text)]
        except InvalidTag:
            raise LockProblem(
                f"{self._path} can't be opened: another secret locked it, or it was changed.",
                "Use the passphrase or the user account it was made with, or restore a backup.",
            ) from None
        except (ValueError, TypeError) as error:
            raise LockProblem(
                f"{self._path} is damaged: {error}.", "Restore it from a backup."
            ) from error
        return rows

    def _write(self) -> None:
        text = json.dumps([asdict(p) for p in self._pairings]).encode()
        nonce = os.urandom(NONCE_BYTES)
        write_private(self._path, MAGIC + nonce + self._seal.encrypt(nonce, text, MAGIC))

    def all(self) -> list[Pairing]:
        """Every pairing, oldest first."""
        return list(self._pairings)

    def add(self, device: str, session: int = 0) -> bytes:
        """Make a new key for a monitor (its id in hex) and keep it."""
        key = os.urandom(KEY_BYTES)
        self._pairings.append(Pairing(device, session, key.hex(), time.time()))
        self._write()
        self._note("pair", device)
        return key

    def _note(self, act: str, device: str) -> None:
        if self._noted is not None:
            self._noted(act, device)

    def get(self, device: str) -> bytes | None:
        """The newest key of a monitor."""
        for pairing in reversed(self._pairings):
            if pairing.device == device:
                return pairing.key_bytes
        return None

    def journal_key(self, pairing_key: bytes) -> bytes:
        """The first key of the journal of a monitor that was paired with this key (16 bytes)."""
        return journal_key(self._journals, pairing_key)

    def journal(self, device: str) -> JournalKeys:
        """What opens a monitor's journal, whichever of its pairings it was written under."""
        own = [p.key_bytes for p in self._pairings if p.device == device]
        return JournalKeys([f(k) for k in own for f in (self.journal_key, emergency_key)])

    def whose(self, identifier: bytes) -> Pairing | None:
        """The pairing whose key made an advertised identifier (8 bytes)."""
        for pairing in reversed(self._pairings):
            if recognise(pairing.key_bytes, identifier):
                return pairing
        return None

    def keep_bond(self, key: bytes, bond: dict[str, Any] | None) -> None:
        """Keep, or drop, the link layer's bond with the monitor that has this key."""
        for n, pairing in enumerate(self._pairings):
            if pairing.key_bytes == key:
                self._pairings[n] = replace(pairing, bond=bond)
                self._write()
                return

    def bond(self, key: bytes) -> dict[str, Any] | None:
        """The link layer's bond with the monitor that has this key."""
        return next((p.bond for p in self._pairings if p.key_bytes == key), None)

    def name_session(self, device: str, session: int) -> None:
        """Note for which session a monitor's newest key was made."""
        for n in reversed(range(len(self._pairings))):
            if self._pairings[n].device == device:
                self._pairings[n] = replace(self._pairings[n], session=session)
                self._write()
                return

    def lost(self, device: str) -> bool:
        """Whether the monitor was reported lost, and not paired anew since."""
        own = [p for p in self._pairings if p.device == device]
        return bool(own) and bool(own[-1].lost)

    def mark_lost(self, device: str) -> None:
        """From now on the monitor is refused, and wiped when it is met."""
        self._mark("lost", device, lambda p: replace(p, lost=time.time()))

    def mark_found(self, device: str) -> None:
        """It was not lost after all."""
        self._mark("found", device, lambda p: replace(p, lost=0.0))

    def mark_wiped(self, device: str) -> None:
        """Nothing is left on it."""
        self._mark("wipe", device, lambda p: replace(p, wiped=time.time()))

    def _mark(self, act: str, device: str, change: Callable[[Pairing], Pairing]) -> None:
        self._pairings = [change(p) if p.device == device else p for p in self._pairings]
        self._write()
        self._note(act, device)

    def forget(self, device: str) -> int:
        """Drop every key of a monitor; how many there were."""
        kept = [p for p in self._pairings if p.device != device]
        count = len(self._pairings) - len(kept)
        if count:
            self._pairings = kept
            self._write()
            self._note("forget keys", device)
        return count


def own_folder() -> Path:
    """Where this user's keys lie: HEARTLOG_KEYS, or a folder beside the store."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    from platformdirs import user_data_path

    return user_data_path("heartlog") / "keys"


_masters: dict[tuple[Path, str | None, str | None], bytes] = {}


def own_master() -> bytes:
    """This user's master secret (32 bytes); a person is asked for it once a process at most."""
    known = _opened_by()
    if known not in _masters:
        _masters[known] = unlock(known[0], person())
    return _masters[known]


def remember(secret: bytes) -> None:
    """This is the master secret for the rest of this process: nobody is asked again."""
    _masters[_opened_by()] = secret


def _opened_by() -> tuple[Path, str | None, str | None]:
    return own_folder(), os.environ.get(RECOVERY_VARIABLE), os.environ.get(PASSPHRASE_VARIABLE)


def own_keys(create: bool = False) -> Keys | None:
    """This user's keys, None where there are none (unless `create`); may ask for a passphrase."""
    folder = own_folder()
    if not create and not (folder / FILE).exists():
        return None
    return Keys(folder, own_master(), _note_in_store)


def _note_in_store(act: str, device: str) -> None:
    from heartlog.cli.acts import act_here

    act_here(act, "monitor", device)


def person() -> Callable[[str], str] | None:
    """Whom to ask for a passphrase; None where nobody is at a terminal."""
    return _ask if sys.stdin.isatty() else None


def _ask(prompt: str) -> str:
    from getpass import getpass

    return getpass(f"{prompt}: ")
