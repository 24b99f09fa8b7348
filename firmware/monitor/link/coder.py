"""Adaptive binary arithmetic coding into the bytes of a page, and back.

    states = array("H", ...)                     # a probability for each context
    out = Encoder(page, states); out.begin(16)
    out.bit(context, 1); out.raw(37, 8)          # both return what they coded
    end = out.finish(seed)

    source = Decoder(page, states); source.begin(16, len(page))
    source.bit(context, 0); source.raw(0, 8)     # the same calls; what is passed is ignored
    end = source.finish(seed)                    # Damaged when the checksum is wrong

A range coder (Martin, "Range encoding", 1979) of 24 bits whose carries are added to the bytes
already put out; a state is the probability, in 1/4096, that the next bit in its context is 0, and
moves by 1/32 towards each bit that comes. Encoder and decoder have the same calls, so that what
is coded, and in which contexts, is written only once (model.py).

What `finish` makes of the end: as few bits as tell the coder's interval apart, whatever follows;
then 14 to 21 bits of a CRC-32 over all bytes before them, and a bit that is 0 and that the decoder
does not look at, so that a byte boundary is reached. Of damaged chunks one in 65,000 passes. So
  - the first byte is never 0xFF, which is how flash that was never written reads;
  - the last byte is never 0xFF either: a program operation that lost its power before the last
    byte is always noticed, and one in the last byte has changed the checksum itself.
"""

from array import array
from binascii import crc32

try:
    import micropython  # its compiler knows the decorator by this name only
except ImportError:

    class micropython:
        """The host runs the same code."""

        @staticmethod
        def native(function):
            return function


FIRST = 0xFF0000  # the interval at the beginning: below 0xFF in the first byte
MOST_BITS = 96  # that a record takes in contexts: 77 by model.py, and the END of a chunk
LEAST_CRC = 15  # bits behind the coded ones, the last of which is not used
LEAST_CRC_2 = 12  # in pages of format 2


class Damaged(Exception):
    """The bytes were not written by an Encoder, or have changed since."""


class Unfinished(Exception):
    """The end of the bytes came before that of the chunk."""


def _last_bits(low, size):
    """(value, bits): the fewest leading bits of 24 that lie in the interval whatever follows."""
    bits = 0
    while True:
        step = 1 << 24 - bits
        value = low + step - 1 & -step
        if value + step <= low + size:
            return value, bits
        bits += 1


def _checksum(page, start, end, last, bits, seed):
    """`bits` bits of the CRC over page[start:end] and the byte `last`."""
    return crc32(bytes((last,)), crc32(bytes(page[start:end]), seed)) & (1 << bits) - 1


