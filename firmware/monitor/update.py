"""Takes a signed firmware image, checks it, unpacks it into the spare slot and puts it on trial.

    update = Update(board.ROOT, image_info)
    status, offset = update.begin(size, sha256, signature)     # offset: where to go on
    status, offset = update.write(offset, data)                # until offset == size
    update.finish()
    while update.step():                                       # a little work each time
        ...
    update.state, update.reason

What is received goes into one file, 4096 bytes at a time, so that a lost connection, a reset or a
power cut loses at most the last piece: `begin` with the same hash tells where to go on. Nothing of
it is looked at before the hash is right and the signature over it is good; every file is read
back from flash and compared with the manifest before the new image is put on trial. Whatever is
cut off by a loss of power is begun again or was already whole: no step in between counts.

The signature is Ed25519 over b"heartlog-image" and the archive's SHA-256, by the key whose public
half is in ROOT/slots/update.key (32 bytes, put there over USB). Without it nothing is taken.
"""

import hashlib
import json
import os

from micropython import const
from monitor import tar
from monitor.ed25519 import verify
from monitor.slots import MANIFEST, Slots, clear

DOMAIN = b"heartlog-image"

# States.
IDLE = const(0)
RECEIVING = const(1)
CHECKING = const(2)
UNPACKING = const(3)
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
BAD_ARCHIVE = const(11)
WRONG_BOARD = const(12)
OLDER = const(13)
FLASH_ERROR = const(14)

PIECE = const(4096)  # one erase of flash
_READ = const(512)
_WASTE = const(98304)
_LEAST = const(1024)  # an archive is two blocks at the least


def _version(text):
    return [int(part) for part in text.split(".")]


class Update:
    """One update at a time. `info` has BOARD and VERSION of the image that runs."""

    def __init__(self, root, info):
        self._slots = Slots(root)
        self._info = info
        self._part = self._slots.folder + "/update.part"
        self._head = self._slots.folder + "/update.head"
        self._key = self._slots.folder + "/update.key"
        self._buffer = bytearray(PIECE)
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
        if recording or self._slots.on_trial() or self.state in (CHECKING, UNPACKING):
            return BUSY, 0
        if len(sha256) != 32 or len(signature) != 64 or size < _LEAST:
            return BAD_ARCHIVE, 0
        head = size.to_bytes(4, "little") + bytes(sha256) + bytes(signature)
        if self._read(self._head) != head:
            self._forget()
            # The image before the running one has to go now: small flashes hold no third.
            clear(self._slots.path(self._slots.spare()))
            fs = os.statvfs(self._slots.folder)
            # The archive and, beside it, what it holds, in whole blocks: some 60 files lose less
            # than 96 KiB to that.
            if fs[0] * fs[3] < 2 * size + _WASTE:
                return NO_SPACE, 0
            with open(self._head, "wb") as f:
                f.write(head)
        self.size = size
        self._held = 0
        self.offset = min(max(self._size_of(self._part), 0), size)
        self.state = RECEIVING
        self.reason = OK
        return OK, self.offset

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
            n = min(len(data) - done, PIECE - self._held)
            self._buffer[self._held : self._held + n] = data[done : done + n]
            self._held += n
            done += n
            self.offset += n
            if (self._held == PIECE or self.offset == self.size) and not self._store():
                return FLASH_ERROR, self.offset
        return OK, self.offset

    def _store(self):
        try:
            with open(self._part, "ab") as f:
                f.write(memoryview(self._buffer)[: self._held])
        except OSError:
            self._fail(FLASH_ERROR)
            return False
        self._held = 0
        return True

    def finish(self):
        """Begin to check what has come; returns OK, WRONG_STATE or INCOMPLETE."""
        if self.state != RECEIVING:
            return WRONG_STATE
        if self.offset != self.size:
            return INCOMPLETE
        self.state = CHECKING
        self._work = self._check()
        return OK

    def abort(self):
        """Forget what has come."""
        self._work = None
        self._forget()
        self.state = IDLE

    def step(self):
        """Do a little of the checking; returns whether there is more to do."""
        if self._work is None:
            return False
        try:
            next(self._work)
            return True
        except StopIteration:
            pass
        except tar.BadArchive:
            self._fail(BAD_ARCHIVE)
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
        good = None
        for good in verify(self._read(self._key), DOMAIN + digest, head[36:]):
            yield
        if not good:
            self._fail(BAD_SIGNATURE)
            return
        self.state = UNPACKING
        slot = self._slots.spare()
        target = self._slots.path(slot)
        clear(target)
        os.mkdir(target)
        yield
        manifest = None
        with open(self._part, "rb") as f:
            for name, size in tar.members(f):
                if name == MANIFEST:
                    manifest = self._manifest(f.read(size))
                    if manifest is None:
                        return
                    continue
                self._make_folders(target, name)
                with open(target + "/" + name, "wb") as out:
                    while size:
                        n = f.readinto(memoryview(block)[: min(size, _READ)])
                        if not n:
                            raise tar.BadArchive("cut off")
                        out.write(memoryview(block)[:n])
                        size -= n
                        yield
        if manifest is None:
            raise tar.BadArchive("no manifest")
        for entry in manifest["files"]:
            sha = hashlib.sha256()
            with open(target + "/" + entry["path"], "rb") as f:
                n = f.readinto(block)
                while n:
                    sha.update(memoryview(block)[:n])
                    yield
                    n = f.readinto(block)
            if sha.digest() != bytes.fromhex(entry["sha256"]):
                self._fail(FLASH_ERROR)
                return
        with open(target + "/manifest.new", "w") as f:
            json.dump(manifest, f)
        os.rename(target + "/manifest.new", target + "/" + MANIFEST)
        self._slots.try_next(slot)
        self._forget()
        self.state = READY

    def _manifest(self, data):
        """The manifest, or None when this board must not run it."""
        try:
            manifest = json.loads(data)
            board, version = manifest["board"], _version(manifest["version"])
            paths = [entry["path"] for entry in manifest["files"]]
        except (ValueError, KeyError, TypeError):
            raise tar.BadArchive("manifest")
        for path in paths:
            if not tar.safe_name(path):
                raise tar.BadArchive("manifest")
        if board != self._info.BOARD:
            self._fail(WRONG_BOARD)
        elif version < _version(self._info.VERSION):
            self._fail(OLDER)
        else:
            return manifest
        return None

    def _make_folders(self, target, name):
        parts = name.split("/")[:-1]
        for part in parts:
            target += "/" + part
            try:
                os.mkdir(target)
            except OSError as error:
                if error.errno != 17:  # EEXIST
                    raise

    def _fail(self, reason):
        """Stop, keep the reason; what was received is of no use any more."""
        self.state = FAILED
        self.reason = reason
        self._forget()

    def _forget(self):
        for path in (self._head, self._part):
            try:
                os.remove(path)
            except OSError:
                pass
        self._held = 0
        self.offset = 0

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
