"""Takes a signed firmware image into the spare slot's place, checks it and puts it on trial.

    update = Update(board.ROOT, image_info)
    status, offset = update.begin(size, sha256, signature)     # offset: where to go on
    status, offset = update.write(offset, data)                # until offset == size
    update.finish()
    while update.step():                                       # a little work each time
        ...
    update.state, update.reason

What is received goes into one file, 4096 bytes at a time, so that a lost connection, a reset or a
power cut loses at most the last piece: `begin` with the same hash tells where to go on. Nothing of
it is looked at before its hash, as read back from flash, is right and the signature over it is
good. The file is the image (see `loader.py`): it becomes the slot's by a rename, and only then is
put on trial. Whatever is cut off by a loss of power is begun again or was already whole.

The signature is Ed25519 over b"heartlog-image" and the image's SHA-256, by the key whose public
half is in ROOT/slots/update.key (32 bytes, put there over USB). Without it nothing is taken.
"""

import hashlib
import os

from micropython import const
from monitor.slots import Slots

DOMAIN = b"heartlog-image"
MARK = b"HLI1"

# States.
IDLE = const(0)
RECEIVING = const(1)
CHECKING = const(2)
READY = const(4)
FAILED = const(5)

# What a request was answered with, and why an update failed.
OK = const(0)
NO_SLOTS = const(1)  # this board holds one image only, or was not set up for updates
NO_KEY = const(2)
BUSY = const(3)  # a session is recording, or the running image is on trial itself
NO_SPACE = const(4)
WRONG_STATE = const(5)
WRONG_OFFSET = const(6)
TOO_LONG = const(7)
INCOMPLETE = const(8)
BAD_HASH = const(9)
BAD_SIGNATURE = const(10)
BAD_IMAGE = const(11)
WRONG_BOARD = const(12)
OLDER = const(13)
FLASH_ERROR = const(14)
NOT_FETCHED = const(15)  # records that no host has acknowledged lie where the image would

PIECE = const(4096)  # one erase of flash
_PART = const(512)  # of it in RAM: on a heap with many holes there is no place for all in one
_READ = const(512)
_ROOM = const(16384)  # left free beside the image: what the file system copies while it writes
_LEAST = const(64)
_START = const(21)  # bytes of an image's first line: mark, size, bytes of the other lines


class BadImage(Exception):
    """What came is no image, though its owner signed it."""


def _version(text):
    return [int(part) for part in text.split(".")]


def _told(f, size):
    """(board, version) that an image is for; BadImage when its lines can't be right."""
    try:
        mark, told, head = f.read(_START).split()
        head = int(head)
        if mark != MARK or int(told) != size or not 0 < head <= size - _START:
            raise BadImage
        lines = f.read(head).decode().split("\n")
        board, _, version, _ = lines[0].split(" ")
        at = _START + head
        for line in lines[1:-1]:
            _, place, packed, _ = line.split(" ")
            if int(place) != at:
                raise BadImage
            at += int(packed)
        if at != size or lines[-1]:
            raise BadImage
        return board, _version(version)
    except ValueError:  # UnicodeError is one
        raise BadImage


