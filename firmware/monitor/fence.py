"""Raw flash blocks from within a littlefs: small files hold the place, the journal writes inside.

    media = FenceMedia("/journal", board.flash_device(), blocks)

A file of 4096 bytes is exactly one block of a littlefs with 4096-byte blocks, without any pointer
in it (only a file's later blocks carry those), and littlefs leaves the data blocks of a file that
nobody writes where they are. So the journal makes one such file for each of its blocks, finds out
which block of the chip it got, and from then on erases and programs that block itself. Appending
through the file system would copy and erase a block at every flush: 8,600 erases a day of 45 ms
each instead of about 40.

Which block is whose is found anew at every boot, from littlefs's own lists (places.py). Before a
block is first written after a boot, its file is opened and must begin as the block does: a block
is only ever written when the file system itself has just shown it to be ours. If the lists can't
be read, or the first fences are not where they say, each file is opened at once, and the one block
of the chip that begins with the same 32 bytes is taken. A file whose place is not certain (it is
blank, or a power cut left it half made) is made again; there was nothing in it.

A first boot does not wait for its fences (60 ms each): a block gets its own when it is needed, or
by `grow`, while electrodes are off or the battery is charged. The room of a fence can be had back
while a new image is written (`give`, lending.py), and none is made from `close` to `reopen`.

Fences lie in folders of 48, since littlefs looks for a name through all of a folder: thousands in
one would take minutes to open.
"""

import binascii
import os
from array import array

from .media import BLOCK, FENCE, PAGE, BlockMedia, Media
from .places import places

_MARK = FENCE + b" 1"
_HEAD = 32
_LEAST = 8
_NOW = 4  # fences that a boot makes itself: the settings', the records' first
_FF = b"\xff" * 256
_TOGETHER = 48  # fences of a folder: two blocks of a littlefs hold their names


def counted(folder):
    """How many blocks a folder has: decided once, and kept in a file of it. 0: not yet."""
    try:
        with open(folder + "/count") as file:
            return max(0, int(file.read()))
    except (OSError, ValueError):
        return 0


def _count(folder, wanted):
    count = counted(folder)
    if count > 0:
        return count
    if wanted < _LEAST:
        raise OSError("there is no room for the journal in %s" % folder)
    try:
        os.mkdir(folder)
    except OSError:
        pass
    with open(folder + "/count", "w") as file:
        file.write(str(wanted))
    return wanted


