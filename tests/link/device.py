# ruff: noqa: E402, UP031, SIM115, B007, RUF100, I001
# Runs inside MicroPython: journal, stream and server of the firmware, without a front end or a
# radio. Lines come in on stdin, answers go out on stdout; time moves only when it is told to.
#
#   c HANDLE / d HANDLE      a central connects, disconnects
#   m HANDLE MTU             its MTU
#   w HANDLE HEX             it writes to the control point
#   b COUNT                  so many beats happen
#   r KIND HEX               a record
#   s MS                     the main loop runs for so long -> n HEX (notifications), then "."
#   q N                      the stack takes N notifications until the next s (NimBLE's buffers)
#   e                        frames go as on a paired monitor: even in time and length
#   i                        -> "." and numbers: next, first, flushed, acked, boot, journal, heap
#   x                        power off: the script is run again over the same flash
import gc
import sys

sys.path[:0] = [sys.argv[1]]


class Time:
    now = int(sys.argv[4]) if len(sys.argv) > 4 else 0

    def ticks_ms(self):
        return self.now & 0x3FFFFFFF

    def ticks_add(self, a, b):
        return (a + b) & 0x3FFFFFFF

    def ticks_diff(self, a, b):
        d = (a - b) & 0x3FFFFFFF
        return d - 0x40000000 if d >= 0x20000000 else d


clock = Time()
sys.modules["time"] = clock

from binascii import hexlify, unhexlify  # noqa: E402
from struct import pack_into  # noqa: E402

from monitor.journal import Journal  # noqa: E402
from monitor.link import wire  # noqa: E402
from monitor.link.server import Server  # noqa: E402
from monitor.media import RamMedia  # noqa: E402


class FileMedia(RamMedia):
    """A RAM ring that is read from and kept in a file."""

    def __init__(self, path, blocks):
        super().__init__(blocks)
        self._path = path
        try:
            with open(path, "rb") as f:
                f.readinto(self._data)
        except OSError:
            for i in range(blocks):
                self.erase(i)

    def keep(self):
        with open(self._path, "wb") as f:
            f.write(self._data)


class Bluetooth:
    """The `bluetooth` module as far as the server needs it; notifications go to stdout."""

    class UUID:
        def __init__(self, value):
            self.value = value

    def __init__(self):
        self.values = {}
        self.handler = None
        self.room = 1000000
        self.out = []
        self.handles = set()

    def active(self, on):
        pass

    def irq(self, handler):
        self.handler = handler

    def config(self, **kw):
        pass

    def gatts_register_services(self, services):
        handle, out = 0, []
        for _, characteristics in services:
            row = []
            for _ in characteristics:
                handle += 1
                row.append(handle)
            out.append(tuple(row))
        return tuple(out)

    def gatts_set_buffer(self, handle, size):
        pass

    def gatts_write(self, handle, data):
        self.values[handle] = bytes(data)

    def gatts_read(self, handle):
        return self.values[handle]

    def gap_advertise(self, us, data, resp_data=None):
        pass

    def gap_disconnect(self, handle):
        pass

    def gatts_notify(self, handle, attribute, data):
        if handle not in self.handles:
            raise TypeError("can't convert NoneType to int")
        if self.room <= 0:
            raise OSError(12)
        self.room -= 1
        self.out.append((handle, attribute, bytes(data)))


ble = Bluetooth()
sys.modules["bluetooth"] = Bluetooth


class Handlers:
    identity = b"virtual!"

    def on_link(self, up):
        record(wire.LINK, 1 if up else 2, 0)

    def on_command(self, opcode, data, answer, now):
        if opcode == wire.PING:
            pack_into("<IHH", answer, 3, clock.now // 4 & 0xFFFFFFFF, 0, journal.boot)
            return wire.OK, 11
        if opcode == wire.SYNC_POINT:
            body = data[2 : 2 + wire.SIZE[wire.SYNC]]
            pack_into("<I", answer, 3, journal.append(wire.SYNC, body, len(body)))
            return wire.OK, 7
        return wire.NO_OPCODE, 3


body = bytearray(64)


def record(kind, *values):
    pack_into(wire.RECORDS[kind][1], body, 0, clock.now // 4 & 0xFFFFFFFF, *values)
    log(journal.append(kind, body, wire.SIZE[kind]), kind, body[: wire.SIZE[kind]])


def log(seq, kind, data):
    truth.write("%d %d %d %s\n" % (seq, journal.boot, kind, hexlify(data).decode()))


truth = open(sys.argv[3], "a")
media = FileMedia(sys.argv[2], int(sys.argv[5]) if len(sys.argv) > 5 else 16)
journal = Journal(media, lambda: 0x12345678)
first, count = journal.mount()
server = Server(ble, journal, Handlers(), clock.ticks_diff)
server.open("Heartlog", "test", "1.0.0")
record(wire.BOOT, journal.boot, 1, 250, 48080, 0x73, 2, 1, 0, 0)
if count:
    record(wire.DROPPED, first, count, wire.DROPPED_POWER)
journal.flush()
CONTROL, RECORDS = server._control, server._records
last = 0
seed = journal.next_seq


def beat():
    global last, seed
    seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
    sample = clock.now // 4 & 0xFFFFFFFF
    rr = (sample - last) & 0xFFFFFFFF
    gap = rr > 65535 or not last
    last = sample
    amplitude = wire.round_amplitude(800 + (seed >> 16) % 400)
    pack_into("<IHHBBB", body, 0, sample, 0 if gap else rr, amplitude, 24 + (seed >> 12) % 3, 100,
              2 if gap else 0)  # fmt: skip
    log(journal.append(wire.BEAT, body, 11), wire.BEAT, body[:11])


def run(ms):
    end = clock.now + ms
    while True:
        while server.step(clock.ticks_ms()):
            pass
        journal.step(clock.ticks_ms())
        if clock.now >= end:
            break
        clock.now = min(end, clock.now + 50)
    for handle, attribute, data in ble.out:
        sys.stdout.write("%s %s\n" % ("n" if attribute == RECORDS else "a" if attribute == CONTROL
                                      else "o", hexlify(data).decode()))  # fmt: skip
    ble.out.clear()
    ble.room = 1000000


def main():
    while True:
        words = sys.stdin.readline().split()
        if not words or words[0] == "x":
            truth.close()
            media.keep()
            return
        what = words[0]
        if what == "c":
            ble.handles.add(int(words[1]))
            ble.handler(1, (int(words[1]), 0, b""))
        elif what == "d":
            ble.handles.discard(int(words[1]))
            ble.handler(2, (int(words[1]), 0, b""))
        elif what == "m":
            ble.handler(21, (int(words[1]), int(words[2])))
        elif what == "w":
            ble.values[CONTROL] = unhexlify(words[2]) if len(words) > 2 else b""
            ble.handler(3, (int(words[1]), CONTROL))
        elif what == "b":
            for _ in range(int(words[1])):
                clock.now += 800
                beat()
        elif what == "r":
            data = unhexlify(words[2]) if len(words) > 2 else b""
            log(journal.append(int(words[1]), data, len(data)), int(words[1]), data)
        elif what == "e":
            server.stream.even = True
        elif what == "q":
            ble.room = int(words[1])
        elif what == "s":
            run(int(words[1]))
            sys.stdout.write(".\n")
        elif what == "i":
            truth.flush()
            media.keep()
            gc.collect()
            sys.stdout.write(". %d %d %d %d %d %d %d %d\n" % (
                journal.next_seq, journal.first_seq, journal.flushed_seq, journal.acked,
                journal.boot, journal.journal, gc.mem_alloc(), server.refused))  # fmt: skip


main()
