"""AES-128-CCM (RFC 3610) on `cryptolib`'s single-block AES, without an allocation a block.

Used with a 13-byte nonce (L = 2) and an 8-byte tag (M = 8), the sizes of Bluetooth's own link
layer family, so that any library's CCM opens what this one seals:

    ccm = Ccm(key16, 240)
    n = ccm.seal(nonce13, b"header", buffer, length)  # in place, tag behind
    n = ccm.open(nonce13, b"header", buffer, length)  # in place; -1: forged, wiped

`cryptolib` offers ECB on every port, CTR only on some: the counter blocks are filled here and
encrypted in one call.
"""

import cryptolib
import micropython
from micropython import const

TAG = const(8)
_ECB = const(1)
_BLOCK = const(16)
_FLAGS_A = const(0x01)  # L - 1
_FLAGS_B = const(0x19)  # 8 * (M - 2) / 2 + (L - 1)
_FLAG_ADATA = const(0x40)
MOST_HEADER = const(14)  # two length bytes and the header share one block


@micropython.viper
def _xor(target: ptr8, source: ptr8, start: int, count: int):
    # Four bytes at a time where both stand on words: a Cortex-M0+ faults where they don't.
    i = 0
    if not (int(target) | int(source) | start) & 3:
        t = ptr32(target)
        s = ptr32(source)
        w = start >> 2
        n = count >> 2
        while i < n:
            t[i] = t[i] ^ s[w + i]
            i += 1
        i = n << 2
    while i < count:
        target[i] = target[i] ^ source[start + i]
        i += 1


@micropython.viper
def _counters(stream: ptr8, nonce: ptr8, blocks: int):
    stream[0] = 1
    i = 0
    while i < 13:
        stream[1 + i] = nonce[i]
        i += 1
    stream[14] = 0
    stream[15] = 0
    # All others are the first one with another number; a bytearray's first byte is on a word.
    w = ptr32(stream)
    b = 1
    while b < blocks:
        p = b << 2
        w[p] = w[0]
        w[p + 1] = w[1]
        w[p + 2] = w[2]
        w[p + 3] = w[3]
        p <<= 2
        stream[p + 14] = b >> 8
        stream[p + 15] = b & 255
        b += 1


@micropython.viper
def _differ(buffer: ptr8, start: int, tag: ptr8) -> int:
    # Looks at all eight bytes whatever they are: the time tells nothing about the tag.
    d = 0
    i = 0
    while i < 8:
        d |= buffer[start + i] ^ tag[i]
        i += 1
    return d


class Ccm:
    """One key, one direction; buffers for texts of up to `most` bytes are made once."""

    def __init__(self, key, most):
        if len(key) != _BLOCK:
            raise ValueError("key must be 16 bytes")
        self._ecb = cryptolib.aes(bytes(key), _ECB)
        self._most = most
        self._stream = bytearray(_BLOCK + (most + _BLOCK - 1) // _BLOCK * _BLOCK)
        self._view = memoryview(self._stream)
        self._x = bytearray(_BLOCK)
        self._b = bytearray(_BLOCK)

    def _mac(self, nonce, header, text, length):
        # CBC-MAC over B0, the header block and the text (RFC 3610, 2.2), left in self._x.
        x = self._x
        b = self._b
        ecb = self._ecb
        b[0] = _FLAGS_B | (_FLAG_ADATA if header else 0)
        b[1:14] = nonce
        b[14] = length >> 8
        b[15] = length & 255
        ecb.encrypt(b, x)
        if header:
            n = len(header)
            for i in range(_BLOCK):
                b[i] = 0
            b[1] = n
            b[2 : 2 + n] = header
            _xor(x, b, 0, _BLOCK)
            ecb.encrypt(x, x)
        at = 0
        while at < length:
            n = length - at
            _xor(x, text, at, n if n < _BLOCK else _BLOCK)
            ecb.encrypt(x, x)
            at += _BLOCK

    def _keystream(self, nonce, length):
        blocks = 1 + (length + _BLOCK - 1) // _BLOCK
        _counters(self._stream, nonce, blocks)
        part = self._view[: blocks * _BLOCK]
        self._ecb.encrypt(part, part)

    def _check(self, nonce, header, length):
        if len(nonce) != 13:
            raise ValueError("nonce must be 13 bytes")
        if len(header) > MOST_HEADER:
            raise ValueError("header must be at most 14 bytes")
        if not 0 <= length <= self._most:
            raise ValueError("text must be at most %d bytes" % self._most)

    def seal(self, nonce, header, buffer, length):
        """Encrypt `buffer[:length]` in place and write the tag behind it; returns length + 8."""
        self._check(nonce, header, length)
        if len(buffer) < length + TAG:
            raise ValueError("buffer has no room for the tag")
        self._mac(nonce, header, buffer, length)
        self._keystream(nonce, length)
        _xor(buffer, self._stream, _BLOCK, length)  # the first block, A0, masks the tag
        _xor(self._x, self._stream, 0, TAG)
        buffer[length : length + TAG] = self._x[:TAG]
        return length + TAG

    def open(self, nonce, header, buffer, length):
        """Decrypt `buffer[:length]` (text, tag) in place; the text length, or -1 if forged."""
        n = length - TAG
        if n < 0 or n > self._most or length > len(buffer):
            return -1
        self._check(nonce, header, n)
        self._keystream(nonce, n)
        _xor(buffer, self._stream, _BLOCK, n)
        self._mac(nonce, header, buffer, n)
        _xor(self._x, self._stream, 0, TAG)
        if _differ(buffer, n, self._x):
            for i in range(length):
                buffer[i] = 0
            return -1
        return n
