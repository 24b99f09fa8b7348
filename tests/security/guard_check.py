# ruff: noqa: E402, E731, I001, B007, RUF100, E501, PT018, B023
# Runs in MicroPython: strangers who try everything that they can send to a monitor (`guard_bench`).
#
#   micropython guard_check.py FIRMWARE TRIES -> one line of figures
import os
import sys

sys.path[:0] = [sys.argv[1], sys.argv[0].rsplit("/", 1)[0]]
TRIES = int(sys.argv[2])

from guard_bench import CONTROL, Bench, Host, clock
from monitor import settings as s
from monitor.link import guard as _guard
from monitor.link import secure, wire
from monitor.media import RamMedia

settings = s.Settings(RamMedia(2))
bench = Bench(settings)
radio, app, handlers, server = bench.radio, bench.app, bench.handlers, bench.server
connect, leave, write = bench.connect, bench.leave, bench.write
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
        clock.now += server.guard._gate.waiting(clock.ticks_ms())
        write(handle, hello())
    gone = len(radio.gone)
    write(handle, lie())
    assert len(radio.gone) == gone + 1, "sent away after one wrong answer"
    leave(handle)
    clock.now += attempt % 7 * 40
    if attempt % 50 == 49:
        for hint in (True, False):
            handle += 1
            connect(handle)
            host = Host(bench, handle, hint)
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
hours = clock.now / 3600000
assert len(told) <= 3 + 6 * hours + 1, (len(told), hours)
saved = settings._turn - saves
assert 1 <= saved <= 1 + hours, (saved, hours)
clock.now += 600000
handlers.refusals.slow(clock.ticks_ms())
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
bench = Bench(settings)
radio, app, handlers, server = bench.radio, bench.app, bench.handlers, bench.server
connect, leave, write = bench.connect, bench.leave, bench.write
connect(1)
assert write(1, hello())[0][2] == wire.NOT_COMPLETED
host = Host(bench, 1)
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
host = Host(bench, 1)
assert host.hello() == wire.OK
assert write(1, host.hellos[1])[0][2] == wire.NOT_COMPLETED
leave(1)
connect(1)
connect(3)
host = Host(bench, 1)
assert write(3, hello())[0][2] == wire.NOT_COMPLETED
assert host.hello() == wire.OK
assert write(3, host.hellos[1])[0][2] == wire.NOT_COMPLETED, "heard at the same moment"
assert host.answer() == wire.OK and host.served()
leave(3)
leave(1)
connect(2)
assert Host(bench, 2, False).hello() == wire.OK, "an older host too, now that somebody was let in"
leave(2)

# --- another's handshake in the middle of ours ---------------------------------------------------
for turn in range(3):
    connect(1)
    connect(2)
    host = Host(bench, 1)
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
        other = Host(bench, 2)
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
one, two = Host(bench, 1), Host(bench, 2)
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
host = Host(bench, 1)
assert host.hello() == wire.OK
said = host.said
assert host.hello() == wire.OK and host.said[3:19] != said[3:19], "a nonce each"
host.said = said
assert host.answer() == wire.REFUSED and radio.gone[-1] == 1, "the answer to the first"
leave(1)
connect(1)
host = Host(bench, 1)
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
host = Host(bench, 1)
assert host.hello() == wire.OK and host.answer() == wire.OK and host.served()
radio.handler(21, (1, 23))
assert server.step(clock.ticks_ms()) is not None
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
host = Host(bench, 1)
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
    clock.now += 31000
    server.step(clock.ticks_ms())
assert radio.gone[gone:].count(2) >= 3 and 1 not in radio.gone[gone:]
leave(2)

# --- connections come and go while nobody has time (an erase): no place is lost, none served twice
for n in range(200):
    radio.handler(1, (40 + n % 5, 0, b""))
    radio.value = hello()
    radio.handler(3, (40 + n % 5, CONTROL))
    radio.handler(2, (40 + n % 5, 0, b""))
for _ in range(20):
    server.step(clock.ticks_ms())
assert server.connected == 1 and host.served()
leave(1)
assert server.connected == 0 and not server.guard._gate.let_in
print(TRIES, *figures)
