"""MicroPython's `bluetooth` on the virtual board: the peripheral's part of it.

Behaves as MicroPython on NimBLE or on BTstack does, whichever the board is set to: see README.md
for the list, with what a central would need (`gap_scan`, `gattc_*`) left out.
"""

import stacks
import uuids
from air import Air

UUID = uuids.UUID

FLAG_BROADCAST = 0x0001
FLAG_READ = 0x0002
FLAG_WRITE_NO_RESPONSE = 0x0004
FLAG_WRITE = 0x0008
FLAG_NOTIFY = 0x0010
FLAG_INDICATE = 0x0020
FLAG_AUTHENTICATED_SIGNED_WRITE = 0x0040
FLAG_AUX_WRITE = 0x0100
FLAG_READ_ENCRYPTED = 0x0200
FLAG_READ_AUTHENTICATED = 0x0400
FLAG_READ_AUTHORIZED = 0x0800
FLAG_WRITE_ENCRYPTED = 0x1000
FLAG_WRITE_AUTHENTICATED = 0x2000
FLAG_WRITE_AUTHORIZED = 0x4000

_air = None
_ble = None


def attach(cable, config):
    """Called by the boot program."""
    global _air, _ble
    _air = Air(cable, config)
    _ble = stacks.BTstack(_air) if _air.btstack else stacks.NimBLE(_air)
    _air.deliver = _ble._deliver


def command(c):
    """Faults of the link, from the control socket."""
    return _air.command(c)


def status():
    """The radio's part of the status."""
    return _air.status()


def BLE():
    """There is one radio, so there is one object."""
    return _ble
