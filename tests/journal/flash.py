# ruff: noqa: E402, UP031, I001, B007, B018, RUF100, SIM105, E501, PT018, B023
# For MicroPython: the virtual board's NOR flash in RAM, where a copy in which the power went can
# be made of every state.
import sys

from models.flash import PAGE, SECTOR, Nor, PowerCut


class Nothing:
    def seek(self, at):
        pass

    def write(self, data):
        pass

    def flush(self):
        pass


class RamNor(Nor):
    """The chip in RAM. `before(nor, kind, address, data)` is called ahead of each operation."""

    def __init__(self, size, seed=1):
        self.size = size
        self.data = bytearray(size)
        for i in range(size):
            self.data[i] = 0xFF
        self.stall = self.on_cut = None
        self.operations = self.programs = self.erases = 0
        self.complaints = []
        self._cut = None
        self._state = seed * 2654435761 & 0x7FFFFFFF or 1
        self.wear = [0] * (size // SECTOR)
        self._wear_file = Nothing()
        self.before = None
        self.dead = False  # the power has gone: nothing reaches the chip any more

    def copy(self):
        other = RamNor(SECTOR, 1)
        other.size = self.size
        other.data = bytearray(self.data)
        other.wear = list(self.wear)
        other._state = (self._state * 69069 + self.operations * 2 + 1) & 0x7FFFFFFF or 1
        return other

    def read(self, address, buf):
        if self.dead:  # files of the firmware that has died are closed by the collector
            return
        self._check(address, len(buf))
        buf[:] = self.data[address : address + len(buf)]

    def _write(self, address, data):
        self.data[address : address + len(data)] = data

    def _power_cut(self):
        self.dead = True
        super()._power_cut()

    def program(self, address, data):
        if not self.dead:
            super().program(address, data)

    def _program_page(self, address, new):
        if self.before:
            self.before(self, "program", address, new)
        super()._program_page(address, new)

    def erase(self, address):
        if self.dead:
            return
        if self.before:
            self.before(self, "erase", address, None)
        super().erase(address)


__all__ = ("PAGE", "SECTOR", "PowerCut", "RamNor", "sys")
