"""Gives a monitor its pairing key over the cable, and keeps the key here.

    pair(VirtualCable(run_dir), keys, session=12)

The key never goes over the air. What is written is the file that `firmware/monitor/pairing.py`
reads; the monitor takes it at its next start, which is asked for here.
"""

from __future__ import annotations

import binascii
from typing import Protocol

from heartlog.security.channel import KEY_BYTES
from heartlog.security.keys import Keys

MAGIC = b"HLK1"
PATH = "/pairing"


class Cable(Protocol):
    """What pairing needs of a cable."""

    def device_id(self) -> str:
        """The chip's id, 16 hexadecimal digits."""

    def write(self, path: str, data: bytes) -> None:
        """Write a file of the monitor's."""

    def give_journal_key(self, key: bytes) -> None:
        """Put the journal's first key into the monitor's flash, in no file."""

    def restart(self) -> None:
        """Start the firmware anew."""


def file_for(key: bytes) -> bytes:
    """The pairing file's bytes: magic, key, CRC-16 (CCITT, little-endian)."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"pairing key must be {KEY_BYTES} bytes, not {len(key)}")
    body = MAGIC + key
    return body + binascii.crc_hqx(body, 0xFFFF).to_bytes(2, "little")


def pair(cable: Cable, keys: Keys, session: int = 0) -> str:
    """Make a key, write it to the monitor, restart it; returns the monitor's id.

    The key is kept here before it is written there: a cable pulled in between leaves a monitor
    with its old key and a key too many here, never a monitor that nobody can open.
    """
    device = cable.device_id()
    key = keys.add(device, session)
    cable.give_journal_key(keys.journal_key(key))
    cable.write(PATH, file_for(key))
    cable.restart()
    return device
