# ruff: noqa: UP031
# For MicroPython: a memory card as `sdcard.SDCard` shows it (512-byte blocks, ioctl 4 and 5),
# in which the power can go in any write, leaving the sector half old, half new, or garbage.


class Card:
    """`before(card, number, data)`: called ahead of each write."""

    def __init__(self, sectors, seed=1):
        self.data = bytearray(sectors * 512)
        self.writes = 0
        self.before = None
        self.dead = False
        self.fail = 0  # so many operations fail from now on
        self._cut = None
        self._state = seed * 2654435761 & 0x7FFFFFFF or 1

    def copy(self):
        other = Card(0)
        other.data = bytearray(self.data)
        other._state = (self._state * 69069 + self.writes * 2 + 1) & 0x7FFFFFFF or 1
        return other

    def cut_after(self, writes):
        self._cut = None if writes is None else self.writes + writes

    def _random(self):
        self._state = self._state * 1103515245 + 12345 & 0x7FFFFFFF
        return self._state >> 8

    def readblocks(self, number, buffer):
        assert len(buffer) % 512 == 0, "a card reads whole sectors"
        if self.fail:
            self.fail -= 1
            raise OSError(5)
        buffer[:] = self.data[number * 512 : number * 512 + len(buffer)]

    def writeblocks(self, number, buffer):
        assert len(buffer) % 512 == 0, "a card writes whole sectors"
        if self.dead:
            return
        if self.fail:
            self.fail -= 1
            raise OSError(5)
        for i in range(len(buffer) // 512):
            self._write(number + i, bytes(buffer[512 * i : 512 * i + 512]))

    def _write(self, number, data):
        if self.before:
            self.before(self, number, data)
        self.writes += 1
        at = number * 512
        if self.writes == self._cut:
            from models.flash import PowerCut

            how, kept = self._random() % 3, self._random() % 513
            if how == 0:
                self.data[at : at + kept] = data[:kept]
            elif how == 1:
                for i in range(512):
                    self.data[at + i] = self._random() & 255
            self._cut = None
            self.dead = True
            raise PowerCut("power went in write %d" % self.writes)
        self.data[at : at + 512] = data

    def ioctl(self, op, arg):
        if op == 4:
            return len(self.data) // 512
        if op == 5:
            return 512
        return None
