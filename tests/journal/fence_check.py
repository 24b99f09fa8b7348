# ruff: noqa: E402, UP031, I001, B007, B018, RUF100, SIM105, E501, PT018, B023
# Runs in MicroPython: fences in a real littlefs, made with the power going at any operation, and
# then written behind the file system's back while the file system is used.
import os
import sys

sys.path[:0] = [sys.argv[1], sys.argv[2], sys.argv[0].rsplit("/", 1)[0]]

import vfs
from flash import PowerCut, RamNor
from models.flash import FlashDevice
from monitor.fence import FenceMedia
from monitor.journal import Journal
from monitor.media import PartMedia, open_media
from reading import kept

SIZE = 60 * 4096
WANTED = 30


class Board:
    JOURNAL_RESERVE = 80 * 1024

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


def grown(media):
    """All fences are there."""
    while media.grow():
        pass
    return media


def survives(cut):
    """Makes fences with the power going at operation `cut`; False when it came to its end."""
    nor = RamNor(SIZE, cut + 1)
    mounted(nor)
    with open("/f/main.py", "w") as file:
        file.write("firmware " * 700)
    nor.cut_after(cut)
    try:
        grown(FenceMedia("/f/journal", FlashDevice(nor, 0, nor.size), WANTED))
        ended = not nor.dead
    except (PowerCut, OSError):  # closing a file on a chip without power: no space left
        ended = False
        assert nor.dead
    nor.dead = True
    nor = nor.copy()
    device = mounted(nor)
    media = grown(FenceMedia("/f/journal", device, WANTED))
    assert media.blocks == WANTED
    assert len(set(media._place)) == WANTED
    for i in range(WANTED):
        media.erase(i)
        media.program(i, 3, bytes([i]) * 256)
    device = mounted(nor)
    with open("/f/main.py") as file:
        assert file.read() == "firmware " * 700
    for i in range(WANTED):
        with open("/f/journal/00/%03d" % i, "rb") as file:
            data = file.read()
        assert data[768:1024] == bytes([i]) * 256
        assert data[:768] == b"\xff" * 768
    return not ended


cuts = 0
cut = 1
while survives(cut):
    cuts += 1
    cut += int(sys.argv[3])

# A journal lives in the fences while files come and go beside it.
nor = RamNor(SIZE, 5)
device = mounted(nor)
for turn in range(6):
    media, problem = open_media(Board(device))
    assert problem is None, problem
    journal = Journal(PartMedia(media, 2, media.blocks - 2), lambda: 77)
    journal.mount()
    first = journal.next_seq
    for i in range(2500):
        journal.acknowledge(journal.next_seq - 1)
        journal.append(20, b"record %05d" % journal.next_seq, 12)
        if i % 60 == 0:
            with open("/f/file%d" % (i // 60 % 5), "w") as file:
                file.write("x" * (i * 5 % 9000))
            journal.flush()
    journal.flush()
    seen = 0
    for seq, (kind, body) in kept(journal, journal.page_of(first)).items():
        if kind == 20:
            assert body == b"record %05d" % seq, (seq, body)
            seen += 1
    assert seen >= 2500, seen
    device = mounted(nor)
    for i in range(5):
        with open("/f/file%d" % i) as file:
            assert set(file.read()) <= {"x"}
os.remove("/f/journal/00/004")  # somebody tidied up: the fence comes back, the others keep theirs
media, problem = open_media(Board(mounted(nor)))
assert problem is None
assert media.made == 0
grown(media)
assert media.made == 1
journal = Journal(PartMedia(media, 2, media.blocks - 2), lambda: 99)
journal.mount()
assert journal.journal == 77
assert journal.next_seq > 15000
for name in os.listdir("/f/journal/00"):
    os.remove("/f/journal/00/" + name)
os.rmdir("/f/journal/00")
os.remove("/f/journal/count")
for i in range(100):
    try:
        with open("/f/full%d" % i, "w") as file:
            file.write("y" * 4096)
    except OSError:
        break
media, problem = open_media(Board(mounted(nor)))  # no room at all: on in RAM, and it is said
assert problem is not None
assert not media.lasting
assert not nor.complaints, nor.complaints
print(cuts, max(nor.wear))
