"""Where a littlefs keeps its small files: read from its own lists, each of them once.

    for folder, file, block in places(device, "journal"):    # b"00", b"003", 517
        ...

To open one file littlefs reads the list of every folder on the way, most of it several times: 14
to 18 KiB, at each boot, for each of a thousand fences. Here it is 4 KiB for the 48 of a folder.
Only what the file system has sealed with its checksum counts. Whatever is not as expected is a
ValueError: then the caller asks the file system itself.

The format is littlefs's SPEC.md, version 2 of the disk's. A list is a pair of blocks, written in
turn: the one of the later revision holds, unless nothing in it is whole.

  u32 revision | commits; a commit: tags with their data, the last of them a checksum
  tag   u32 big-endian, each XORed with the one before: u1 invalid | u11 type | u10 id | u10 size

Tags are taken apart in halves of 16 bits: whole ones would be objects on the heap.
"""

from binascii import crc32
from struct import unpack_from

from .media import BLOCK

_MOST = 256  # lists of one folder: more would be a circle
_VERSION = 2
_FOLDER, _FILE, _SUPERBLOCK = 0x002, 0x001, 0x0FF  # types of names,
_DIR, _INLINE, _CTZ = 0x200, 0x201, 0x202  # and of what they stand for
_CREATE, _DELETE, _TAIL, _HARD_TAIL = 0x401, 0x4FF, 0x600, 0x601
_CHECKSUM, _CHECKSUM_2 = 0x500, 0x501  # the second: the next tag's highest bit is turned


class _List:
    """One list. `entries`: of each id what its name is, where in `page` that is and how long, what
    it stands for, and where that is. `tail`: the pair where the folder goes on, or None."""

    def __init__(self, device):
        self.blocks = device.ioctl(4, 0)
        self.page = bytearray(BLOCK)
        self.entries = []
        self.tail = None
        self._device = device
        self._four = bytearray(4)

    def read(self, pair):
        """Takes the list in two blocks."""
        first, second = pair
        if first >= self.blocks or second >= self.blocks:
            raise ValueError("a list is outside the flash")
        if self._revision(second) - self._revision(first) & 0xFFFFFFFF < 0x80000000:
            first, second = second, first
        if not self._parse(first) and not self._parse(second):
            raise ValueError("no list in blocks %d and %d" % pair)

    def _revision(self, block):
        self._device.readblocks(block, self._four, 0)
        return unpack_from("<I", self._four)[0]

    def _parse(self, block):
        """Takes what of a block is whole; False: nothing."""
        self._device.readblocks(block, self.page, 0)
        end = self._commits(BLOCK)
        if end < 0:  # a commit that is not whole has left its mark
            end = self._commits(-end)
        return end > 4

    def _commits(self, stop):
        """Takes commits up to `stop`. The end of the last whole one; negative: parts of another
        were taken, too."""
        page = self.page
        self.entries, self.tail = [], None
        high, low = 0xFFFF, 0xFFFF
        begin, at, whole = 0, 4, 4
        taken = False
        while at + 4 <= stop:
            upper, lower = unpack_from(">HH", page, at)
            high ^= upper
            low ^= lower
            kind, size = high >> 4 & 0x7FF, low & 0x3FF
            at += 4
            after = at if size == 0x3FF else at + size
            if high & 0x8000 or after > stop:
                break
            if kind == _CHECKSUM or kind == _CHECKSUM_2:
                crc = crc32(memoryview(page)[begin:at]) ^ 0xFFFFFFFF
                if size < 4 or unpack_from("<I", page, at)[0] != crc:
                    break
                begin = whole = after
                taken = False
                if kind == _CHECKSUM_2:
                    high ^= 0x8000
            elif kind < 0x300 or kind & 0x700 in (0x400, 0x600):
                self._take(kind, (high & 15) << 6 | low >> 10, at, size)
                taken = True
            at = after
        return -whole if taken else whole

    def _take(self, kind, number, at, size):
        entries = self.entries
        if kind < 0x100:  # a name
            while number >= len(entries):  # a list that was compacted has them in any order
                entries.append([0, 0, 0, 0, 0])
            entries[number][:3] = kind, at, size
        elif kind & 0x700 == 0x200 and number < len(entries):
            entries[number][3:] = (kind if size >= 8 else 0), at
        elif kind == _CREATE and number <= len(entries):  # what comes behind moves
            entries.insert(number, [0, 0, 0, 0, 0])
        elif kind == _DELETE and number < len(entries):
            entries.pop(number)
        elif kind in (_TAIL, _HARD_TAIL) and size == 8:
            self.tail = unpack_from("<II", self.page, at) if kind == _HARD_TAIL else None
        else:
            raise ValueError("a list with an unknown entry, 0x%x" % kind)


def _folder(its, pair):
    """(type of name, name, type, two u32) of a folder's entries that have so much."""
    for _ in range(_MOST):
        its.read(pair)
        for what, at, size, kind, where in its.entries:
            if what and kind:
                yield (
                    what,
                    bytes(its.page[at : at + size]),
                    kind,
                    unpack_from("<II", its.page, where),
                )
        if its.tail is None:
            return
        pair = its.tail
    raise ValueError("a folder without an end")


def _find(its, wanted):
    """The pair with the list of a folder at the top; None: there is none."""
    known, found = False, None
    for what, name, kind, pair in _folder(its, (0, 1)):
        if what == _SUPERBLOCK and kind == _INLINE:
            known = name == b"littlefs" and pair[0] >> 16 == _VERSION and pair[1] == BLOCK
        elif what == _FOLDER and kind == _DIR and name == wanted:
            found = pair
    if not known:
        raise ValueError("no littlefs of version %d with blocks of %d" % (_VERSION, BLOCK))
    return found


def places(device, folder):
    """(folder, file, block) of every file of exactly one block in the folders of `folder`, which
    lies at the top of the file system on the device. ValueError: not a littlefs that is known."""
    its = _List(device)
    pair = _find(its, folder.encode())
    if pair is None:
        return
    inner = [(n, p) for what, n, kind, p in _folder(its, pair) if what == _FOLDER and kind == _DIR]
    for name, pair in inner:
        for what, file, kind, (block, size) in _folder(its, pair):
            if what == _FILE and kind == _CTZ and size == BLOCK and block < its.blocks:
                yield name, file, block


def head_of(device, folder, name):
    """(last block, bytes) of a file of more than one block in a folder that lies at the top of the
    file system on the device; ValueError: not there, or not a littlefs that is known."""
    its = _List(device)
    pair = _find(its, folder.encode())
    if pair is not None:
        name = name.encode()
        for what, file, kind, where in _folder(its, pair):
            if what == _FILE and kind == _CTZ and file == name:
                return where
    raise ValueError("no file %s in %s" % (name, folder))
