"""The loader and a journal without raw blocks on a FAT, as an Arduino or a Nucleo formats flash.

Argument JSON: flash, flash_size, loader, image (a whole image file). Prints what was found.
"""

import json
import sys

import flash
import flashed
import vfs
from monitor import slots
from monitor.journal import Journal
from monitor.media import open_media

ROOT = flashed.ROOT
told = flashed.arguments()
nor = flash.Nor(told["flash"], told["flash_size"])


class Sectors:
    """512-byte sectors over the chip, as ports offer a FAT: each write erases a whole block."""

    def readblocks(self, number, buf):
        nor.read(512 * number, buf)

    def writeblocks(self, number, buf):
        block = bytearray(4096)
        at = 512 * number
        while buf:
            base = at // 4096 * 4096
            nor.read(base, block)
            n = min(len(buf), base + 4096 - at)
            block[at - base : at - base + n] = buf[:n]
            nor.erase(base)
            nor.program(base, block)
            buf = buf[n:]
            at += n

    def ioctl(self, op, _):
        if op == 4:
            return nor.size // 512
        if op == 5:
            return 512
        return 0


def mount(new=False):
    try:
        vfs.umount(ROOT)
    except OSError:
        pass
    device = Sectors()
    if new:
        vfs.VfsFat.mkfs(device)
    vfs.mount(vfs.VfsFat(device), ROOT)


class Board:
    JOURNAL_KIB = 40
    JOURNAL_RESERVE = 16384

    def journal_device(self):
        return ROOT + "/journal"

    def flash_device(self):
        return None  # no raw blocks within a FAT


def journal():
    media, problem = open_media(Board())
    assert problem is None, problem
    made = Journal(media, lambda: 77)
    made.mount()
    return media.blocks, made


mount(new=True)
with open(told["image"], "rb") as f:
    data = f.read()
for slot in slots.BOTH:
    flashed.write_file(ROOT + "/slots/" + slot + ".img", data)
flashed.write_file(ROOT + "/slots/state", b"a b 0 -\n")  # b is on trial
loader = flashed.load_loader(told["loader"])
said = {"starts": [loader["choose"]()[0] for _ in range(5)], "state": slots.Slots(ROOT).read()}
sys.path[:] = [p for p in sys.path if "image" not in p]
loader["attach"]("a")
import image_info  # noqa: E402

said["version"] = image_info.VERSION
blocks, first = journal()
for i in range(300):
    first.append(20, b"record %05d" % i, 12)
first.flush()
mount()
again, second = journal()
said["blocks"] = [blocks, again]
said["seqs"] = [first.next_seq, second.next_seq]
said["complaints"] = nor.complaints
print(json.dumps(said))
