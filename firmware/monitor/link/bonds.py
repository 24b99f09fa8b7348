"""The link layer's own security, where the stack has it (NimBLE): LE Secure Connections.

    bonds = Bonds(root, pairing_key)
    bonds.prepare(ble, on_irq)        # before the radio is switched on
    bonds.on_secret(event, data, rightful)      # from the radio's interrupt
    bonds.step()                      # in the main loop: keeps in flash what has changed

It comes on top of the sealed channel and after it: the passkey that the stack asks for is derived
from the handshake of this very connection (secure.py), so nobody types it and nobody can be in
between. What it adds is a key agreement by elliptic curves: who recorded the air, and steals the
pairing key later, still can't read it.

Bonds outlive a reset, but not the pairing key: they are kept beside it and erased when another one
has come. Only a host that was let in can leave one here. A lost bond (there are reports of the
ESP32-S3) costs a new pairing, no more.
"""

import os
from struct import pack_into, unpack_from

from micropython import const

from . import secure
from .pack import crc_hqx

GET_SECRET, SET_SECRET, PASSKEY_ACTION = const(29), const(30), const(31)
DISPLAY = const(3)  # the action for which the monitor chooses the number
NAME = "bonds"
MAGIC = b"HLB1"
MOST = const(9)  # the radio's own identity key, and two secrets for each of four hosts
MOST_BYTES = const(1024)  # of one secret
_OWN_IDENTITY = const(10)  # MicroPython's number for NimBLE's identity resolving key
_DISPLAY_ONLY = const(0)


class Bonds:
    """The stack's secrets by (type, key), oldest first."""

    def __init__(self, root, pairing_key):
        self._path = root + NAME
        self._owner = secure.hkdf(pairing_key, b"", b"heartlog bonds", 8)
        self._rows = []  # [type, key, value]
        self._changed = False
        self._load()

    def prepare(self, ble, handler):
        """Asks the stack for LE Secure Connections; False when it has none (BTstack)."""
        if not hasattr(ble, "gap_pair"):
            return False
        ble.irq(handler)  # the stack asks for its identity key when it starts
        ble.active(True)
        try:
            ble.config(bond=True, mitm=True, le_secure=True, io=_DISPLAY_ONLY)
        except (OSError, ValueError):
            return False
        return True

    def on_secret(self, event, data, rightful):
        """What GET_SECRET and SET_SECRET want back; buffers in `data` die with the interrupt."""
        if event == GET_SECRET:
            kind, index, key = data
            if key is not None:
                row = self._find(kind, bytes(key))
                return row[2] if row else None
            rows = [r for r in self._rows if r[0] == kind]
            return rows[index][2] if index < len(rows) else None
        kind, key, value = data
        key = bytes(key)
        row = self._find(kind, key)
        if value is None:
            if row is None:
                return False
            self._rows.remove(row)
        else:
            if not (rightful or kind == _OWN_IDENTITY) or len(value) > MOST_BYTES:
                return False
            if row is not None:
                self._rows.remove(row)
            self._rows.append([kind, key, bytes(value)])
            while len(self._rows) > MOST:
                self._rows.remove(next(r for r in self._rows if r[0] != _OWN_IDENTITY))
        self._changed = True
        return True

    def _find(self, kind, key):
        for row in self._rows:
            if row[0] == kind and row[1] == key:
                return row
        return None

    def step(self):
        """Writes what has changed; True when there was something."""
        changed = self._changed
        if changed:
            self._changed = False
            self._write()
        return changed

    def _write(self):
        data = bytearray(MAGIC + self._owner)
        for kind, key, value in self._rows:
            head = bytearray(4)
            pack_into("<BBH", head, 0, kind, len(key), len(value))
            data += head + key + value
        crc = crc_hqx(data, 0xFFFF)
        data += bytes((crc & 255, crc >> 8))
        try:
            with open(self._path + ".new", "wb") as file:
                file.write(data)
            os.rename(self._path + ".new", self._path)
        except OSError:
            pass  # no room: the bond lives until the next reset

    def _load(self):
        """Takes the file's secrets; what is damaged, or another key's, is no bond."""
        try:
            with open(self._path, "rb") as file:
                data = file.read(MOST * (MOST_BYTES + 64))
        except OSError:
            return
        end = len(data) - 2
        at = len(MAGIC) + 8
        if end < at or data[:at] != MAGIC + self._owner:
            forget(self._path[: -len(NAME)])
            return
        if crc_hqx(data[:end], 0xFFFF) != data[end] | data[end + 1] << 8:
            return
        rows = []
        while at < end:
            if at + 4 > end:
                return
            kind, key, value = unpack_from("<BBH", data, at)
            at += 4
            if at + key + value > end:
                return
            rows.append([kind, data[at : at + key], data[at + key : at + key + value]])
            at += key + value
        self._rows = rows


def forget(root):
    """Erase all bonds: overwrite, then remove."""
    try:
        size = os.stat(root + NAME)[6]
        with open(root + NAME, "r+b") as file:
            file.write(bytes(size))
        os.remove(root + NAME)
    except OSError:
        pass
