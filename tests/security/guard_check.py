# ruff: noqa: E402, E731, N801, UP031, I001, B007, B018, RUF100, SIM105, E501, PT018, B023
# Runs in MicroPython: the firmware's own server, guard and refusals, with a radio of two places, and
# strangers who try everything that they can send. The rightful host speaks by the same formulas.
#
#   micropython guard_check.py FIRMWARE TRIES -> one line of figures
import os
import sys

sys.path[:0] = [sys.argv[1]]
TRIES = int(sys.argv[2])

# This radio's clock: the test says what time it is.
now = 1000
time_ms = lambda: now & 0x3FFFFFFF
diff = lambda a, b: ((a - b + 0x20000000) & 0x3FFFFFFF) - 0x20000000


class Clock:
    ticks_ms = staticmethod(time_ms)
    ticks_diff = staticmethod(diff)


class bluetooth:
    @staticmethod
    def UUID(x):
        return x


sys.modules["bluetooth"] = bluetooth

from monitor import refusals as _refusals
from monitor import settings as s
from monitor.link import guard as _guard
from monitor.link import secure, wire
from monitor.link.server import Server
from monitor.media import RamMedia

_refusals.time = Clock
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


def boot(settings):
    radio, app, handlers = Radio(), App(settings), Handlers()
    server = Server(radio, Journal(), handlers, diff)
    server.guard = _guard.Guard(KEY, 7, diff)
    handlers.refusals = _refusals.Refusals(app, server.guard)
    server.open("Heartlog", "test", "0")
    return radio, app, handlers, server


def connect(handle, mtu=247):
    radio.handler(1, (handle, 0, b""))
    radio.handler(21, (handle, mtu))


def leave(handle):
    radio.handler(2, (handle, 0, b""))
    server.step(time_ms())


def write(handle, data, steps=1):
    """A write; what the monitor answers on the control characteristic in so many turns."""
    before = len(radio.sent)
    radio.value = data
    radio.handler(3, (handle, CONTROL))
    for _ in range(steps):
        server.step(time_ms())
        handlers.refusals.slow(time_ms())
    return [d for h, c, d in radio.sent[before:] if h == handle]


auth = secure.hkdf(KEY, b"", b"heartlog authentication", 32)


class Host:
    """The rightful one. `hint`: whether it is of a version that answers challenges."""

    def __init__(self, handle, hint=True):
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
        (self.said,) = write(self.handle, self.hellos[-1]) or (b"",)
        return self.said[2] if self.said else None

    def answer(self):
        mine = self.said[3:19]
        proof = secure.hmac(auth, b"host", b"\x01", mine, self.nonce)[:16]
        (told,) = write(self.handle, bytes((wire.KEY_ANSWER, 2)) + proof) or (b"",)
        salt = self.nonce + mine
        self.out = secure.Channel(secure.hkdf(KEY, salt, b"heartlog to monitor", 16))
        self.back = secure.Channel(secure.hkdf(KEY, salt, b"heartlog to host", 16))
        return told[2] if told else None

    def ask(self, opcode, steps=1):
        buffer = bytearray(4) + bytes((opcode, 9)) + bytes(8)
        n = self.out.seal(1, buffer, 2)
        told = write(self.handle, bytes(buffer[:n]), steps)
        return [self.back.open(2, t) for t in told]

    def served(self):
        return self.ask(wire.STATUS_GET)[-1][:3] == bytes((wire.STATUS_GET | 0x80, 9, wire.OK))


settings = s.Settings(RamMedia(2))
radio, app, handlers, server = boot(settings)
hello = lambda: bytes((wire.KEY_HELLO, 5, 1)) + os.urandom(16)
lie = lambda: bytes((wire.KEY_ANSWER, 6)) + os.urandom(16)

# --- a stranger tries, and tries again; the rightful host comes at any moment of it -----------
stranger, handle = 0, 0
longest = rounds = writes = 0
saves = settings._turn
for attempt in range(TRIES):
    handle += 1
    connect(handle)
    if attempt % 3 == 0:
        write(handle, hello())
    elif attempt % 3 == 1:  # as soon as the gate may open
        now += server.guard._gate.waiting(time_ms())
        write(handle, hello())
    gone = len(radio.gone)
    write(handle, lie())
    assert len(radio.gone) == gone + 1, "sent away after one wrong answer"
    leave(handle)
    now += attempt % 7 * 40
    if attempt % 50 == 49:
        for hint in (True, False):
            handle += 1
            connect(handle)
            host = Host(handle, hint)
            result = host.hello()
            if result == wire.OK:
                assert host.answer() == wire.OK and host.served()
                rounds += 1
            else:
                assert not hint, "the rightful host has to wait for nobody"
            leave(handle)
            for _ in range(4 * hint):  # and they begin anew at once
                handle += 1
                connect(handle)
                write(handle, lie())
                leave(handle)
