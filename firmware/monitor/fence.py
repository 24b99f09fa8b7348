"""Raw flash blocks from within a littlefs: small files hold the place, the journal writes inside.

    media = FenceMedia("/journal", board.flash_device(), blocks)

A file of 4096 bytes is exactly one block of a littlefs with 4096-byte blocks, without any pointer
in it (only a file's later blocks carry those), and littlefs leaves the data blocks of a file that
nobody writes where they are. So the journal makes one such file for each of its blocks, finds out
which block of the chip it got, and from then on erases and programs that block itself. Appending
through the file system would copy and erase a block at every flush: 8,600 erases a day of 45 ms
each instead of about 40.

Which block is whose is found anew at every boot: the first 32 bytes are read through the file
system, and the one block of the chip that begins with the same bytes is taken. A file whose place
is not certain (it is blank, or a power cut left it half made) is made again; there was nothing in
it. So a block is only ever written when the file system itself has just shown it to be ours.

Fences lie in folders of 48, since littlefs looks for a name through all of a folder: thousands in
one would take minutes to open. Of each block of the chip a boot keeps four bytes, not the head.
"""

import binascii
import os

from .media import BLOCK, PAGE, BlockMedia

_MARK = b"HEARTLOG FENCE 1"
_HEAD = 32
_LEAST = 8
_FF = b"\xff" * 256
_TOGETHER = 48  # fences of a folder: two blocks of a littlefs hold their names


def _count(folder, wanted):
    """How many blocks a folder has: decided once, and kept in a file of it."""
    name = folder + "/count"
    try:
        with open(name) as file:
            return int(file.read())
    except (OSError, ValueError):
        pass
    if wanted < _LEAST:
        raise OSError("there is no room for the journal in %s" % folder)
    try:
        os.mkdir(folder)
    except OSError:
        pass
    with open(name, "w") as file:
        file.write(str(wanted))
    return wanted


class FenceMedia(BlockMedia):
    """`blocks` wanted when the folder is made; afterwards as many as it was made with."""

    def __init__(self, folder, device, blocks):
        super().__init__(device)
        if self._size != BLOCK or self._per != 1:
            raise ValueError("the file system's blocks must have 4096 bytes")
        chip = self.blocks
        self._folder = folder
        self._head = bytearray(_HEAD)
        self.blocks = _count(folder, blocks)
        self.made = 0  # fences that had to be made at this boot
        index = self._index(chip)
        self._place = [self._find(i, index) for i in range(self.blocks)]
        missing = [i for i in range(self.blocks) if self._place[i] < 0]
        if missing:
            for i in missing:
                self._make(i)
            index = self._index(chip)
            for i in missing:
                self._place[i] = self._find(i, index)
                if self._place[i] < 0:
                    raise OSError("fence %d of %s is on no block of the flash" % (i, folder))
            self.made = len(missing)

    def _name(self, i):
        return "%s/%02d/%03d" % (self._folder, i // _TOGETHER, i)

    def _index(self, chip):
        """Four bytes for each block of the chip, by which its head is found again."""
        index = bytearray(4 * chip)
        for block in range(chip):
            self._device.readblocks(block, self._head, 0)
            index[4 * block : 4 * block + 4] = binascii.crc32(self._head).to_bytes(4, "little")
        return bytes(index)

    def _find(self, i, index):
        """The block of the chip that fence `i` got; -1 if it isn't there or can't be told."""
        try:
            with open(self._name(i), "rb") as file:
                head = file.read(_HEAD)
                if file.seek(0, 2) != BLOCK:
                    return -1
        except OSError:
            return -1
        if head == _FF[:_HEAD]:
            return -1
        found = -1
        key = binascii.crc32(head).to_bytes(4, "little")
        at = index.find(key)
        while at >= 0:
            if not at & 3:
                self._device.readblocks(at >> 2, self._head, 0)
                if self._head == head:
                    if found >= 0:
                        return -1  # two blocks begin alike
                    found = at >> 2
            at = index.find(key, at + 1)
        return found

    def _make(self, i):
        name = self._name(i)
        try:
            os.mkdir(name[: name.rfind("/")])
        except OSError:
            pass
        try:
            os.remove(name)
        except OSError:
            pass
        with open(name, "wb") as file:
            file.write(_MARK + os.urandom(_HEAD - len(_MARK)))
            file.write(_FF[: PAGE - _HEAD])
            for _ in range(BLOCK // PAGE - 1):
                file.write(_FF)

    def read(self, block, offset, buffer):
        self._device.readblocks(self._place[block], buffer, offset)

    def program(self, block, page, image):
        self._device.writeblocks(self._place[block], image, page * PAGE)

    def erase(self, block):
        self._device.ioctl(6, self._place[block])


class FolderMedia:
    """The same files through the file system: for flash that may be programmed only once.

    Each write copies a block; such a board flushes its journal at the same pace all the same.
    """

    lasting = True

    def __init__(self, folder, blocks):
        self._folder = folder
        self.blocks = _count(folder, blocks)

    def _name(self, block):
        return "%s/%03d" % (self._folder, block)

    def read(self, block, offset, buffer):
        got = 0
        try:
            with open(self._name(block), "rb") as file:
                file.seek(offset)
                got = file.readinto(buffer)
        except OSError:
            pass
        for i in range(got, len(buffer)):
            buffer[i] = 0xFF

    def program(self, block, page, image):
        with open(self._name(block), "r+b") as file:
            old = bytearray(PAGE)
            file.seek(page * PAGE)
            file.readinto(old)
            for i in range(PAGE):
                old[i] &= image[i]
            file.seek(page * PAGE)
            file.write(old)

    def erase(self, block):
        with open(self._name(block), "wb") as file:
            for _ in range(BLOCK // PAGE):
                file.write(_FF)
