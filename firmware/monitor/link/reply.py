"""The answer to a command, which waits when the stack has no buffer left for it.

    reply.text[:n] = ...                     # built in place
    reply.send(peer, n, True, now)
    if reply.waiting and not reply.step(now):
        return                               # nothing else goes before it

NimBLE has twelve buffers for everything, and records on their way may fill them. Frames come
again by themselves; an answer would be lost, and a host that hears none gives the connection up.
"""

from micropython import const

_PATIENCE_MS = const(5000)  # as long as a host waits
ROOM = const(64)


class Reply:
    """One at a time: no command is taken while an answer waits. `notify(peer, data, sealed)`
    hands it to the stack, False when that has no room."""

    def __init__(self, notify, diff):
        self.text = bytearray(ROOM)
        self.waiting = 0  # bytes
        self._notify = notify
        self._diff = diff
        self._peer = None
        self._serial = self._since = 0
        self._sealed = False

    def send(self, peer, size, sealed, now):
        """`size` bytes of `text` for this peer, sealed if the monitor is paired and `sealed`."""
        self._peer, self._serial = peer, peer.serial
        self._sealed = sealed
        self._since = now
        self.waiting = size
        self.step(now)

    def step(self, now):
        """Tries again; True when it went, or when nobody is there any more to hear it."""
        peer = self._peer
        if (
            peer.handle >= 0
            and peer.serial == self._serial
            and self._diff(now, self._since) <= _PATIENCE_MS
            and not self._notify(peer, memoryview(self.text)[: self.waiting], self._sealed)
        ):
            return False
        self.waiting = 0
        return True
