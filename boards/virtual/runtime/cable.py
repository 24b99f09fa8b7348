"""The cable between this process and its supervisor: frames over one inherited socket.

A frame is a u32 length, one byte that says what it is, and the payload. JSON for what is rare
(`request`, commands), packed bytes for what is frequent (the radio's exchanges).
"""

import json
import os
import select
import struct

REQUEST = 0x71  # 'q' board -> supervisor, wants a REPLY
REPLY = 0x72  # 'r'
COMMAND = 0x63  # 'c' supervisor -> board, wants an ANSWER
ANSWER = 0x61  # 'a'
EVENT = 0x65  # 'e' either way, nothing comes back
EXCHANGE = 0x78  # 'x' board -> supervisor: one connection event, wants an EXCHANGED
EXCHANGED = 0x79  # 'y'
AIR = 0x77  # 'w' supervisor -> board: the radio has something for the next connection event


def die():
    """End this process at once; no exception that a firmware could catch leads out of here."""
    while True:
        os.system("kill -9 $PPID")


class Cable:
    """Blocking requests and polled messages over file descriptor `fd`.

    `handlers` maps a frame's kind to `fn(payload: bytes)`; they are called by `poll` only, never
    inside `request`.
    """

    def __init__(self, fd):
        self._file = open(fd, "r+b")
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLIN)
        self._waiting = []
        self.handlers = {}

    def send(self, kind, payload):
        self._file.write(struct.pack("<IB", len(payload), kind) + payload)

    def _read(self, n):
        data = self._file.read(n)
        while len(data) < n:
            more = self._file.read(n - len(data))
            if not more:
                die()  # the supervisor is gone: nobody will ever hear this board again
            data += more
        return data

    def _frame(self):
        length, kind = struct.unpack("<IB", self._read(5))
        return kind, self._read(length) if length else b""

    def wait(self, kind):
        """The payload of the next frame of this kind; others wait for the next `poll`."""
        while True:
            got, payload = self._frame()
            if got == kind:
                return payload
            self._waiting.append((got, payload))

    def request(self, **question):
        """Ask the supervisor; simulated time stands still until it replies with a dict."""
        self.send(REQUEST, json.dumps(question).encode())
        return json.loads(self.wait(REPLY))

    def event(self, **what):
        """Tell the supervisor."""
        self.send(EVENT, json.dumps(what).encode())

    def poll(self, ms=0):
        """Handle what has come, waiting up to `ms` milliseconds for it; True if there was any."""
        any_ = False
        while self._waiting:
            kind, payload = self._waiting.pop(0)
            self.handlers[kind](payload)
            any_ = True
        while self._poll.poll(0 if any_ else ms):
            kind, payload = self._frame()
            self.handlers[kind](payload)
            any_ = True
        return any_
