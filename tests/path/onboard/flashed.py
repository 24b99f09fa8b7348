"""The monitor's own main program (`witnessed.py`), with a second witness at the flash chip: every
operation is printed before it is made, with what it writes; each acknowledgement as it comes, each
page as it is begun, each setting when it is in flash."""

import time
from binascii import hexlify

import flash
from monitor.journal import Journal
from monitor.settings import Settings

_chip = type(flash._nor)
_program, _erase = _chip._program_page, _chip.erase
_acknowledge, _open_page, _set = Journal.acknowledge, Journal._open_page, Settings.set


def program(self, address, data):
    print("O", time.ticks_ms(), address, hexlify(data).decode())
    _program(self, address, data)


def erase(self, address):
    print("O", time.ticks_ms(), address, "-")
    _erase(self, address)


def acknowledge(self, seq):
    print("A", seq)
    return _acknowledge(self, seq)


def open_page(self, *seq):
    _open_page(self, *seq)
    print("P", self.number)


def set_(self, key, value):
    _set(self, key, value)
    print("S", key, value)


_chip._program_page, _chip.erase, Settings.set = program, erase, set_
Journal.acknowledge, Journal._open_page = acknowledge, open_page

import witnessed  # noqa: E402, F401
