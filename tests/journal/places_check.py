# ruff: noqa: E402, UP031, I001, C404, B007, B018, RUF100, SIM105, E501, PT018, B023
# Runs in MicroPython: where littlefs keeps files, read from its lists, against littlefs itself: on
# a file system that changes, that loses power, and whose lists are damaged.
import os
import sys

sys.path[:0] = [sys.argv[1], sys.argv[2], sys.argv[0].rsplit("/", 1)[0]]

import vfs
from flash import SECTOR, PowerCut, RamNor
from models.flash import FlashDevice
from monitor import fence
from monitor.places import places

SIZE = 120 * SECTOR
state = int(sys.argv[3])


def rand(n):
    global state
    state = state * 1103515245 + 12345 & 0x7FFFFFFF
    return (state >> 8) % n


def mounted(nor, where, fresh=False):
    device = FlashDevice(nor, 0, nor.size)
    try:
        vfs.umount(where)
    except OSError:
        pass
    if fresh:
        vfs.VfsLfs2.mkfs(device, progsize=256)
    vfs.mount(vfs.VfsLfs2(device, progsize=256), where)
    return device


def by_littlefs(nor, where):
    """{"folder/file": block} of files of one block, as the file system shows them: each begins
    with bytes that no other has. None where it can't read its own lists."""
    found = {}
    heads = {}
    for block in range(nor.size // SECTOR):
        heads[bytes(nor.data[block * SECTOR : block * SECTOR + 32])] = block
    try:
        for entry in os.ilistdir(where + "/journal"):
            if entry[1] != 0x4000:
                continue
            for name, _, _, size in os.ilistdir(where + "/journal/" + entry[0]):
                if size != SECTOR:
                    continue
                with open(where + "/journal/" + entry[0] + "/" + name, "rb") as file:
                    head = file.read(32)
                    if file.seek(0, 2) == SECTOR:
                        found[entry[0] + "/" + name] = heads.get(head, -1)
    except OSError as error:
        if error.errno != 2:  # no such folder
            return None
    return found


def by_lists(device):
    try:
        return dict(
            [(a.decode() + "/" + b.decode(), block) for a, b, block in places(device, "journal")]
        )
    except ValueError:
        return None


def change(where):
    """Something happens in the file system."""
    folder = where + "/journal/%02d" % rand(3)
    name = folder + "/%03d" % rand(24)
    what = rand(12)
    try:
        if what < 7:
            size = SECTOR if rand(5) else 20 + rand(9000)
            with open(name, "wb") as file:
                file.write(os.urandom(32))
                for _ in range(size - 32):
                    file.write(b"x")
        elif what < 9:
            os.remove(name)
        elif what < 10:
            os.rename(name, folder + "/%03d" % rand(24))
        elif what < 11:
            with open(where + "/file%d" % rand(9), "w") as file:
                file.write("y" * rand(6000))
        else:
            os.mkdir(folder)
    except OSError:
        pass


nor = RamNor(SIZE, 1)
device = mounted(nor, "/f", True)
assert by_lists(device) == {}
os.mkdir("/f/journal")
for i in range(3):
    os.mkdir("/f/journal/%02d" % i)
compared = cuts = damaged = refused = 0
for turn in range(int(sys.argv[4])):
    change("/f")
    if turn % 5 == 0:
        want = by_littlefs(nor, "/f")
        assert by_lists(device) == want, turn
        compared += len(want)
    if turn % 7 == 0:  # the power goes
        nor.cut_after(1 + rand(12))
        try:
            for _ in range(4):
                change("/f")
        except PowerCut:
            pass
        nor.dead = True
        nor = nor.copy()
        device = mounted(nor, "/f")
        assert by_lists(device) == by_littlefs(nor, "/f"), turn
        cuts += 1
    if turn % 10 == 0:  # a list is damaged: as littlefs sees it, or not at all
        hurt = nor.copy()
        lists = [
            block
            for block in range(SIZE // SECTOR)
            if hurt.data[block * SECTOR + 8 : block * SECTOR + 11]
            in (b"000", b"001", b"002", b"003")
            or block < 2
        ]
        block = lists[rand(len(lists))]
        for _ in range(1 + rand(4)):
            hurt.data[block * SECTOR + rand(600)] ^= 1 << rand(8)
        found = by_lists(FlashDevice(hurt, 0, hurt.size))
        try:
            mounted(hurt, "/g")
            want = by_littlefs(hurt, "/g")
            vfs.umount("/g")
        except OSError:
            want = None
        damaged += 1
        if found is None or want is None:
            refused += 1
        else:
            # A list that went back may name a block whose bytes littlefs has copied since.
            assert set(found) == set(want), (turn, block)
            for name in found:
                at, shown = found[name] * SECTOR, want[name] * SECTOR
                assert hurt.data[at : at + 32] == hurt.data[shown : shown + 32], (turn, name)


# A list that lies costs no file a byte, and hides no block.
def honest(device, folder):
    return places(device, folder)


nor = RamNor(SIZE, 9)
device = mounted(nor, "/f", True)
with open("/f/main.py", "w") as file:
    file.write("firmware " * 3000)
media = fence.FenceMedia("/f/journal", device, 40)
while media.grow():
    pass
truth = list(media._place)
for lie in (lambda i, block: (block + 1) % 120, lambda i, block: block if i < 4 else 3 + i):
    for i in range(40):
        media.erase(i)
        media.program(i, 0, bytes([i] * 256))
    fence.places = lambda device, folder: [
        (a, b, lie(int(b), block)) for a, b, block in honest(device, folder)
    ]
    again = fence.FenceMedia("/f/journal", FlashDevice(nor, 0, nor.size), 40)
    for i in range(40):
        if again._place[i] != truth[i]:
            try:
                again.program(i, 1, bytes(256))
                raise AssertionError("a block was written that the file system had not shown")
            except OSError:
                again.erase(i)
                again.program(i, 0, bytes([i] * 256))
        again.program(i, 1, bytes([i] * 256))
    fence.places = honest
    device = mounted(nor, "/f")
    with open("/f/main.py") as file:
        assert file.read() == "firmware " * 3000
    media = fence.FenceMedia("/f/journal", device, 40)
    truth = list(media._place)
    page = bytearray(256)
    for i in range(40):
        media.read(i, 256, page)
        assert page == bytes([i] * 256), i
assert not nor.complaints, nor.complaints
print(compared, cuts, damaged, refused)
