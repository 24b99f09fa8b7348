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
"""

import os

from .media import BLOCK, PAGE, BlockMedia

_MARK = b"HEARTLOG FENCE 1"
_HEAD = 32
_LEAST = 8
_FF = b"\xff" * 256


class FenceMedia(BlockMedia):
    """`blocks` wanted when the folder is made; afterwards as many as it was made with."""

    def __init__(self, folder, device, blocks):
        super().__init__(device)
        if self._size != BLOCK or self._per != 1:
            raise ValueError("the file system's blocks must have 4096 bytes")
        chip = self.blocks
        self._folder = folder
        self.blocks = self._count(blocks)
        self.made = 0  # fences that had to be made at this boot
        heads = self._chip_heads(chip)
        self._place = [self._find(i, heads) for i in range(self.blocks)]
        missing = [i for i in range(self.blocks) if self._place[i] < 0]
        if missing:
            for i in missing:
                self._make(i)
            heads = self._chip_heads(chip)
            for i in missing:
                self._place[i] = self._find(i, heads)
                if self._place[i] < 0:
                    raise OSError("fence %d of %s is on no block of the flash" % (i, folder))
            self.made = len(missing)

    def _name(self, i):
        return "%s/%03d" % (self._folder, i)

    def _count(self, wanted):
        """The number of fences, decided once and kept in a file."""
        name = self._folder + "/count"
        try:
            with open(name) as file:
                return int(file.read())
        except (OSError, ValueError):
            pass
        if wanted < _LEAST:
            raise OSError("there is no room for the journal in %s" % self._folder)
        try:
            os.mkdir(self._folder)
        except OSError:
            pass
        with open(name, "w") as file:
            file.write(str(wanted))
        return wanted

    def _chip_heads(self, chip):
        """First bytes of each block of the chip -> its number, -1 where two begin alike."""
        heads = {}
        head = bytearray(_HEAD)
        for block in range(chip):
            self._device.readblocks(block, head, 0)
            key = bytes(head)
            heads[key] = -1 if key in heads else block
        return heads

    def _find(self, i, heads):
        try:
            name = self._name(i)
            if os.stat(name)[6] != BLOCK:
                return -1
            with open(name, "rb") as file:
                head = file.read(_HEAD)
        except OSError:
            return -1
        return -1 if head == _FF[:_HEAD] else heads.get(head, -1)

    def _make(self, i):
        name = self._name(i)
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
        self.blocks = blocks
        try:
            os.mkdir(folder)
        except OSError:
            pass

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
