# For MicroPython: the virtual board's memory card in RAM, where a copy in which the power went can
# be made of every state.
from models.card import SECTOR, Card


class RamCard(Card):
    """The card in RAM."""

    def _open(self, path):
        self.data = bytearray(self.sectors * SECTOR)

    def _read(self, at, buffer):
        buffer[:] = self.data[at : at + len(buffer)]

    def _store(self, at, data):
        self.data[at : at + len(data)] = data

    def copy(self):
        other = RamCard(None, SECTOR)
        other.sectors = self.sectors
        other.data = bytearray(self.data)
        other._state = (self._state * 69069 + self.writes * 2 + 1) & 0x7FFFFFFF or 1
        return other
