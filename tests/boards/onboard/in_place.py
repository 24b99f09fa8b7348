"""Imports the monitor with its functions' code in a flash that lies in memory, as rp2's does.

Argument JSON: image (with a code map), folder (for its slot), loader, move (False: all stays in
RAM), flash (a file that holds the flash from run to run), cut (power goes at that flash operation,
0: never), spoil (a byte of the flash to change before, or -1).
Prints the bytes moved, the heap that the modules take, whether they work, and flash operations.
"""

import gc
import json
import sys

import attached
import vfs

BLOCKS = 128
with open(sys.argv[1]) as f:
    told = json.load(f)


class Cut(BaseException):
    """Power went."""


class Flash(bytearray):
    """A block device whose contents are in memory, where functions can run from it."""

    operations = erases = 0

    def readblocks(self, number, buffer, offset=0):
        at = number * 4096 + offset
        buffer[:] = self[at : at + len(buffer)]

    def writeblocks(self, number, buffer, offset=0):
        self.count()
        at = number * 4096 + offset
        for i in range(len(buffer)):
            self[at + i] &= buffer[i]

    def ioctl(self, what, argument):
        if what == 4:
            return BLOCKS
        if what == 5:
            return 4096
        if what == 6:
            self.count()
            self.erases += 1
            self[argument * 4096 : argument * 4096 + 4096] = b"\xff" * 4096
        return 0

    def count(self):
        self.operations += 1
        if self.operations == told["cut"]:
            with open(told["flash"], "wb") as f:
                f.write(self)
            print(json.dumps({"cut": self.operations}))
            raise SystemExit(0)


class Board:
    """As boards/pico_w/board.py tells it."""

    ROOT = "/data"
    CODE_KIB = 160

    def flash_device(self):
        return flash


def heap():
    """Where this process's objects lie."""
    here = id(told)
    with open("/proc/self/maps") as f:
        for line in f:
            low, high = (int(x, 16) for x in line.split()[0].split("-"))
            if low <= here < high:
                return low, high


sys.modules["machine"] = attached.Machine()
try:
    with open(told["flash"], "rb") as f:
        flash = Flash(f.read())
    new = False
except OSError:
    flash = Flash(b"\xff" * (BLOCKS * 4096))
    new = True
if told["spoil"] >= 0:
    flash[told["spoil"]] ^= 1
if new:
    vfs.VfsLfs2.mkfs(flash, progsize=256)
vfs.mount(vfs.VfsLfs2(flash, progsize=256), Board.ROOT)
attached.attach(told["loader"], told["folder"])
Board.CODE_RAM = heap()
before = flash.operations
moved = 0
gc.collect()
free = gc.mem_alloc()
from monitor import inplace  # noqa: E402

if told["move"]:
    moved = inplace.bring(Board())
else:
    import image_info  # noqa: F401

    for name, _ in inplace.modules(sys.path[0]):
        __import__(name)
inplace.forget()
del inplace
from monitor import app  # noqa: E402, F401

gc.collect()
heap_taken = gc.mem_alloc() - free
operations, erases = flash.operations - before, flash.erases
with open(told["flash"], "wb") as f:
    f.write(flash)

# What was moved does its work, with the collector busy: records are packed and read again.
from monitor import settings as _settings  # noqa: E402
from monitor.journal import Journal  # noqa: E402
from monitor.link import wire  # noqa: E402  (its plain numbers are written out, and gone)
from monitor.media import RamMedia  # noqa: E402
from monitor.vault import Vault  # noqa: E402

media = RamMedia(16)
kept = _settings.Settings(None)
journal = Journal(media, lambda: 77, Vault(kept.keys))
journal.mount()
body = bytearray(64)
for i in range(200):
    body[0] = i
    journal.append(4, body, wire.SIZE[4])
    if i % 40 == 0:
        gc.collect()
journal.flush()
print(
    json.dumps(
        {
            "moved": moved,
            "heap": heap_taken,
            "records": journal.next_seq - journal.first_seq,
            "operations": operations,
            "erases": erases,
            "place": bytes(flash).find(b"HLCODE 1"),
        }
    )
)
