"""Opens what a monitor's journal holds: pages sealed as `firmware/monitor/vault.py` says.

    opener = JournalKeys([journal_key(secret, pairing.key_bytes), ...])
    page = SealedPage(opener, journal=0x1234)
    plain = page.feed(data)                  # bytes of the page as they arrive -> of the plain one

The monitor moves its key on and forgets the ones before; here they are all computed from the
first, which is derived from this computer's master secret and the pairing key: nothing more has
to be kept, and a stolen monitor's pairing key opens no page.
"""

from __future__ import annotations

import binascii
import hmac
import struct
from collections.abc import Iterable

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from heartlog.security.channel import derive

KEY_BYTES = 16
SEALED = 0x40
HEAD = 16
EXTRA = 4
_SAMPLE = 8
PAGES, ECG = 1, 2
SEALED_BLOCK = 2
"""High nibble of a sealed block of ECG's first byte; 1 in clear."""
PAGE_BYTES = 1024
LARGEST_COUNT = 0xFFFF


def journal_key(secret: bytes, pairing_key: bytes) -> bytes:
    """J(0) of a pairing, from a secret of this computer's and the key that the monitor has."""
    return derive(secret, pairing_key, b"heartlog journal", KEY_BYTES)


def emergency_key(pairing_key: bytes) -> bytes:
    """J(0) of a paired monitor that has none of its own: better than pages in clear."""
    return hmac.digest(pairing_key, b"heartlog journal", "sha256")[:KEY_BYTES]


def key_id(key: bytes) -> int:
    """What tells one J(0) from another in a page: 16 bits."""
    return int.from_bytes(hmac.digest(key, b"heartlog key id", "sha256")[:2], "little")


def follow(key: bytes) -> bytes:
    """J(n + 1) of J(n)."""
    return hmac.digest(key, b"heartlog next", "sha256")[:KEY_BYTES]


class JournalKeys:
    """The first keys J(0) of one monitor's pairings, and what follows from each."""

    def __init__(self, first: Iterable[bytes]) -> None:
        self._chains = {key_id(key): [key] for key in first}

    def page_key(self, ident: int, n: int) -> bytes | None:
        """K(n) of the pairing with this key id; None when it isn't ours."""
        chain = self._chains.get(ident)
        if chain is None or not 0 <= n <= LARGEST_COUNT:
            return None
        while len(chain) <= n:
            chain.append(follow(chain[-1]))
        return hmac.digest(chain[n], b"heartlog page", "sha256")[:KEY_BYTES]


def stream(key: bytes, kind: int, boot: int, journal: int, number: int, length: int) -> bytes:
    """`length` bytes of the stream that covers a page (PAGES) or a block of ECG."""
    blocks = (length + 15) // 16
    counters = b"".join(
        struct.pack("<BBHIII", kind, 0, boot, journal, number, i) for i in range(blocks)
    )
    # Each counter block by itself: the library's CTR mode counts big-endian.
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(counters)[:length]


def open_block(block: bytes, number: int, journal: int, keys: JournalKeys | None) -> bytes | None:
    """A block of stored ECG in clear; None when it is sealed under a key that isn't ours."""
    if not block or block[0] >> 4 != SEALED_BLOCK or len(block) < 1 + EXTRA:
        return block
    size = len(block) - EXTRA
    key = keys.page_key(*struct.unpack_from("<HH", block, size)) if keys is not None else None
    if key is None:
        return None
    cover = stream(key, ECG, 0, journal, number, size)
    return bytes((block[0] - 0x10,)) + _xor(block[1:size], cover[1:])


def _xor(data: bytes, cover: bytes) -> bytes:
    mixed = int.from_bytes(data, "little") ^ int.from_bytes(cover, "little")
    return mixed.to_bytes(len(data), "little")


class SealedPage:
    """One page as it arrives. `locked`: it is sealed under a key that isn't ours; `ident`: which
    (`key_id`)."""

    def __init__(self, keys: JournalKeys | None, journal: int) -> None:
        self._keys = keys
        self._journal = journal
        self._raw = bytearray()
        self._given = 0  # raw bytes whose plain ones were given
        self._stream: bytes | None = None
        self.locked = False
        self.ident = -1

    def __len__(self) -> int:
        return len(self._raw)

    def feed(self, data: bytes) -> bytes:
        """The plain page's next bytes; a page in clear passes through."""
        raw = self._raw
        raw += data
        if not raw or raw[0] & SEALED == 0 or raw[0] == 0xFF:
            return bytes(data)
        if self._given == 0:
            return self._begin() if len(raw) >= HEAD + EXTRA else b""
        return self._more()

    def _begin(self) -> bytes:
        raw = self._raw
        ident, n = struct.unpack_from("<HH", raw, HEAD)
        key = self._keys.page_key(ident, n) if self._keys is not None else None
        self._given = HEAD + EXTRA
        head = bytearray(raw[:HEAD])
        seed = (self._journal ^ self._journal >> 16) & 0xFFFF
        crc = binascii.crc_hqx(raw[HEAD : HEAD + EXTRA], binascii.crc_hqx(head[:14], seed))
        if crc != int.from_bytes(head[14:], "little"):
            return bytes(head)  # damaged, and seen to be so
        if key is None:
            self.locked, self.ident = True, ident
            return b""
        number = int.from_bytes(raw[1:4], "little")
        (boot,) = struct.unpack_from("<H", raw, 12)
        self._stream = stream(key, PAGES, boot, self._journal, number, PAGE_BYTES)
        head[0] &= ~SEALED
        for i in range(_SAMPLE, _SAMPLE + 4):
            head[i] ^= self._stream[i]
        head[14:] = binascii.crc_hqx(head[:14], seed).to_bytes(2, "little")
        return bytes(head) + self._more()

    def _more(self) -> bytes:
        """All but a run of 0xFF at the end: nothing may have been written there."""
        if self._stream is None:
            return b""
        end = len(self._raw.rstrip(b"\xff"))
        start, self._given = self._given, max(end, self._given)
        if start >= end:
            return b""
        return _xor(bytes(self._raw[start:end]), self._stream[start:end])
