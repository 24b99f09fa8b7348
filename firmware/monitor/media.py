"""Where the journal lies: blocks that are erased whole and then written page by page.

    media = BlockMedia(board.journal_device())   # flash: a block device with the extended protocol
    media = RamMedia(8)                          # a board without one: 32 KB until the power goes

    media.erase(block); media.program(block, page, image); media.read(block, offset, buffer)

`program` takes a whole page (256 bytes) of which bytes already written are given as 0xFF: NOR
flash then leaves them as they are (a program operation only clears bits), so a page may be
written in several goes. That holds for the serial flash of rp2 and esp32 boards, not for
microcontrollers whose internal flash has an error-correcting code (STM32WB55).
"""

import os

BLOCK = 4096
PAGE = 256
FENCE = b"HEARTLOG FENCE"  # what begins a block that was never erased (fence.py)
_IOCTL_COUNT = 4
_IOCTL_SIZE = 5
_IOCTL_ERASE = 6
_RAM_BLOCKS = 8
_RESERVE = 192 * 1024  # a second image, and the file system's own blocks


class Media:
    """What all have in common. `anonymous`: a block that was erased and not written is not found
    again by the next boot, which would have to erase another for it. `copies`: what is overwritten
    stays somewhere else for a while."""

    anonymous = copies = False

    def grow(self):
        """Takes more of the room meant for the journal; False when there is nothing to do."""
        return False

    def held(self, block):
        """Whether anything can lie in the block at all."""
        return True

    def usable(self, block):
        """Whether the block may be erased and written now."""
        return True


class RamMedia(Media):
    """A journal in RAM: the same ring, forgotten at power off."""

    lasting = False

    def __init__(self, blocks):
        self.blocks = blocks
        self._data = bytearray(blocks * BLOCK)

    def read(self, block, offset, buffer):
        at = block * BLOCK + offset
        data = self._data
        for i in range(len(buffer)):
            buffer[i] = data[at + i]

    def program(self, block, page, image):
        at = block * BLOCK + page * PAGE
        data = self._data
        for i in range(PAGE):
            data[at + i] &= image[i]

    def erase(self, block):
        at = block * BLOCK
        data = self._data
        for i in range(at, at + BLOCK):
            data[i] = 0xFF


class BlockMedia(Media):
    """A block device with the extended protocol (readblocks and writeblocks with an offset).

    Device blocks may be smaller or larger than 4096 bytes as long as one divides the other;
    larger ones count as one journal block each of which the first 4096 bytes are used.
    """

    lasting = True

    def __init__(self, device):
        self._device = device
        size = device.ioctl(_IOCTL_SIZE, 0)
        count = device.ioctl(_IOCTL_COUNT, 0)
        self._per = BLOCK // size if size < BLOCK else 1
        self._size = size if size < BLOCK else BLOCK
        self.blocks = count // self._per

    def read(self, block, offset, buffer):
        at = block * self._per + offset // self._size
        self._device.readblocks(at, buffer, offset % self._size)

    def program(self, block, page, image):
        offset = page * PAGE
        at = block * self._per + offset // self._size
        self._device.writeblocks(at, image, offset % self._size)

    def erase(self, block):
        for i in range(self._per):
            self._device.ioctl(_IOCTL_ERASE, block * self._per + i)


class PartMedia(Media):
    """Some neighbouring blocks of other media."""

    def __init__(self, media, first, blocks):
        self._media = media
        self._first = first
        self.blocks = blocks
        self.lasting = media.lasting
        self.anonymous = media.anonymous
        self.copies = media.copies

    def held(self, block):
        return self._media.held(self._first + block)

    def usable(self, block):
        return self._media.usable(self._first + block)

    def read(self, block, offset, buffer):
        self._media.read(self._first + block, offset, buffer)

    def program(self, block, page, image):
        self._media.program(self._first + block, page, image)

    def erase(self, block):
        self._media.erase(self._first + block)


def open_media(board):
    """The best place that the board has: (media, what went wrong or None).

    `board.journal_device()` is a folder or a block device; `board.flash_device()` the block
    device under the folder's file system, None where it can't be programmed in several goes;
    `board.JOURNAL_KIB` what the journal may take of the file system (without it, all that there
    is) while `board.JOURNAL_RESERVE` bytes stay free.
    """
    from .fence import FenceMedia, FolderMedia, counted
    from .slots import Slots

    try:
        place = board.journal_device()
        if not isinstance(place, str):
            return BlockMedia(place), None
        room = counted(place)
        if not room:  # littlefs goes through all of its lists to tell what is free: once only
            room = _room(place, getattr(board, "JOURNAL_RESERVE", _RESERVE))
            room = min(room, getattr(board, "JOURNAL_KIB", 1 << 20) * 1024 // BLOCK)
        device = getattr(board, "flash_device", _nothing)()
        if device is None:
            return FolderMedia(place, room), None
        media = FenceMedia(place, device, room)
        if lent(board) and Slots(getattr(board, "ROOT", "/")).receiving():
            media.close()  # that image has what the journal lent for it
        return media, None
    except (OSError, ValueError) as error:
        return RamMedia(_RAM_BLOCKS), error


def lent(board):
    """Whether the room of a second image is the journal's but during an update (lending.py)."""
    return getattr(board, "SECOND_SLOT_LENT", False)


def _nothing():
    return None


def _room(folder, reserve):
    """Blocks that the journal may take of the file system, at its first boot."""
    top = folder[: folder.rfind("/")] or "/"
    stat = os.statvfs(top)
    # littlefs counts a block that two trees use twice: a full one has "less than nothing" free
    free = stat[3] if stat[3] <= stat[2] else 0
    blocks = (stat[0] * free - reserve) // BLOCK
    return blocks - blocks // 20  # folders: two blocks for each 48 fences
