"""AES-128-CTR over parts of a page: to seal bytes, and to open them again.

    cover = Cover(ident, n, key16)
    cover.over(kind, boot, journal, number, data, start, end)    # data[start:end], in place

A counter block is kind u8 | 0 | boot u16 | journal u32 | number u32 | block u32, little-endian: no
other page or block of ECG has it under the same key (vault.py). `cryptolib` has CTR only on some
ports: up to eight counter blocks are filled here and encrypted in one call.
"""

from struct import pack_into

import micropython
from cryptolib import aes
from micropython import const

_ECB = const(1)
_AT_ONCE = const(8)  # AES blocks


@micropython.viper
def _cover(target: ptr8, at: int, stream: ptr8, skip: int, count: int):
    i = 0
    while i < count:
        target[at + i] = target[at + i] ^ stream[skip + i]
        i += 1


class Cover:
    """One key (16 bytes), with what tells a host which one it is."""

    def __init__(self, ident, n, key):
        self.ident = ident
        self.n = n
        self._aes = aes(key, _ECB)
        self._stream = bytearray(16 * _AT_ONCE)
        self._view = memoryview(self._stream)

    def over(self, kind, boot, journal, number, data, start, end):
        """Covers `data[start:end]`; byte 0 of `data` is where the stream begins."""
        stream = self._stream
        while start < end:
            block = start >> 4
            skip = start & 15
            count = min(end - start, 16 * _AT_ONCE - skip)
            size = (skip + count + 15) & ~15
            for i in range(0, size, 16):
                pack_into("<BBHIII", stream, i, kind, 0, boot, journal, number, block + (i >> 4))
            part = self._view[:size]
            self._aes.encrypt(part, part)
            _cover(data, start, stream, skip, count)
            start += count
