"""MicroPython side of the update tests: a littlefs on the flash model, mounted at /data.

Runs in the unix port with the image folder and the flash model's folder in sys.path.
"""

import hashlib
import json
import os
import sys

import vfs

ROOT = "/data"


def attach(nor, flash, kind=None):
    """Mount the chip's file system, as a boot does; formats it when it is new."""
    device = (kind or flash.FlashDevice)(nor, 0, nor.size)
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


def whole(slot, digests):
    """Whether a slot's image is one of those that were ever meant to be there."""
    try:
        with open(ROOT + "/slots/" + slot + ".img", "rb") as f:
            return "".join("%02x" % c for c in hashlib.sha256(f.read()).digest()) in digests
    except OSError:
        return False


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


def install(image):
    """Put an image file into slot a, as the flasher does over USB."""
    with open(image, "rb") as f:
        write_file(ROOT + "/slots/a.img", f.read())
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
