"""Who may listen: mutual authentication and encryption by a key that never was on the air.

At fitting, `heartlog pair` writes 32 random bytes, the pairing key P, into the monitor over USB.
Every connection then begins with a three-pass mutual authentication (ISO/IEC 9798-4, mechanism
4):

    host    -> monitor  hello   version:1 | host nonce:16
    monitor -> host     proof   monitor nonce:16 | HMAC(A, "monitor" | version | hn | mn)[:16]
    host    -> monitor  answer  HMAC(A, "host" | version | mn | hn)[:16]

A is HKDF-SHA256(P, info "heartlog authentication") (RFC 5869). A gate that strangers' guesses have
shut refuses a hello with a challenge:8, and takes one in its place whose nonce is random:8 |
HMAC(A, "hello" | challenge | random)[:8]: by it the rightful host need not wait. A challenge is
made for one connection and taken once, so nobody gets in by what he has recorded; a host that
knows of none waits like a stranger. Both sides then derive one AES-128
key a direction, HKDF(P, salt hn | mn, info "heartlog to host" or "heartlog to monitor"), and
every frame is sealed by AES-CCM: counter:4 | text | tag:8. Kind and counter are the nonce; it only
ever rises within a connection, and a new one has new keys, so no nonce is used twice and no
frame is taken twice. The monitor's nonce hashes the chip's random bytes with its boot number and
a count of connections: even a chip whose random source has failed repeats no key.

There is no key agreement in here (no elliptic curves in a stock build's Python): whoever steals P
later can read what he recorded earlier. A key is therefore made anew for each session of wear and
erased with it; where the stack has LE Secure Connections they close that gap (bonds.py), with a
passkey of six digits that both sides take from HKDF(P, hn | mn, "heartlog passkey").
"""

import hashlib
import os
import struct

from micropython import const

from .ccm import TAG, Ccm

VERSION = const(1)
NONCE = const(16)
CHALLENGE = const(8)
PROOF = const(16)
KEY = const(32)
OVERHEAD = const(12)  # counter and tag
MOST_TEXT = const(500)
KINDS = const(8)
_FREE_FAILURES = const(3)
_LONGEST_WAIT_MS = const(60000)
_LAST_COUNTER = const(0x3FFFFFFF)


def hmac(key, *parts):
    """HMAC-SHA256 (RFC 2104) of the parts, one behind the other; 32 bytes."""
    if len(key) > 64:
        key = hashlib.sha256(key).digest()
    inner = bytearray(64)
    outer = bytearray(64)
    for i in range(64):
        k = key[i] if i < len(key) else 0
        inner[i] = k ^ 0x36
        outer[i] = k ^ 0x5C
    h = hashlib.sha256(inner)
    for part in parts:
        h.update(part)
    o = hashlib.sha256(outer)
    o.update(h.digest())
    return o.digest()


def hkdf(secret, salt, info, length):
    """HKDF-SHA256 (RFC 5869) for up to 32 bytes: one block of the expansion is enough."""
    if not 0 < length <= 32:
        raise ValueError("length must be 1 to 32")
    return hmac(hmac(salt or bytes(32), secret), info, b"\x01")[:length]


def same(a, b):
    """Compare two byte strings in a time that does not depend on where they differ."""
    if len(a) != len(b):
        return False
    d = 0
    for i in range(len(a)):
        d |= a[i] ^ b[i]
    return d == 0


def identifier(pairing_key, nonce4):
    """Eight bytes for the advertisement that only a holder of the key can recognise.

    The first four are random and change with every rotation, the last four are their HMAC: the
    way of Bluetooth's resolvable private address (Core 5.4, Vol 3, Part H, 2.2.2), with SHA-256
    for AES.
    """
    key = hkdf(pairing_key, b"", b"heartlog identifier", 32)
    return bytes(nonce4) + hmac(key, nonce4)[:4]


class Channel:
    """One direction's sealed frames. A channel is made for a connection and dies with it.

    Each kind of frame (0..7) counts for itself, and is part of the nonce: characteristics may be
    told in another order than they were sent in.
    """

    def __init__(self, key, most=MOST_TEXT):
        self._ccm = Ccm(key, most)
        self._nonce = bytearray(13)
        self._counters = [0] * KINDS

    def _set(self, kind, counter):
        self._nonce[0] = kind
        struct.pack_into(">I", self._nonce, 9, counter)

    def seal(self, kind, buffer, length):
        """Seal `buffer[4:4 + length]` in place; `kind` (an int) is authenticated with it.

        The caller leaves 4 bytes free in front and 8 behind. Returns the frame's length; OSError
        when the connection has used up its counters (2^30 frames): reconnect.
        """
        counter = self._counters[kind] + 1
        if counter > _LAST_COUNTER:
            raise OSError("link counter used up: reconnect")
        self._counters[kind] = counter
        self._set(kind, counter)
        view = memoryview(buffer)[4:]
        n = self._ccm.seal(self._nonce, bytes((kind,)), view, length)
        struct.pack_into("<I", buffer, 0, counter)
        return n + 4

    def open(self, kind, frame):
        """The text of a frame, or None when it is forged, cut, replayed or of another kind."""
        if len(frame) < OVERHEAD:
            return None
        counter = struct.unpack_from("<I", frame)[0]
        if not self._counters[kind] < counter <= _LAST_COUNTER:
            return None
        buffer = bytearray(memoryview(frame)[4:])
        self._set(kind, counter)
        n = self._ccm.open(self._nonce, bytes((kind,)), buffer, len(buffer))
        if n < 0:
            return None
        self._counters[kind] = counter
        return bytes(memoryview(buffer)[:n])