class Update:
    """One update at a time. `info` has BOARD and VERSION of the image that runs; `lender` makes
    room for the other on a board that has none (lending.py)."""

    def __init__(self, root, info, lender=None):
        self._lender = lender
        self._slots = Slots(root)
        self._info = info
        self._part = self._slots.folder + "/update.part"
        self._head = self._slots.folder + "/update.head"
        self._key = self._slots.folder + "/update.key"
        self._parts = None  # while it receives: what has come of a piece
        self._held = 0
        self._work = None
        self.state = IDLE
        self.reason = OK
        self.offset = 0
        self.size = 0

    def begin(self, size, sha256, signature, recording=False):
        """(status, offset): offset is how much of this very archive is here already."""
        if not self._slots.exist() or self._slots.spare() is None:
            return NO_SLOTS, 0
        if self._size_of(self._key) != 32:
            return NO_KEY, 0
        if recording or self._slots.on_trial() or self.state == CHECKING:
            return BUSY, 0
        if len(sha256) != 32 or len(signature) != 64 or size < _LEAST:
            return BAD_IMAGE, 0
        head = size.to_bytes(4, "little") + bytes(sha256) + bytes(signature)
        spare = self._slots.path(self._slots.spare())
        if self._read(self._head) != head:
            self._forget()
            # The image before the running one has to go now: small flashes hold no third.
            self._remove(spare)
            status = self._make_room(size)
            if status != OK:
                return status, 0
            with open(self._head, "wb") as f:
                f.write(head)
        elif self._size_of(spare) == size and self._size_of(self._part) < 0:
            os.rename(spare, self._part)  # power went between its rename and its trial
        elif self._lender is not None:
            status = self._make_room(size - max(self._size_of(self._part), 0))
            if status != OK:
                return status, 0
        self.size = size
        self._held = 0
        self._parts = [bytearray(_PART) for _ in range(PIECE // _PART)]
        self.offset = min(max(self._size_of(self._part), 0), size)
        self.state = RECEIVING
        self.reason = OK
        return OK, self.offset

    def _make_room(self, size):
        """OK, or why so many bytes more find no room."""
        if self._lender is not None:
            return OK if self._lender.lend(size) else NOT_FETCHED
        fs = os.statvfs(self._slots.folder)
        return OK if fs[0] * fs[3] >= size + _ROOM else NO_SPACE

    def write(self, offset, data):
        """(status, the next offset wanted). A piece that was seen already does no harm."""
        if self.state != RECEIVING:
            return WRONG_STATE, self.offset
        if offset != self.offset:
            return WRONG_OFFSET, self.offset
        if offset + len(data) > self.size:
            return TOO_LONG, self.offset
        done = 0
        while done < len(data):
            part, at = self._parts[self._held // _PART], self._held % _PART
            n = min(len(data) - done, _PART - at)
            part[at : at + n] = data[done : done + n]
            self._held += n
            done += n
            self.offset += n
            if (self._held == PIECE or self.offset == self.size) and not self._store():
                return self.reason, self.offset
        return OK, self.offset

    def _store(self):
        try:
            if self._lender is not None and not self._lender.give():
                self._fail(NOT_FETCHED)
                return False
            with open(self._part, "ab") as f:
                for part in self._parts:
                    n = min(self._held, _PART)
                    f.write(memoryview(part)[:n])
                    self._held -= n
        except OSError:
            self._fail(FLASH_ERROR)
            return False
        return True

    def finish(self):
        """Begin to check what has come; returns OK, WRONG_STATE or INCOMPLETE."""
        if self.state != RECEIVING:
            return WRONG_STATE
        if self.offset != self.size:
            return INCOMPLETE
        self.state = CHECKING
        self._parts = None
        self._work = self._check()
        return OK

    def abort(self):
        """Forget what has come."""
        self._work = None
        self.state = IDLE
        self._forget()

    def step(self):
        """Do a little of the checking; returns whether there is more to do."""
        if self._work is None:
            return False
        try:
            next(self._work)
            return True
        except StopIteration:
            pass
        except BadImage:
            self._fail(BAD_IMAGE)
        except (OSError, MemoryError):
            self._fail(FLASH_ERROR)
        self._work = None
        return False

    def _check(self):
        """Generator: the whole way from the file that came to an image on trial."""
        head = self._read(self._head)
        sha = hashlib.sha256()
        block = bytearray(_READ)
        with open(self._part, "rb") as f:
            n = f.readinto(block)
            while n:
                sha.update(memoryview(block)[:n])
                yield
                n = f.readinto(block)
        digest = sha.digest()
        if digest != head[4:36]:
            self._fail(BAD_HASH)
            return
        from monitor.ed25519 import verify  # it takes RAM that there is more of now

        good = None
        for good in verify(self._read(self._key), DOMAIN + digest, head[36:]):
            yield
        if not good:
            self._fail(BAD_SIGNATURE)
            return
        with open(self._part, "rb") as f:
            board, version = _told(f, self.size)
        if board != self._info.BOARD:
            self._fail(WRONG_BOARD)
            return
        if version < _version(self._info.VERSION):
            self._fail(OLDER)
            return
        slot = self._slots.spare()
        os.rename(self._part, self._slots.path(slot))
        self._slots.try_next(slot)
        self._forget()
        self.state = READY

    def _fail(self, reason):
        """Stop, keep the reason; what was received is of no use any more."""
        self.state = FAILED
        self.reason = reason
        self._forget()

    def _forget(self):
        self._remove(self._head)
        self._remove(self._part)
        if self._lender is not None and self.state != CHECKING:  # then the image has its slot
            self._lender.end()
        self._held = 0
        self._parts = None
        self.offset = 0

    def _remove(self, path):
        try:
            os.remove(path)
        except OSError:
            pass

    def _size_of(self, path):
        try:
            return os.stat(path)[6]
        except OSError:
            return -1

    def _read(self, path):
        try:
            with open(path, "rb") as f:
                return f.read()
        except OSError:
            return b""
