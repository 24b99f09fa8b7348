"""Imports the monitor with its functions' code in a flash that lies in memory, as rp2's does.

Argument JSON: image (with a code map), loader, move (False: all stays in RAM), flash (a file that
holds the flash from run to run), before (what the flash went through: "again" the image was
written once before and removed, "twice" it is in the other slot, too).
Prints the bytes moved, the heap that the modules take, flash operations, and whether the modules
work once all flash but the image's has been written over.
"""

import gc
import json
import os
import sys

import attached
import vfs

BLOCKS = 128
with open(sys.argv[1]) as f:
    told = json.load(f)


class Flash(bytearray):
    """A block device whose contents are in memory, where functions can run from it."""

    operations = 0

    def readblocks(self, number, buffer, offset=0):
        at = number * 4096 + offset
        buffer[:] = self[at : at + len(buffer)]

    def writeblocks(self, number, buffer, offset=0):
        self.operations += 1
        at = number * 4096 + offset
        for i in range(len(buffer)):
            self[at + i] &= buffer[i]

    def ioctl(self, what, argument):
        if what == 4:
            return BLOCKS
        if what == 5:
            return 4096
        if what == 6:
            self.operations += 1
            self[argument * 4096 : argument * 4096 + 4096] = b"\xff" * 4096
        return 0


class Board:
    """As boards/pico_w/board.py tells it."""

    ROOT = "/data"

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
if new:
    vfs.VfsLfs2.mkfs(flash, progsize=256)
vfs.mount(vfs.VfsLfs2(flash, progsize=256), Board.ROOT)


def install(slot):
    """Puts the image into a slot, in pieces, as an update comes."""
    name = "%s/slots/%s.img" % (Board.ROOT, slot)
    with open(told["image"], "rb") as f:
        data = f.read(4096)
        while data:
            with open(name, "ab") as out:
                out.write(data)
            data = f.read(4096)
    return name


if new:
    os.mkdir(Board.ROOT + "/slots")
    if told["before"] == "again":
        os.remove(install("a"))
    install("a")
    if told["before"] == "twice":
        install("b")
attached.attach(told["loader"], Board.ROOT)
Board.CODE_RAM = heap()
flash.operations = 0
moved = 0
gc.collect()
free = gc.mem_alloc()
from monitor import inplace  # noqa: E402

if told["move"]:
    moved = inplace.bring(Board())
else:
    import image_info  # noqa: F401

    with open(Board.ROOT + "/slots/a.img", "rb") as f:
        for name, _, _ in inplace.modules(f, inplace.lines_of(sys.path[0])):
            __import__(name)
inplace.forget()
del inplace
from monitor import app  # noqa: E402, F401

gc.collect()
heap_taken = gc.mem_alloc() - free
operations = flash.operations
with open(told["flash"], "wb") as f:
    f.write(flash)
# Whatever is not the running image's own goes, as it may at any time.
try:
    os.remove(Board.ROOT + "/slots/b.img")
except OSError:
    pass
try:
    with open(Board.ROOT + "/over", "wb") as f:
        while True:
            f.write(bytes(4096))
except OSError:
    pass

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
        }
    )
)
