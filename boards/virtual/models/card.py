"""A memory card in a file, as MicroPython's `sdcard.SDCard` shows one: sectors of 512 bytes.

    card = Card("card.img", 64 * 1024 * 1024)
    card.readblocks(n, buffer); card.writeblocks(n, buffer); card.ioctl(4, 0)   # how many
    card.cut_after(17)                     # power goes in the 17th write from now

It reads zeros where nothing was ever written, takes whole sectors only, has no erase, and does
not read back what another write of the same sector has not finished: the sector in which power
goes keeps its old bytes, has some of the new ones, or garbage. `stall(us)`: called with the time
that each write takes.

Runs in MicroPython (the virtual board) and in CPython (tests).
"""

import os
import sys

from models.flash import PowerCut

# MicroPython's files write at once, and its flush() waits for the disk.
_BUFFERED = sys.implementation.name != "micropython"
SECTOR = 512
WRITE_US = 1500
"""A single-block write over SPI at 10 MHz (0.5 ms of bytes) with a usual busy time; the longest
that the SD specification (Physical Layer 4.6.2.2) allows is 250 ms."""


class Card:
    """`before(card, number, data)`: called ahead of each write; `fail`: so many operations from
    now on raise OSError, as a card that was pulled out does."""

    def __init__(self, path, size, stall=None, seed=1):
        if size <= 0 or size % SECTOR:
            raise ValueError("a card has whole sectors, not %d bytes" % size)
        self.sectors = size // SECTOR
        self.stall = stall
        self.writes = 0
        self.before = None
        self.dead = False
        self.fail = 0
        self._cut = None
        self._state = seed * 2654435761 & 0x7FFFFFFF or 1
        self._open(path)

    def _open(self, path):
        try:
            os.stat(path)
        except OSError:
            with open(path, "wb"):
                pass
        self._file = open(path, "r+b")

    def _read(self, at, buffer):
        self._file.seek(at)
        got = self._file.readinto(buffer)
        for i in range(got or 0, len(buffer)):
            buffer[i] = 0

    def _store(self, at, data):
        self._file.seek(at)
        self._file.write(data)
        if _BUFFERED:
            self._file.flush()

    def cut_after(self, writes):
        """Power goes in the n-th write from now (1 = the next); None: it stays."""
        self._cut = None if writes is None else self.writes + writes

    def _random(self):
        # 31-bit linear congruential generator: the same on both Pythons.
        self._state = self._state * 1103515245 + 12345 & 0x7FFFFFFF
        return self._state >> 8

    def _check(self, number, buffer):
        if len(buffer) % SECTOR or number < 0 or number + len(buffer) // SECTOR > self.sectors:
            raise ValueError("%d bytes at sector %d of %d" % (len(buffer), number, self.sectors))
        if self.fail:
            self.fail -= 1
            raise OSError(5)

    def readblocks(self, number, buffer):
        self._check(number, buffer)
        self._read(number * SECTOR, buffer)

    def writeblocks(self, number, buffer):
        if self.dead:
            return
        self._check(number, buffer)
        for i in range(len(buffer) // SECTOR):
            self._write(number + i, bytes(buffer[SECTOR * i : SECTOR * i + SECTOR]))

    def _write(self, number, data):
        if self.before:
            self.before(self, number, data)
        self.writes += 1
        if self.writes == self._cut:
            how, kept = self._random() % 3, self._random() % (SECTOR + 1)
            if how == 0:
                self._store(number * SECTOR, data[:kept])
            elif how == 1:
                garbage = bytearray(SECTOR)
                for i in range(SECTOR):
                    garbage[i] = self._random() & 255
                self._store(number * SECTOR, garbage)
            self._cut = None
            self.dead = True
            raise PowerCut("power went in write %d" % self.writes)
        self._store(number * SECTOR, data)
        if self.stall:
            self.stall(WRITE_US)

    def ioctl(self, op, arg):
        if op == 4:
            return self.sectors
        if op == 5:
            return SECTOR
        return None
