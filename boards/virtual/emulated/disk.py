"""Writes a littlefs image: micropython disk.py OUT BLOCKS FOLDER.

Run in the unix port, whose littlefs is the boards' own: what it writes, a board mounts.
"""

import os
import sys

import vfs

BLOCK = 4096


class Memory:
    """A block device in RAM."""

    def __init__(self, blocks):
        self.data = bytearray(b"\xff" * (blocks * BLOCK))

    def readblocks(self, number, buffer, offset=0):
        at = number * BLOCK + offset
        buffer[:] = self.data[at : at + len(buffer)]

    def writeblocks(self, number, buffer, offset=0):
        at = number * BLOCK + offset
        self.data[at : at + len(buffer)] = buffer

    def ioctl(self, what, argument):
        if what == 4:
            return len(self.data) // BLOCK
        if what == 5:
            return BLOCK
        if what == 6:  # (a write programs what was erased, so nothing has to be kept)
            return 0


def copy(disk, folder, inside):
    """Copies a folder of this computer onto the disk."""
    for name in sorted(os.listdir(folder)):
        path = folder + "/" + name
        if os.stat(path)[0] & 0x4000:
            disk.mkdir(inside + name)
            copy(disk, path, inside + name + "/")
        else:
            with open(path, "rb") as source, disk.open(inside + name, "wb") as target:
                target.write(source.read())


out, blocks, folder = sys.argv[1:4]
memory = Memory(int(blocks))
# 256 bytes: a page of flash, as the rp2 port has it.
vfs.VfsLfs2.mkfs(memory, progsize=256)
copy(vfs.VfsLfs2(memory, progsize=256), folder, "/")
with open(out, "wb") as file:
    file.write(memory.data)