class FenceMedia(BlockMedia):
    """`blocks` wanted when the folder is made; afterwards as many as it was made with. A block
    without a fence reads as empty and gets one when it is first erased, or by `grow`. OSError
    when there is no room for the first."""

    anonymous = True

    def __init__(self, folder, device, blocks):
        super().__init__(device)
        if self._size != BLOCK or self._per != 1:
            raise ValueError("the file system's blocks must have 4096 bytes")
        self._chip = self.blocks
        self._folder = folder
        self._head = bytearray(_HEAD)
        self.blocks = _count(folder, blocks)
        self.made = 0  # fences that were made since boot
        self._last = 0  # block of the chip that was made one last
        self._place = array("h", b"\xff" * (2 * self.blocks))  # -1: no fence yet
        self._shown = bytearray(self.blocks + 7 >> 3)  # a bit: by the file system, since boot
        if not self._listed():
            index = self._index()
            for i in range(self.blocks):
                self._place[i] = self._find(i, index)
                self._note_shown(i, self._place[i] >= 0)
        self.reopen()
        have = sum(1 for place in self._place if place >= 0)
        for i in range(_NOW):
            if self._place[i] < 0:
                try:
                    self._fence(i)
                except OSError:
                    if have < _LEAST:
                        raise  # a full file system: better to say so, and to go on in RAM

    def grow(self):
        """Makes a fence that is missing, the last first (those before are used sooner, and by
        then are made). False when there is nothing left to do."""
        while self._missing >= 0 and not self.closed:
            i = self._missing
            self._missing -= 1
            if self._place[i] < 0:
                try:
                    self._fence(i)
                except OSError:  # no room: without it, until it is needed
                    pass
                return True
        return False

    def held(self, block):
        return self._place[block] >= 0

    def usable(self, block):
        return self._place[block] >= 0 or not self.closed

    def close(self):
        """No fence is made until `reopen`: the room is wanted for something else, also that of
        fences which a power cut has left half made, or blank."""
        self.closed = True
        for i in range(self.blocks):
            if self._place[i] < 0:
                try:
                    os.remove(self._name(i))
                except OSError:
                    pass

    def reopen(self):
        """Fences may be made again."""
        self.closed = False
        self._missing = self.blocks - 1  # no fence is missing behind this one

    def give(self, block):
        """A block's room goes back to the file system; what was in it is erased."""
        if self._show(block):
            self._device.ioctl(6, self._place[block])
        self._place[block] = -1
        os.remove(self._name(block))

    def _fence(self, i):
        """Makes fence `i` and finds the block of the chip that it got."""
        if self.closed:
            raise OSError("the journal's room is lent")
        self._make(i)
        with open(self._name(i), "rb") as file:
            head = file.read(_HEAD)
        # No other block begins with what was drawn just now; littlefs takes one after the other.
        for _ in range(self._chip):
            self._last = (self._last + 1) % self._chip
            self._device.readblocks(self._last, self._head, 0)
            if self._head == head:
                break
        else:
            raise OSError("fence %d of %s is on no block of the flash" % (i, self._folder))
        self._place[i] = self._last
        self._note_shown(i, True)
        self.made += 1

    def _name(self, i):
        return "%s/%02d/%03d" % (self._folder, i // _TOGETHER, i)

    def _listed(self):
        """Takes the places from the file system's lists; False: it must be asked for each."""
        place = self._place
        try:
            for folder, file, block in places(self._device, self._folder.split("/")[-1]):
                i = int(file) if file.isdigit() else self.blocks
                if i < self.blocks and int(folder) == i // _TOGETHER:
                    place[i] = block
        except (ValueError, MemoryError):  # another littlefs, or damage; or no RAM for a list
            return False
        for i in range(self.blocks):
            if place[i] >= 0:
                self._device.readblocks(place[i], self._head, 0)
                if self._head == _FF[:_HEAD]:
                    place[i] = -1
        return all(place[i] < 0 or self._show(i) for i in range(_NOW))

    def _show(self, i):
        """Whether the file system shows the block to be the fence's: both begin alike."""
        if not self._shown[i >> 3] & 1 << (i & 7):
            head = self._open(i)
            if head is None:
                return False
            self._device.readblocks(self._place[i], self._head, 0)
            self._note_shown(i, self._head == head)
        return bool(self._shown[i >> 3] & 1 << (i & 7))

    def _note_shown(self, i, shown):
        if shown:
            self._shown[i >> 3] |= 1 << (i & 7)

    def _open(self, i):
        """The head of fence `i` as the file system has it; None: it is not there, half made, or
        blank."""
        try:
            with open(self._name(i), "rb") as file:
                head = file.read(_HEAD)
                if file.seek(0, 2) == BLOCK and head != _FF[:_HEAD]:
                    return head
        except OSError:
            pass
        return None

    def _index(self):
        """Four bytes for each block of the chip, by which its head is found again."""
        index = bytearray(4 * self._chip)
        for block in range(self._chip):
            self._device.readblocks(block, self._head, 0)
            index[4 * block : 4 * block + 4] = binascii.crc32(self._head).to_bytes(4, "little")
        return bytes(index)

    def _find(self, i, index):
        """The block of the chip that fence `i` got; -1 if it isn't there or can't be told."""
        head = self._open(i)
        if head is None:
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
        if self._place[block] >= 0:
            self._device.readblocks(self._place[block], buffer, offset)
            return
        for i in range(len(buffer)):
            buffer[i] = 0xFF

    def program(self, block, page, image):
        if self._place[block] < 0:
            raise OSError("block %d of %s was never erased" % (block, self._folder))
        if not self._show(block):
            raise OSError("block %d of %s is not where it was" % (block, self._folder))
        self._device.writeblocks(self._place[block], image, page * PAGE)

    def erase(self, block):
        if self._place[block] < 0 or not self._show(block):
            self._fence(block)
        self._device.ioctl(6, self._place[block])


class FolderMedia(Media):
    """The same files through the file system: for flash that may be programmed only once.

    Each write copies a block; such a board flushes its journal at the same pace all the same.
    """

    lasting = copies = True

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
