# ruff: noqa: E402, UP031, I001, B007, B018, RUF100, SIM105, E501, PT018, B023
# Runs in MicroPython: a littlefs that is full, with an image and a journal that lends the room of
# a second one. Updates with the power going at any operation.
import os
import sys

sys.path[:0] = [sys.argv[1], sys.argv[2], sys.argv[0].rsplit("/", 1)[0]]

import vfs
from flash import PowerCut, RamNor
from models.flash import FlashDevice
from monitor import lending, update
from monitor.journal import Journal
from monitor.link.unpack import Unpacker
from monitor.media import PartMedia, open_media
from monitor.slots import PLACE, Slots
from monitor.updating import take_back

SIZE = 56 * 4096
PIECES = 7
IMAGE = PIECES * 4000
KIND = 20


class Info:
    BOARD, VERSION = "desk", "1.0.0"


class Board:
    ROOT = "/f"
    JOURNAL_KIB = 136
    JOURNAL_RESERVE = 7 * 4096
    SECOND_SLOT_LENT = True
    STRIPS = False

    def __init__(self, device):
        self._device = device

    def journal_device(self):
        return "/f/journal"

    def flash_device(self):
        return self._device


def mounted(nor):
    device = FlashDevice(nor, 0, nor.size)
    try:
        vfs.umount("/f")
    except OSError:
        pass
    try:
        fs = vfs.VfsLfs2(device, progsize=256)
    except OSError:
        vfs.VfsLfs2.mkfs(device, progsize=256)
        fs = vfs.VfsLfs2(device, progsize=256)
    vfs.mount(fs, "/f")
    return device


def install(slot):
    with open("/f/slots/%s.img" % slot, "wb") as file:
        for i in range(PIECES):
            file.write(slot.encode() * 4000)


def whole(slot):
    with open("/f/slots/%s.img" % slot, "rb") as file:
        return file.read() == slot.encode() * IMAGE


class Monitor:
    """A boot: what runs, and its journal."""

    def __init__(self, nor):
        self.nor = nor
        self.board = Board(mounted(nor))
        self.slots = Slots("/f")
        run, trial, _, _ = self.slots.read()
        self.runs = trial if trial != "-" else run
        sys.path[:] = [PLACE + self.runs] + [p for p in sys.path if p[:-1] != PLACE]
        self.media, problem = open_media(self.board)
        assert problem is None, problem
        self.journal = Journal(PartMedia(self.media, 2, self.media.blocks - 2), lambda: 77)
        self.journal.mount()

    def lender(self):
        return lending.of(self)

    def settle(self, recording=False):
        """What a monitor does once it runs, and as a session begins (updating.py)."""
        take_back("/f", self.media, recording)

    def record(self, count, flushed):
        """Appends records; notes those that are in flash for certain."""
        journal = self.journal
        begin = journal.next_seq
        for i in range(count):
            journal.losses.tell(journal)
            seq = journal.next_seq
            assert journal.append(KIND, b"record %05d" % seq, 12) == seq
            if i % 20 == 19:
                journal.flush()
        journal.flush()
        if not self.nor.dead and not journal.lost_pages:
            flushed.append((begin, journal.next_seq))

    def read(self):
        """Numbers of the records that it has, each once and as it was made."""
        journal, found = self.journal, set()
        number = journal.page_of(0)
        while number is not None:
            data = bytearray(journal.remains(number, 0))
            journal.read(number, 0, data)
            for seq, kind, body in Unpacker(data, journal.journal).records():
                assert seq not in found, seq
                found.add(seq)
                assert kind != KIND or body == b"record %05d" % seq
            following = journal.page_after(number)
            number = following[0] if following else None
        return found

    def holds(self, flushed, acked):
        found = self.read()
        for first, end in flushed:
            for seq in range(max(first, acked + 1), end):
                assert seq in found, (seq, acked, flushed, min(found), max(found))


