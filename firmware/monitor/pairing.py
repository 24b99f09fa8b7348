"""The pairing key on the monitor: one small file, written over USB, erased with the session.

    key = pairing.load("/")      # 32 bytes, or None when the monitor is not paired
    pairing.forget("/")

Without the file the monitor is open: for the bench, and for the first steps. With a file that
can't be read it is closed to everyone, since failing open would be an invitation: pair it anew
over USB.
"""

import os

from .link.pack import crc_hqx
from .link.secure import hmac

NAME = "pairing"
MAGIC = b"HLK1"
KEY = 32
SIZE = len(MAGIC) + KEY + 2


def _read(root):
    """The key; None without a file, b"" for a damaged one."""
    try:
        with open(root + NAME, "rb") as file:
            data = file.read(SIZE + 1)
    except OSError:
        return None
    if len(data) == SIZE and data[: len(MAGIC)] == MAGIC:
        crc = data[-2] | data[-1] << 8
        if crc_hqx(data[:-2], 0xFFFF) == crc:
            return data[len(MAGIC) : -2]
    return b""


def load(root):
    """The key; None without a file; a random one, which nobody holds, for a damaged file."""
    key = _read(root)
    return os.urandom(KEY) if key == b"" else key


def journal_key(root):
    """What seals the journal of a paired monitor that was given no key for it; else None."""
    key = _read(root)
    return hmac(key, b"heartlog journal")[:16] if key else None


def serial(root):
    """The serial number that the bench gave this monitor, as bytes; b"" without one."""
    try:
        with open(root + "serial", "rb") as file:
            return file.read(16)
    except OSError:
        return b""


def forget(root):
    """Erase the key: overwrite, then remove, so that an old block is not all that holds it."""
    try:
        with open(root + NAME, "r+b") as file:
            file.write(bytes(SIZE))
        os.remove(root + NAME)
    except OSError:
        pass