class Gate:
    """The monitor's side of the handshake, with failures counted and slowed.

    `now_ms` arguments come from time.ticks_ms(); `diff` is time.ticks_diff. `failures` counts
    since somebody was let in; `waiting(now)` tells how long the gate stays shut (ms): none after
    the first three failures, then 1, 2, 4 ... 60 seconds, so that a stranger's guesses are slow.
    It is shut to strangers only: else one of them could keep the rightful host out for ever.
    `pending`: what a handshake needs from hello to answer; of several that are under way, whoever
    calls keeps them apart.
    """

    def __init__(self, pairing_key, boot_number, diff):
        if len(pairing_key) != KEY:
            raise ValueError("pairing key must be 32 bytes")
        self._key = bytes(pairing_key)
        self._auth = hkdf(self._key, b"", b"heartlog authentication", 32)
        self._boot = boot_number
        self._count = 0
        self._diff = diff
        self.failures = 0
        self._shut_at = 0
        self._wait = 0
        self.reset()

    def shut(self, now_ms):
        """As many failures as there may be: a boot does not open the gate to a stranger."""
        self.failures = _FREE_FAILURES + 6
        self._failed(now_ms)

    @property
    def slowed(self):
        """Whether strangers have to wait."""
        return self.failures > _FREE_FAILURES

    def reset(self):
        """Forget the connection: call it at every connect and disconnect."""
        self.pending = None
        self.to_host = None
        self.to_monitor = None
        self.passkey = None

    @property
    def let_in(self):
        """Whether the host of this connection has proved that it holds the key."""
        return self.to_host is not None

    def waiting(self, now_ms):
        """Milliseconds for which no handshake is taken."""
        if not self._wait:
            return 0
        left = self._wait - self._diff(now_ms, self._shut_at)
        if left <= 0 or left > self._wait:
            self._wait = 0
            return 0
        return left

    def _failed(self, now_ms):
        self.reset()
        self.failures += 1
        if self.failures > _FREE_FAILURES:
            doubling = min(self.failures - _FREE_FAILURES - 1, 6)
            self._wait = min(1000 << doubling, _LONGEST_WAIT_MS)
            self._shut_at = now_ms

    def _fresh(self, length):
        """Bytes that were never said before."""
        self._count += 1
        h = hashlib.sha256(os.urandom(32))
        h.update(self._key)
        h.update(struct.pack("<II", self._boot, self._count))
        return h.digest()[:length]

    def challenge(self):
        """For one whose hello was refused: a hello that answers it is taken although the gate is
        shut. Good for one hello of the same connection."""
        return self._fresh(CHALLENGE)

    def hello(self, message, now_ms, challenge=None):
        """Take the host's hello; the proof to send back, or None (shut or malformed).

        `challenge`: what this connection was given with its last refusal, if anything.
        """
        self.reset()
        if len(message) != 1 + NONCE or message[0] != VERSION:
            return None
        if self.waiting(now_ms):
            if challenge is None:
                return None
            known = hmac(self._auth, b"hello", challenge, memoryview(message)[1:9])[:8]
            if not same(known, message[9:]):
                return None
        mine = self._fresh(NONCE)
        theirs = bytes(message[1:])
        version = bytes((VERSION,))
        expected = hmac(self._auth, b"host", version, mine, theirs)[:PROOF]
        self.pending = (expected, theirs + mine)
        return mine + hmac(self._auth, b"monitor", version, theirs, mine)[:PROOF]

    def answer(self, message, now_ms):
        """Take the host's answer: True lets it in and makes the two channels."""
        pending = self.pending
        self.pending = None
        if pending is None or not same(message, pending[0]):
            self._failed(now_ms)
            return False
        self.failures = 0
        self._wait = 0
        salt = pending[1]
        self.to_host = Channel(hkdf(self._key, salt, b"heartlog to host", 16))
        self.to_monitor = Channel(hkdf(self._key, salt, b"heartlog to monitor", 16))
        number = hkdf(self._key, salt, b"heartlog passkey", 4)
        self.passkey = struct.unpack("<I", number)[0] % 1000000
        return True


__all__ = ("OVERHEAD", "TAG", "Channel", "Gate", "hkdf", "hmac", "identifier", "same")