def updated(nor, flushed):
    """From any boot to the new image running, confirmed, with the journal whole again."""
    monitor = Monitor(nor)
    if monitor.runs == "a":
        monitor.settle()
        lender = monitor.lender()
        up = update.Update("/f", Info, lender)
        status, at = up.begin(IMAGE, b"h" * 32, b"s" * 64)
        assert status == update.OK, status
        while at < IMAGE:
            status, at = up.write(at, b"b" * min(500, IMAGE - at))
            assert status == update.OK, status
            if at % 8000 == 0:
                monitor.record(7, flushed)
        os.rename("/f/slots/update.part", "/f/slots/b.img")
        monitor.slots.try_next("b")
        os.remove("/f/slots/update.head")
        monitor = Monitor(nor)
    if monitor.slots.on_trial():
        assert monitor.runs == "b"
        assert monitor.media.closed
        monitor.record(150, flushed)  # more than what is left of two blocks
        monitor.slots.confirm()
    monitor.settle()
    monitor.record(60, flushed)
    while monitor.media.grow():
        pass
    return monitor


def made():
    """A flash with image a in it and a journal that is full; (flash, flushed, acknowledged)."""
    nor = RamNor(SIZE, 5)
    mounted(nor)
    os.mkdir("/f/slots")
    install("a")
    with open("/f/slots/state", "w") as file:
        file.write("a - 0 -\n")
    with open("/f/slots/update.key", "wb") as file:
        file.write(bytes(32))
    monitor = Monitor(nor)
    flushed, acked = [], 0
    blocks = monitor.media.blocks - 2
    while monitor.journal.number < (blocks + 3) * 16:
        monitor.record(40, flushed)
        if monitor.journal.number < blocks * 11:
            acked = monitor.journal.next_seq - 1
            monitor.journal.acknowledge(acked)
    while monitor.media.grow():
        pass
    return nor, flushed, acked


base, kept, acked = made()
assert lending.lacking("/f/slots", IMAGE) >= PIECES - 2
# What is not acknowledged never goes: an update that would need it is refused, nothing is changed.
monitor = Monitor(base.copy())
monitor.journal.ring.acked = 0
up = update.Update("/f", Info, monitor.lender())
assert up.begin(IMAGE, b"h" * 32, b"s" * 64) == (update.NOT_FETCHED, 0)
assert not monitor.media.closed
assert lending.by_cable(Board(mounted(base.copy())), 30 * 4088) > 0
monitor = Monitor(base.copy())
monitor.holds(kept, 0 if monitor.journal.first_seq <= 1 else monitor.journal.first_seq - 1)
# By cable the same is given.
nor = base.copy()
assert lending.by_cable(Board(mounted(nor)), IMAGE) == 0
assert lending.lacking("/f/slots", IMAGE) == 0
Monitor(nor).holds(kept, acked)

# An update that stays where it is while the heart goes on: its room is had back in time.
nor, flushed = base.copy(), list(kept)
monitor = Monitor(nor)
up = update.Update("/f", Info, monitor.lender())
assert up.begin(IMAGE, b"h" * 32, b"s" * 64) == (update.OK, 0)
assert up.write(0, bytes(20000)) == (update.OK, 20000)
assert not all(monitor.media.held(i) for i in range(monitor.media.blocks))
monitor = Monitor(nor)
begun = monitor.journal.number // 16
pressed = 0
while monitor.journal.number // 16 < begun + monitor.media.blocks and not pressed:
    monitor.record(10, flushed)
    if monitor.media.closed and monitor.journal.pressed():
        monitor.settle(True)
        pressed += 1
assert pressed and not monitor.media.closed
monitor.record(40, flushed)
assert not monitor.journal.losses.count
monitor.holds(flushed, acked)

nor = base.copy()
before = nor.operations
flushed = list(kept)
monitor = updated(nor, flushed)
operations = nor.operations - before
monitor.holds(flushed, acked)
assert monitor.media.held(monitor.media.blocks - 1)
assert "a.img" not in os.listdir("/f/slots")
assert not nor.complaints, nor.complaints
cuts = 0
for cut in range(int(sys.argv[4]), operations + 1, int(sys.argv[3])):
    nor = base.copy()
    nor.cut_after(cut)
    flushed = list(kept)
    try:
        updated(nor, flushed)
        assert nor.dead, cut
    except (PowerCut, OSError, AssertionError):
        assert nor.dead, cut
    nor.dead = True
    nor = nor.copy()
    monitor = Monitor(nor)
    assert whole(monitor.runs), (cut, monitor.runs)
    monitor.holds(flushed, acked)
    monitor = updated(nor, flushed)
    monitor.holds(flushed, acked)
    assert monitor.runs == "b" and whole("b"), cut
    for i in range(monitor.media.blocks):
        assert monitor.media.held(i), (cut, i)
    cuts += 1

print(operations, cuts)
