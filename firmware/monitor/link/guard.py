"""Between the radio and the server: nobody gets past who does not hold the pairing key.

    guard = Guard(key, boot, time.ticks_diff)
    text = guard.open(peer, data, now)      # a command in clear text, or None
    if guard.reply: notify(guard.reply)     # what the handshake answers
    frame = guard.seal(peer, KIND, text)    # None: this peer may not have it

The handshake's two commands (wire.KEY_HELLO, wire.KEY_ANSWER) are the only ones that are taken in
clear. Everything else must be sealed (secure.py); a forged frame ends the connection.
"""

from micropython import const

from . import secure, wire

COMMAND = const(1)
ANSWER = const(2)
RECORDS = const(3)
ECG = const(4)

_HELLOS = const(3)  # in a connection: each costs the monitor some milliseconds of hashing
OVERHEAD = secure.OVERHEAD
ROTATE_MS = const(900000)
MOST = const(244)


class Guard:
    """One host at a time is let in; each connection's handshake is its own, so that nobody breaks
    into another's. `failures` rises with every refused one and every forged frame."""

    def __init__(self, key, boot, diff):
        self._gate = secure.Gate(key, boot, diff)
        self._key = bytes(key)
        self._diff = diff
        self._out = bytearray(MOST)
        self._view = memoryview(self._out)
        self._rotated = None
        self.identifier = b""  # eight bytes for the advertisement
        self._peer = None
        self._serial = 0  # of the connection: a peer's place may serve another central meanwhile
        self.reply = None
        self.hostile = False
        self.failures = 0

    def _has(self, peer):
        return peer is not None and peer is self._peer and peer.serial == self._serial

    def let_in(self, peer):
        """Whether this peer has proved, in this connection, that it holds the key."""
        return self._has(peer) and self._gate.let_in

    @property
    def passkey(self):
        """Six digits for the link layer's pairing with the host that was let in; else None."""
        return self._gate.passkey

    @property
    def slowed(self):
        """Whether so many have failed that strangers have to wait."""
        return self._gate.slowed

    def shut(self, now):
        """As it was before a boot."""
        self._gate.shut(now)

    def gone(self):
        """Some central has disconnected: forget it if it was the one that was let in."""
        peer = self._peer
        if peer is not None and (peer.handle < 0 or peer.serial != self._serial):
            self._peer = None
            self._gate.reset()

    def due(self, now):
        """Whether it is time for a new advertised identifier."""
        return self._rotated is None or self._diff(now, self._rotated) >= ROTATE_MS

    def rotate(self, now, random4):
        """Makes a new advertised identifier from four random bytes; wanted every 15 minutes."""
        self._rotated = now
        self.identifier = secure.identifier(self._key, random4)

    def open(self, peer, data, now):
        """The command in `data`, or None when there is none for the server."""
        self.reply = None
        self.hostile = False
        opcode = data[0] if data else 0
        if not self.let_in(peer):
            # Only here: a let-in peer's 48th frame begins as KEY_HELLO does, with its counter.
            if opcode in (wire.KEY_HELLO, wire.KEY_ANSWER) and (
                len(data) == 2 + wire.OPERAND_SIZE[opcode]
            ):
                self._handshake(peer, opcode, data, now)
                return None
            tag = data[1] if len(data) > 1 else 0
            self.reply = bytes((opcode & 0x7F | 0x80, tag, wire.REFUSED))
            return None
        text = self._gate.to_monitor.open(COMMAND, data)
        if text is None:
            self.hostile = True
            self.failures += 1
        return text

    def _handshake(self, peer, opcode, data, now):
        head = bytes((opcode | 0x80, data[1]))
        if opcode == wire.KEY_HELLO:
            peer.hellos += 1
            self.hostile = peer.hellos > _HELLOS
            peer.pending = None
            self.gone()
            if self._gate.let_in or self.hostile:
                self.reply = head + bytes((wire.REFUSED,))  # someone rightful is being served
                return
            proof = self._gate.hello(bytes(data[2:]), now, peer.challenge)
            peer.challenge = None
            if proof is None or peer.mtu < len(proof) + 6:
                peer.challenge = self._gate.challenge()
                self.reply = head + bytes((wire.NOT_COMPLETED,)) + peer.challenge
                return
            peer.pending = self._gate.pending
            self.reply = head + bytes((wire.OK,)) + proof
            return
        if not self._gate.let_in:
            self._gate.pending = peer.pending
            if self._gate.answer(bytes(data[2:]), now):
                self._peer = peer
                self._serial = peer.serial
                self.reply = head + bytes((wire.OK,))
                return
        peer.pending = None
        self.failures += 1
        self.hostile = True
        self.reply = head + bytes((wire.REFUSED,))

    def seal(self, peer, kind, text):
        """A frame for this peer, valid until the next call; None when it may not have it."""
        n = len(text)
        if not self.let_in(peer) or n + OVERHEAD > MOST:
            return None
        self._view[4 : 4 + n] = text
        return self._view[: self._gate.to_host.seal(kind, self._out, n)]
