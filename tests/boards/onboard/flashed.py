"""MicroPython side of the update tests: a littlefs on the flash model, mounted at /data.

Runs in the unix port with the image folder and the flash model's folder in sys.path.
"""

import hashlib
import json
import os
import sys

import vfs

ROOT = "/data"


def attach(nor, flash):
    """Mount the chip's file system, as a boot does; formats it when it is new."""
    device = flash.FlashDevice(nor, 0, nor.size)
    try:
        vfs.umount(ROOT)
    except OSError:
        pass
    try:
        fs = vfs.VfsLfs2(device, progsize=256)
    except OSError:
        vfs.VfsLfs2.mkfs(device, progsize=256)
        fs = vfs.VfsLfs2(device, progsize=256)
    vfs.mount(fs, ROOT)


def load_loader(path):
    """The loader's namespace, as a module would have it, for this test's ROOT."""
    space = {"__name__": "loader"}
    with open(path) as f:
        exec(f.read().replace('ROOT = "/"', 'ROOT = "%s"' % ROOT), space)
    return space


def whole(slot):
    """Whether every file of a slot is what its manifest says."""
    folder = ROOT + "/slots/" + slot
    try:
        with open(folder + "/manifest.json") as f:
            manifest = json.load(f)
        for entry in manifest["files"]:
            with open(folder + "/" + entry["path"], "rb") as f:
                if hashlib.sha256(f.read()).digest() != bytes.fromhex(entry["sha256"]):
                    return False
    except OSError:
        return False
    return True


def write_file(path, data):
    """Write a file whole, making its folder."""
    parts = path.split("/")
    for i in range(2, len(parts)):
        try:
            os.mkdir("/".join(parts[:i]))
        except OSError:
            pass
    with open(path, "wb") as f:
        f.write(data)


def install(update_tar, archive):
    """Unpack an archive into slot a, as the flasher does over USB."""
    with open(archive, "rb") as f:
        for name, size in update_tar.members(f):
            write_file(ROOT + "/slots/a/" + name, f.read(size))
    write_file(ROOT + "/slots/state", b"a - 0 -\n")


class Info:
    """What image_info says in an image."""

    def __init__(self, board, version):
        self.BOARD = board
        self.VERSION = version


def arguments():
    """The JSON object in the file that the test gave."""
    with open(sys.argv[1]) as f:
        return json.load(f)