assert server.guard.failures >= TRIES
told = [v for v in app.records if v[0] == wire.LINK_REFUSED]
hours = now / 3600000
assert len(told) <= 3 + 6 * hours + 1, (len(told), hours)
saved = settings._turn - saves
assert 1 <= saved <= 1 + hours, (saved, hours)
now += 600000
handlers.refusals.slow(time_ms())
assert app.records[-1] == (wire.LINK_REFUSED, server.guard.failures), "none is left out in the end"
assert settings.get(s.REFUSING) == 1
figures = (rounds, len(told), saved)


# --- how long a refusal takes tells nothing about where a proof is wrong -------------------------
class Looked:
    def __init__(self, data):
        self.data = data
        self.at = []

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        self.at.append(i)
        return self.data[i]


right = os.urandom(16)
for wrong in range(17):
    guess = bytearray(right)
    if wrong < 16:
        guess[wrong] ^= 0x80
    looked = Looked(guess)
    assert secure.same(looked, right) == (wrong == 16)
    assert looked.at == list(range(16)), "every byte, whatever the others were"

# --- a boot opens the gate to nobody, and shuts out no one who holds the key -------------------
radio, app, handlers, server = boot(settings)
connect(1)
assert write(1, hello())[0][2] == wire.NOT_COMPLETED
host = Host(1)
assert host.hello() == wire.OK and host.answer() == wire.OK and host.served()
leave(1)

# --- who has recorded how the host came past a shut gate does not come past it by that -----------
recorded = host.hellos
assert len(recorded) == 2, "the second opened it"
for _ in range(8):
    connect(3)
    write(3, hello())
    write(3, lie())
    leave(3)
assert server.guard.slowed
challenges = set()
for replay in (recorded, recorded[1:] * 3, [recorded[1], hello(), recorded[1]]):
    connect(3)
    for packet in replay:
        (told,) = write(3, packet)
        assert told[2] == wire.NOT_COMPLETED and len(told) == 11, (
            "no proof, so nothing to guess by"
        )
        challenges.add(told[3:])
    leave(3)
assert len(challenges) == 8, "each is new"
connect(1)  # a challenge is taken once, in its own connection
host = Host(1)
assert host.hello() == wire.OK
assert write(1, host.hellos[1])[0][2] == wire.NOT_COMPLETED
leave(1)
connect(1)
connect(3)
host = Host(1)
assert write(3, hello())[0][2] == wire.NOT_COMPLETED
assert host.hello() == wire.OK
assert write(3, host.hellos[1])[0][2] == wire.NOT_COMPLETED, "heard at the same moment"
assert host.answer() == wire.OK and host.served()
leave(3)
leave(1)
connect(2)
assert Host(2, False).hello() == wire.OK, "an older host too, now that somebody was let in"
leave(2)

# --- another's handshake in the middle of ours ---------------------------------------------------
for turn in range(3):
    connect(1)
    connect(2)
    host = Host(1)
    if turn:
        write(2, hello())
    assert host.hello() == wire.OK
    if turn == 1:
        write(2, hello())  # it used to take the place of ours
    if turn == 2:
        write(2, lie())  # it used to throw us out
    gone = len(radio.gone)
    assert host.answer() == wire.OK, turn
    assert len(radio.gone) == gone and host.served()
    # Two with the key: the second is told that somebody is served, and breaks nothing.
    if turn < 2:
        other = Host(2)
        assert other.hello() == wire.REFUSED
    leave(2)
    connect(3)
    assert write(3, lie())[0][2] == wire.REFUSED and radio.gone[-1] == 3
    leave(3)
    assert host.served(), "a stranger's lie ends nobody else's connection"
    leave(1)
