"""The last minute of ECG in RAM, in packed blocks with running numbers.

    ring = EcgRing(24 * 1024, samples)      # bytes; samples of a block (half a second)
    ring.add(boot, channel, first, codes, n)
    ring.block(number)                      # bytes of a block, None when it has gone
    ring.first, ring.next                   # numbers: of the oldest one kept, of the next one

Blocks lie one behind the other and never across the end of the memory. Nothing is allocated but
by `block`.
"""

from array import array
from struct import pack_into, unpack_from

from .ecgpack import encode, order_of
from .link import ecg
from .link.pack import crc_hqx

_MOST_BLOCKS = 256


class EcgRing:
    def __init__(self, size, samples):
        self.samples = samples
        self._room = ecg.HEAD + 6 * samples + 8 + ecg.TAIL
        if size < 2 * self._room:
            raise ValueError("an ECG ring of this block size needs %d bytes" % (2 * self._room))
        self._data = bytearray(size)
        self._starts = array("I", bytes(4 * _MOST_BLOCKS))
        self._sizes = array("H", bytes(2 * _MOST_BLOCKS))
        self._codes = array("i", bytes(4 * samples))
        self._scratch = array("i", bytes(4 * 16))
        self._packed = bytearray(self._room)
        self.first = 0
        self.next = 0
        self._at = 0
        self._filled = 0
        self._boot = self._channel = self._begin = 0

    def add(self, boot, channel, first, codes, n):
        """`n` samples from index `first` on; a jump of the index ends the open block."""
        if self._filled and (
            first != (self._begin + self._filled) & 0xFFFFFFFF or channel != self._channel
        ):
            self.close()
        taken = 0
        while taken < n:
            if not self._filled:
                self._boot, self._channel = boot, channel
                self._begin = (first + taken) & 0xFFFFFFFF
            some = min(n - taken, self.samples - self._filled)
            mine, at = self._codes, self._filled
            for i in range(some):
                mine[at + i] = codes[taken + i]
            self._filled += some
            taken += some
            if self._filled == self.samples:
                self.close()

    def close(self):
        """Packs the open block, if there is anything in it."""
        n = self._filled
        if not n:
            return
        self._filled = 0
        out = self._packed
        order = order_of(self._codes, n)
        end = encode(self._codes, n << 2 | order, self._scratch, out, ecg.HEAD)
        if end - ecg.HEAD > 3 * n:
            order, end = ecg.RAW, self._raw(n)
        pack_into(ecg.FORMAT, out, 0, ecg.VERSION << 4 | order, self._channel, self._boot,
                  self._begin, n, self._codes[0])  # fmt: skip
        crc = crc_hqx(memoryview(out)[:end], 0xFFFF)
        out[end], out[end + 1] = crc & 255, crc >> 8
        self._keep(end + ecg.TAIL)

    def _raw(self, n):
        at = ecg.HEAD
        for i in range(n):
            v = self._codes[i]
            self._packed[at] = v >> 16 & 255
            self._packed[at + 1] = v >> 8 & 255
            self._packed[at + 2] = v & 255
            at += 3
        return at

    def _keep(self, size):
        """Copies the packed block behind the others; the oldest ones make room."""
        if self._at + size > len(self._data):
            self._drop(self._at, len(self._data))
            self._at = 0
        self._drop(self._at, self._at + size)
        if self.next - self.first == _MOST_BLOCKS:
            self.first += 1
        at = self._at
        self._data[at : at + size] = memoryview(self._packed)[:size]
        slot = self.next % _MOST_BLOCKS
        self._starts[slot], self._sizes[slot] = at, size
        self._at = at + size
        self.next += 1

    def _drop(self, start, end):
        """Forgets the blocks that lie in start..end of the memory: they are the oldest ones."""
        while self.first < self.next:
            at = self._starts[self.first % _MOST_BLOCKS]
            if not start <= at < end:
                break
            self.first += 1

    def find(self, number):
        """The lowest number from this one on that is there, `next` if there is none."""
        return min(max(number, self.first), self.next)

    def size(self, number):
        """Bytes of a block, 0 when it is not there."""
        if not self.first <= number < self.next:
            return 0
        return self._sizes[number % _MOST_BLOCKS]

    def read(self, number, offset, buffer):
        """Bytes of a block from `offset` on into the buffer; returns how many."""
        n = min(len(buffer), self.size(number) - offset)
        if n <= 0:
            return 0
        at = self._starts[number % _MOST_BLOCKS] + offset
        buffer[:n] = memoryview(self._data)[at : at + n]
        return n

    def block(self, number):
        """A copy of a block, None when it is not there."""
        data = bytearray(self.size(number))
        return bytes(data) if self.read(number, 0, data) else None

    def begins(self, number):
        """(index of the first sample, samples) of a block that is there."""
        at = self._starts[number % _MOST_BLOCKS]
        return unpack_from("<IH", self._data, at + 4)
