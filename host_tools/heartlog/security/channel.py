"""The host's side of the handshake and of the sealed channel.

The protocol is written down in `firmware/monitor/link/secure.py`; this is a second, independent
implementation on the `cryptography` package, so that each checks the other:

    handshake = Handshake(pairing_key)
    proof = await send(handshake.hello())
    await send(handshake.answer(proof))          # raises NotOurMonitor for a stranger or a clone
    text = handshake.from_monitor.open(KIND, frame)
    frame = handshake.to_monitor.seal(KIND, text)
"""

import hmac
import os
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

VERSION = 1
KEY_BYTES = 32
CHALLENGE_BYTES = 8
NONCE_BYTES = 16
PROOF_BYTES = 16
TAG_BYTES = 8
COUNTER_BYTES = 4
LAST_COUNTER = 0x3FFFFFFF


class NotOurMonitor(Exception):
    """The other side could not prove that it holds the pairing key."""


class Forged(Exception):
    """A frame was forged, cut, replayed, or meant for another purpose."""


def derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """HKDF-SHA256 (RFC 5869): `length` bytes for the purpose named by `info`."""
    return HKDF(SHA256(), length, salt or None, info).derive(secret)


def recognise(pairing_key: bytes, identifier: bytes) -> bool:
    """Whether an advertised rotating identifier (8 bytes) was made with this key."""
    if len(identifier) != 8:
        return False
    key = derive(pairing_key, b"", b"heartlog identifier", 32)
    return hmac.compare_digest(hmac.digest(key, identifier[:4], "sha256")[:4], identifier[4:])


class Channel:
    """One direction's frames: counter:4 | text | tag:8, AES-128-CCM; nonce: kind and counter."""

    def __init__(self, key: bytes) -> None:
        self._ccm = AESCCM(key, tag_length=TAG_BYTES)
        self._counters: dict[int, int] = {}

    @staticmethod
    def _nonce(kind: int, counter: int) -> bytes:
        return bytes((kind,)) + bytes(8) + struct.pack(">I", counter)

    def seal(self, kind: int, text: bytes) -> bytes:
        """A frame for `text`; `kind` (0..255) is authenticated with it but not sent."""
        counter = self._counters.get(kind, 0) + 1
        if counter > LAST_COUNTER:
            raise Forged("the connection has used up its counters: reconnect")
        self._counters[kind] = counter
        sealed = self._ccm.encrypt(self._nonce(kind, counter), text, bytes((kind,)))
        return struct.pack("<I", counter) + sealed

    def open(self, kind: int, frame: bytes) -> bytes:
        """The text of a frame; raises Forged when it can't be trusted."""
        if len(frame) < COUNTER_BYTES + TAG_BYTES:
            raise Forged(f"a frame of {len(frame)} bytes is too short to be sealed")
        (counter,) = struct.unpack_from("<I", frame)
        last = self._counters.get(kind, 0)
        if not last < counter <= LAST_COUNTER:
            raise Forged(f"frame {counter} came after frame {last}: replayed")
        try:
            text = self._ccm.decrypt(
                self._nonce(kind, counter), frame[COUNTER_BYTES:], bytes((kind,))
            )
        except InvalidTag:
            raise Forged(f"frame {counter} does not carry the monitor's seal") from None
        self._counters[kind] = counter
        return text


class Handshake:
    """Three messages; after `answer` both channels are there. `hello` comes first."""

    def __init__(self, pairing_key: bytes) -> None:
        if len(pairing_key) != KEY_BYTES:
            raise ValueError(f"pairing key must be {KEY_BYTES} bytes, not {len(pairing_key)}")
        self._key = pairing_key
        self._auth = derive(pairing_key, b"", b"heartlog authentication", 32)
        self._nonce = b""
        self.passkey = -1
        """Six digits for the link layer's pairing, once `answer` was called."""
        self._to_monitor: Channel | None = None
        self._from_monitor: Channel | None = None

    def hello(self, challenge: bytes | None = None) -> bytes:
        """The first message, with another nonce each time.

        By the answer to its `challenge` (CHALLENGE_BYTES) a monitor that strangers' guesses have
        slowed down knows that this is its host.
        """
        self._nonce = os.urandom(NONCE_BYTES)
        if challenge is not None:
            fresh = self._nonce[: NONCE_BYTES // 2]
            self._nonce = fresh + self._mac(b"hello", challenge, fresh)[: NONCE_BYTES // 2]
        return bytes((VERSION,)) + self._nonce

    def _mac(self, *parts: bytes) -> bytes:
        return hmac.digest(self._auth, b"".join(parts), "sha256")[:PROOF_BYTES]

    def answer(self, proof: bytes) -> bytes:
        """Check the monitor's proof and return the third message; raises NotOurMonitor."""
        if len(proof) != NONCE_BYTES + PROOF_BYTES:
            raise NotOurMonitor(f"the monitor's proof has {len(proof)} bytes, not 32")
        theirs, mac = proof[:NONCE_BYTES], proof[NONCE_BYTES:]
        version = bytes((VERSION,))
        if not hmac.compare_digest(mac, self._mac(b"monitor", version, self._nonce, theirs)):
            raise NotOurMonitor("the monitor does not hold this session's key")
        salt = self._nonce + theirs
        self._from_monitor = Channel(derive(self._key, salt, b"heartlog to host", 16))
        self._to_monitor = Channel(derive(self._key, salt, b"heartlog to monitor", 16))
        number = derive(self._key, salt, b"heartlog passkey", 4)
        self.passkey = int.from_bytes(number, "little") % 1_000_000
        return self._mac(b"host", version, theirs, self._nonce)

    @property
    def to_monitor(self) -> Channel:
        """What the host seals with; only after `answer`."""
        if self._to_monitor is None:
            raise NotOurMonitor("the handshake is not complete")
        return self._to_monitor

    @property
    def from_monitor(self) -> Channel:
        """What the host opens with; only after `answer`."""
        if self._from_monitor is None:
            raise NotOurMonitor("the handshake is not complete")
        return self._from_monitor