# Two hosts with the key half-way at once: the first is let in, the other told so.
connect(1)
connect(2)
one, two = Host(1), Host(2)
assert one.hello() == wire.OK and two.hello() == wire.OK
assert two.answer() == wire.OK and two.served()
assert one.answer() == wire.REFUSED and two.served()
# Nothing is sealed for whoever was not let in, nor what no frame has room for.
stranger, served = server._peer(1), server._peer(2)
assert server.guard.seal(stranger, _guard.RECORDS, b"beat") is None
assert len(server.guard.seal(served, _guard.RECORDS, b"beat")) == 4 + _guard.OVERHEAD
assert server.guard.seal(served, _guard.RECORDS, bytes(_guard.MOST - _guard.OVERHEAD)) is not None
assert server.guard.seal(served, _guard.RECORDS, bytes(_guard.MOST)) is None
leave(1)
leave(2)

# --- out of order -------------------------------------------------------------------------------
connect(1)
host = Host(1)
assert host.hello() == wire.OK
said = host.said
assert host.hello() == wire.OK and host.said[3:19] != said[3:19], "a nonce each"
host.said = said
assert host.answer() == wire.REFUSED and radio.gone[-1] == 1, "the answer to the first"
leave(1)
connect(1)
host = Host(1)
assert host.hello() == wire.OK and host.answer() == wire.OK
assert not write(1, hello()) and radio.gone[-1] == 1, "in clear, from one that is let in: forged"
leave(1)
connect(1)
for n in range(3):
    assert write(1, hello())[0][2] == wire.OK
gone = len(radio.gone)
assert write(1, hello())[0][2] == wire.REFUSED and len(radio.gone) == gone + 1, "they cost hashing"
leave(1)
connect(1, 23)
assert write(1, hello())[0][2] == wire.NOT_COMPLETED, "no room for the proof"
radio.handler(21, (1, 517))
host = Host(1)
assert host.hello() == wire.OK and host.answer() == wire.OK and host.served()
radio.handler(21, (1, 23))
assert server.step(time_ms()) is not None
leave(1)

# --- every other write of a stranger, of any length -----------------------------------------------
connect(1)
sent = len(radio.sent)
for opcode in range(256):
    for size in (0, 1, 2, 3, 18, 19, 20, 244):
        data = (bytes((opcode,)) + os.urandom(size))[:size]
        if size in (18, 19) and opcode in (wire.KEY_HELLO, wire.KEY_ANSWER):
            continue
        for told in write(1, data):
            assert len(told) == 3 and told[2] == wire.REFUSED, told
            assert told[0] & 0x80, told
assert {c for _, c, _ in radio.sent[sent:]} == {CONTROL}
server.heart(60, True, bytearray(20), 0)
server.battery(77)
server.status(b"secret")
assert {c for _, c, _ in radio.sent[sent:]} == {CONTROL}, "nobody subscribes to anything else"
leave(1)

# --- a flood beside a host that is served ---------------------------------------------------------
connect(1)
host = Host(1)
assert host.hello() == wire.OK and host.answer() == wire.OK
connect(2)
for _ in range(50):
    radio.value = os.urandom(20)
    radio.handler(3, (2, CONTROL))
assert sum(1 for e in server._queue if e) <= 2, "the rest of the queue is the host's"
assert host.ask(wire.STATUS_GET, 4)[-1][2] == wire.OK
# One who takes no answers holds nobody up.
radio.room = lambda handle: handle != 2
radio.value = os.urandom(20)
radio.handler(3, (2, CONTROL))
assert host.ask(wire.STATUS_GET, 2)[-1][2] == wire.OK
radio.room = lambda handle: True
leave(2)

# --- connect and hold, with a stack that does not take the first disconnect -----------------------
connect(2)
gone = len(radio.gone)
for _ in range(4):
    now += 31000
    server.step(time_ms())
assert radio.gone[gone:].count(2) >= 3 and 1 not in radio.gone[gone:]
leave(2)

# --- connections come and go while nobody has time (an erase): no place is lost, none served twice
for n in range(200):
    radio.handler(1, (40 + n % 5, 0, b""))
    radio.value = hello()
    radio.handler(3, (40 + n % 5, CONTROL))
    radio.handler(2, (40 + n % 5, 0, b""))
for _ in range(20):
    server.step(time_ms())
assert server.connected == 1 and host.served()
leave(1)
assert server.connected == 0 and not server.guard._gate.let_in
print(TRIES, *figures)