class Encoder:
    """Writes chunks into `page`, a bytearray, up to (not including) the byte `limit`."""

    def __init__(self, page, states):
        self.page = page
        self.states = states
        self.limit = len(page)
        self.at = self.start = 0  # where the next byte goes; the chunk's first
        self._low = 0
        self._size = FIRST
        self._saved_at, self._saved_low, self._saved_size = 0, 0, FIRST
        self._carried = False  # a carry went into the bytes before _saved_at
        self._touched = array("H", bytes(2 * MOST_BITS))  # contexts since `save`, and what they
        self._were = array("H", bytes(2 * MOST_BITS))  # were
        self._count = 0

    def begin(self, start):
        """A chunk begins at this byte of the page."""
        self.start = self.at = start
        self._low = 0
        self._size = FIRST

    def save(self):
        """Notes the state of the chunk, for `restore`: at most MOST_BITS bits may follow."""
        self._saved_at, self._saved_low, self._saved_size = self.at, self._low, self._size
        self._carried = False
        self._count = 0

    def restore(self):
        """Takes back all bits since `save`, and what they did to the states."""
        page, at = self.page, self._saved_at
        for i in range(at, min(self.at, self.limit)):
            page[i] = 0xFF
        if self._carried:
            i = at - 1
            while page[i] == 0:
                page[i] = 0xFF
                i -= 1
            page[i] -= 1
        self.at, self._low, self._size = at, self._saved_low, self._saved_size
        while self._count:
            self._count -= 1
            self.states[self._touched[self._count]] = self._were[self._count]

    @micropython.native
    def bit(self, context, bit):
        """Codes a bit (0 or 1) in its context."""
        states = self.states
        p = states[context]
        n = self._count
        if n < MOST_BITS:
            self._touched[n] = context
            self._were[n] = p
            self._count = n + 1
        part = (self._size >> 8) * p >> 4
        if bit:
            states[context] = p - (p >> 5)
            self._low += part
            self._size -= part
        else:
            states[context] = p + (4096 - p >> 5)
            self._size = part
        if self._size < 0x10000:
            self._shift()
        return bit

    def raw(self, value, bits):
        """Codes up to 8 bits as they are."""
        self._size >>= bits
        self._low += self._size * value
        if self._size < 0x10000:
            self._shift()
        return value

    def _shift(self):
        page, limit = self.page, self.limit
        low, size, at = self._low, self._size, self.at
        while size < 0x10000:
            if low >= 0x1000000:
                low -= 0x1000000
                i = at - 1
                if i < limit:  # what goes beyond it is taken back
                    while page[i] == 0xFF:
                        page[i] = 0
                        i -= 1
                    page[i] += 1
                    if i < self._saved_at:
                        self._carried = True
            if at < limit:
                page[at] = low >> 16
            at += 1
            low = (low & 0xFFFF) << 8
            size <<= 8
        self._low, self._size, self.at = low, size, at

    def room(self):
        """Bytes that are left in the page if the chunk ended here; below 0: it does not fit."""
        bits = _last_bits(self._low, self._size)[1]
        return self.limit - self.at - (bits + LEAST_CRC + 7 >> 3)

    def finish(self, seed):
        """Ends the chunk; returns the number of the byte behind it."""
        value, bits = _last_bits(self._low, self._size)
        at, page = self.at, self.page
        if value >= 0x1000000:
            i = at - 1
            while page[i] == 0xFF:
                page[i] = 0
                i -= 1
            page[i] += 1
        room = bits + LEAST_CRC + 7 >> 3
        rest = room * 8 - bits
        whole = bits >> 3
        for i in range(whole):
            page[at + i] = value >> 16 - 8 * i & 0xFF
        last = value >> 16 - 8 * whole & 0xFF if whole < 3 else 0
        crc = _checksum(page, self.start, at + whole, last, rest - 1, seed)
        tail = last << 8 * (room - whole - 1) | crc << 1
        for i in range(room - 1, whole - 1, -1):
            page[at + i] = tail & 0xFF
            tail >>= 8
        return at + room


class Decoder:
    """Reads chunks from `page`, any bytes at all: what it gives is bounded, and checked last."""

    def __init__(self, page, states, least=LEAST_CRC):
        self.page = page
        self.states = states
        self._least = least

    def begin(self, start, end):
        """A chunk begins at byte `start`; the bytes before `end` are there."""
        self.start = self.at = start
        self.end = end
        self._low = 0
        self._size = FIRST
        value = 0
        for i in range(start, start + 3):
            value = value << 8 | (self.page[i] if i < end else 0)
        self._value = value
        if value >= FIRST:
            raise Damaged

    @micropython.native
    def bit(self, context, bit):
        """The bit that was coded in this context; `bit` is ignored."""
        states = self.states
        p = states[context]
        part = (self._size >> 8) * p >> 4
        if self._value < part:
            states[context] = p + (4096 - p >> 5)
            self._size = part
            bit = 0
        else:
            states[context] = p - (p >> 5)
            self._value -= part
            self._low += part
            self._size -= part
            bit = 1
        if self._size < 0x10000:
            self._shift()
        return bit

    def raw(self, value, bits):
        """So many bits as they are; `value` is ignored."""
        size = self._size >> bits
        value = self._value // size
        if value >> bits:
            raise Damaged
        self._value -= size * value
        self._low += size * value
        self._size = size
        if size < 0x10000:
            self._shift()
        return value

    def _shift(self):
        page, end = self.page, self.end
        while self._size < 0x10000:
            at = self.at + 3
            self.at += 1
            self._low = (self._low & 0xFFFF) << 8
            self._value = self._value << 8 | (page[at] if at < end else 0)
            self._size <<= 8
        if self.at > end:
            raise Unfinished

    def finish(self, seed):
        """The number of the byte behind the chunk. Raises Damaged, or Unfinished."""
        value, bits = _last_bits(self._low & 0xFFFFFF, self._size)
        at, page = self.at, self.page
        room = bits + self._least + 7 >> 3
        if at + room > self.end:
            raise Unfinished
        rest = room * 8 - bits
        whole = bits >> 3
        tail = 0
        for i in range(whole, room):
            tail = tail << 8 | page[at + i]
        last = page[at + whole] & 0xFF00 >> (bits & 7)
        if tail >> 1 & (1 << rest - 1) - 1 != _checksum(
            page, self.start, at + whole, last, rest - 1, seed
        ):
            raise Damaged
        return at + room
