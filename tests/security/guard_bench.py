# ruff: noqa: E402, N801, RUF100
# Runs in MicroPython: the firmware's own server, guard and refusals, with a radio of two places,
# and the rightful host, who speaks by the same formulas. See `guard_check`.
import os
import sys


# This radio's clock: the test says what time it is.
class Clock:
    def __init__(self):
        self.now = 1000

    def ticks_ms(self):
        return self.now & 0x3FFFFFFF

    def ticks_diff(self, a, b):
        return ((a - b + 0x20000000) & 0x3FFFFFFF) - 0x20000000


clock = Clock()


class bluetooth:
    @staticmethod
    def UUID(x):
        return x


sys.modules["bluetooth"] = bluetooth

from monitor import refusals as _refusals
from monitor.link import guard as _guard
from monitor.link import secure, wire
from monitor.link.server import Server

_refusals.time = clock
KEY = bytes(range(32))
CONTROL, RECORDS, ECG, STATUS, HEART, BATTERY = 30, 33, 36, 39, 12, 18


class Radio:
    """A stack of two places that takes a notification while `room` says so."""

    def __init__(self):
        self.sent = []
        self.gone = []
        self.value = b""
        self.room = lambda handle: True

    def active(self, on):
        pass

    def irq(self, handler):
        self.handler = handler

    def config(self, **options):
        pass

    def gatts_register_services(self, services):
        return ((HEART, 14), (BATTERY,), (21, 23, 25), (CONTROL, RECORDS, ECG, STATUS))

    def gatts_set_buffer(self, handle, size):
        pass

    def gatts_write(self, handle, data):
        assert handle not in (21, 23, 25, STATUS), "in clear"

    def gatts_read(self, handle):
        return self.value

    def gatts_notify(self, connection, handle, data):
        if not self.room(connection):
            raise OSError(12)
        self.sent.append((connection, handle, bytes(data)))

    def gap_advertise(self, *a, **k):
        pass

    def gap_disconnect(self, handle):
        self.gone.append(handle)


class Journal:
    boot, journal, next_seq, first_seq, acked, flushed_seq = 7, 99, 1, 1, 0, 0

    def __getattr__(self, name):
        raise AssertionError(name)


class App:
    def __init__(self, settings):
        self.settings = settings
        self.records = []
        self.writes = 0

    def record(self, kind, *values):
        self.records.append(values)


class Handlers:
    identity = bytes(8)
    refusals = None

    def on_refused(self, failures):
        self.refusals.on_refused(failures)

    def on_link(self, up):
        pass

    def on_command(self, opcode, data, answer, now):
        return wire.NO_OPCODE, 3


class Bench:
    """A monitor just booted, and what the radio does to it. `write` returns what is answered on
    the control characteristic in so many turns."""

    def __init__(self, settings):
        self.radio = Radio()
        self.app = App(settings)
        self.handlers = Handlers()
        self.server = Server(self.radio, Journal(), self.handlers, clock.ticks_diff)
        self.server.guard = _guard.Guard(KEY, 7, clock.ticks_diff)
        self.handlers.refusals = _refusals.Refusals(self.app, self.server.guard)
        self.server.open("Heartlog", "test", "0")

    def connect(self, handle, mtu=247):
        self.radio.handler(1, (handle, 0, b""))
        self.radio.handler(21, (handle, mtu))

    def leave(self, handle):
        self.radio.handler(2, (handle, 0, b""))
        self.server.step(clock.ticks_ms())

    def write(self, handle, data, steps=1):
        before = len(self.radio.sent)
        self.radio.value = data
        self.radio.handler(3, (handle, CONTROL))
        for _ in range(steps):
            self.server.step(clock.ticks_ms())
            self.handlers.refusals.slow(clock.ticks_ms())
        return [d for h, c, d in self.radio.sent[before:] if h == handle]


auth = secure.hkdf(KEY, b"", b"heartlog authentication", 32)


class Host:
    """The rightful one. `hint`: whether it is of a version that answers challenges."""

    def __init__(self, bench, handle, hint=True):
        self.bench = bench
        self.handle = handle
        self.hint = hint
        self.hellos = []

    def hello(self):
        result = self.say(os.urandom(16))
        if result == wire.NOT_COMPLETED and self.hint:
            challenge, fresh = self.said[3:], os.urandom(8)
            assert len(challenge) == 8
            result = self.say(fresh + secure.hmac(auth, b"hello", challenge, fresh)[:8])
        return result

    def say(self, nonce):
        self.nonce = nonce
        self.hellos.append(bytes((wire.KEY_HELLO, 1, 1)) + nonce)
        (self.said,) = self.bench.write(self.handle, self.hellos[-1]) or (b"",)
        return self.said[2] if self.said else None

    def answer(self):
        mine = self.said[3:19]
        proof = secure.hmac(auth, b"host", b"\x01", mine, self.nonce)[:16]
        (told,) = self.bench.write(self.handle, bytes((wire.KEY_ANSWER, 2)) + proof) or (b"",)
        salt = self.nonce + mine
        self.out = secure.Channel(secure.hkdf(KEY, salt, b"heartlog to monitor", 16))
        self.back = secure.Channel(secure.hkdf(KEY, salt, b"heartlog to host", 16))
        return told[2] if told else None

    def ask(self, opcode, steps=1):
        buffer = bytearray(4) + bytes((opcode, 9)) + bytes(8)
        n = self.out.seal(1, buffer, 2)
        told = self.bench.write(self.handle, bytes(buffer[:n]), steps)
        return [self.back.open(2, t) for t in told]

    def served(self):
        return self.ask(wire.STATUS_GET)[-1][:3] == bytes((wire.STATUS_GET | 0x80, 9, wire.OK))
