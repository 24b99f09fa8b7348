"""Functions that run where they lie in flash: what is imported keeps only its tables in RAM.

    from monitor import inplace
    inplace.bring(board)      # imports the monitor's modules, one after the other

A module that is imported out of a file is copied into RAM, code and all; on a Pico W that is more
than what is free. But code is never changed, and reaches names and constants through its module's
tables, so the same bytes do their work anywhere (a module frozen into MicroPython runs from flash,
too). A board with `CODE_KIB` keeps a copy of all functions' code in raw blocks of its flash, which
the processor reads like memory. After a module is imported, each of its functions is pointed to
its copy, and what it came with in RAM is left to the garbage collector.

A function (`mp_obj_fun_bc_t`, py/objfun.h) has four words: type, module, inner functions, code.
Its fourth is changed only if it points into the heap, to the very bytes that lie at the copy: to
the interpreter nothing changes. Should another version of MicroPython arrange functions otherwise,
the bytes differ, nothing is changed, and all stays in RAM.

`code.map` in the image says which functions there are (host_tools/heartlog/image/codemap.py):
for each module the length of its name u8, name, functions u8, and of each place and size in the
`.mpy` file, u16 each. Copies lie in the map's order, from the 32nd byte of a block of 4096 on, at
multiples of 4 (machine code wants that), and never across two blocks.
"""

import gc
import os
import sys
from binascii import crc32, unhexlify
from struct import calcsize, unpack, unpack_from

import machine
import micropython

from .fence import FenceMedia
from .media import BLOCK, PAGE
from .slots import Slots

_MARK = b"HLCODE 1"
_HEAD = 32  # mark, build (8 bytes), block u16, -, crc32 of the rest, random
_WORD = calcsize("P")
_FUNCTION = 4 * _WORD
_BEGIN = 6  # no function's code is shorter
_WATCHDOG_MS = 8000
_KEPT = 49152  # bytes in one piece for the monitor's buffers, which what is imported leaves alone
_held = []


def _plain():
    pass


def _generator():
    yield


@micropython.viper
def _machine_code():
    pass


_TYPES = tuple(id(type(one)) for one in (_plain, _generator, _machine_code))
_HOLDERS = (property, staticmethod, classmethod)


class Places:
    """Gives each piece of code the next place: (block, offset)."""

    def __init__(self):
        self.block = 0
        self.at = _HEAD

    def next(self, size):
        if self.at + size > BLOCK:
            self.block += 1
            self.at = _HEAD
        place = self.block, self.at
        self.at += size + 3 & -4
        return place


def modules(folder):
    """(name, (place in the file, size, ...) of its functions), in the order to import."""
    with open(folder + "/code.map", "rb") as f:
        while True:
            size = f.read(1)
            if not size:
                return
            name = f.read(size[0]).decode()
            count = f.read(1)[0]
            yield name, unpack("<%dH" % (2 * count), f.read(4 * count))


def blocks_of(folder):
    """How many blocks the copies take."""
    places = Places()
    for _, functions in modules(folder):
        for i in range(1, len(functions), 2):
            places.next(functions[i])
    return places.block + 1


def write(media, folder, build, feed):
    """Writes the copies. `build` is eight bytes that name the image; `feed` is called between."""
    held = bytearray(b"\xff" * BLOCK)
    places = Places()
    current = 0
    for name, functions in modules(folder):
        with open("%s/%s.mpy" % (folder, name.replace(".", "/")), "rb") as f:
            at = 0
            for i in range(0, len(functions), 2):
                block, offset = places.next(functions[i + 1])
                if block != current:
                    _program(media, current, held, build)
                    feed()
                    for j in range(BLOCK):
                        held[j] = 0xFF
                    current = block
                while at < functions[i]:
                    at += len(f.read(min(PAGE, functions[i] - at)))
                code = f.read(functions[i + 1])
                at += len(code)
                held[offset : offset + len(code)] = code
    _program(media, current, held, build)


def _program(media, block, held, build):
    """Writes one block whole, its head last: a block with a head is complete."""
    held[:8] = _MARK
    held[8:16] = build
    held[16] = block
    held[17] = block >> 8
    held[20:24] = crc32(memoryview(held)[_HEAD:]).to_bytes(4, "little")
    held[24:_HEAD] = os.urandom(8)
    media.erase(block)
    for page in range(BLOCK // PAGE - 1, -1, -1):
        media.program(block, page, held[page * PAGE : page * PAGE + PAGE])


def whole(flash, media, blocks, build):
    """Whether the first `blocks` blocks hold this build's copies, undamaged."""
    for block in range(blocks):
        if not media.held(block):
            return False
        at = media.place(block) * BLOCK
        head = bytes(flash[at : at + _HEAD])
        if head[:8] != _MARK or head[8:16] != build:
            return False
        if head[16] | head[17] << 8 != block:
            return False
        if crc32(flash[at + _HEAD : at + BLOCK]) != unpack_from("<I", head, 20)[0]:
            return False
    return True


class Mover:
    """Points functions to their copies. `peek(address, size)` gives memory as a bytearray;
    objects lie from `low` to `high`. `moved`: bytes of code that need no RAM any more."""

    def __init__(self, peek, low, high):
        self._peek = peek
        self._low = low
        self._high = high
        self.moved = 0

    def _inside(self, address):
        return self._low <= address <= self._high - _FUNCTION and address % _FUNCTION == 0

    def module(self, space, copies):
        """Moves what a module's names lead to. `copies`: [address, size] of each of its
        functions."""
        begins = {}  # copies by how they begin, with the function's name as a rule
        for copy in copies:
            begin = bytes(self._peek(copy[0], _BEGIN))
            begins[begin] = begins.get(begin, ()) + (copy,)
        for found in space.values():
            if isinstance(found, type) and self._inside(id(found)):
                for inner in found.__dict__.values():
                    self._object(inner, begins)
            else:
                self._object(found, begins)

    def _object(self, found, begins):
        address = id(found)
        if not self._inside(address):
            return
        if isinstance(found, _HOLDERS):  # their functions are what they consist of
            for inner in unpack("4P", self._peek(address, _FUNCTION))[1:]:
                if self._inside(inner):
                    self._function(inner, begins)
        else:
            self._function(address, begins)

    def _function(self, address, begins):
        words = self._peek(address, _FUNCTION)
        kind, _, _, code = unpack("4P", words)
        if kind not in _TYPES or not self._inside(code):
            return
        for copy, size in begins.get(bytes(self._peek(code, _BEGIN)), ()):
            if code + size <= self._high and self._peek(code, size) == self._peek(copy, size):
                words[3 * _WORD :] = copy.to_bytes(_WORD, sys.byteorder)
                self.moved += size
                return


def bring(board):
    """Imports the modules that `code.map` names, with their code in flash if the board has room
    for it. What can't be moved stays in RAM, where it does the same; says how much was moved."""
    import image_info

    folder = sys.path[0]
    try:
        blocks = blocks_of(folder)
    except OSError:
        return 0  # frozen into MicroPython: it is in flash already
    # Held while all else is imported around it: code that is left to the collector leaves many
    # small holes, and what the monitor builds first are its buffers.
    _held.append(bytearray(_KEPT))
    device = board.flash_device()
    root = getattr(board, "ROOT", "/").rstrip("/")
    media = FenceMedia(root + "/code", device, board.CODE_KIB * 1024 // BLOCK)
    if blocks > media.blocks:
        raise ValueError("the image's code needs %d blocks of flash" % blocks)
    flash = memoryview(device)
    build = unhexlify(image_info.BUILD)
    feed = _nothing
    if Slots(root).on_trial():  # its watchdog is running already
        feed = machine.WDT(timeout=_WATCHDOG_MS).feed
    if not whole(flash, media, blocks, build):
        write(media, folder, build, feed)
    return _bring(folder, media, device, board.CODE_RAM, feed)


def _imported(line):
    """Whether a line of the image's list is that of a module that is in use."""
    path = line.split(b" ")[0]
    return path[-4:] == b".mpy" and path[:-4].decode().replace("/", ".") in sys.modules


def _nothing():
    pass


def _bring(folder, media, device, ram, feed):
    import uctypes

    start = uctypes.addressof(device)
    mover = Mover(uctypes.bytearray_at, *ram)
    places = Places()
    for name, functions in modules(folder):
        __import__(name)
        copies = []
        for i in range(1, len(functions), 2):
            block, offset = places.next(functions[i])
            copies.append((start + media.place(block) * BLOCK + offset, functions[i]))
        mover.module(sys.modules[name].__dict__, copies)
        feed()
    return mover.moved


def forget():
    """Leaves this module itself to the garbage collector, for it has done its work, and so the
    loader's list of where in the image each module is that was imported."""
    import monitor
    import vfs

    for system, folder in vfs.mount():
        head = getattr(system, "_head", None)
        if folder == sys.path[0] and isinstance(head, bytes):
            lines = head.split(b"\n")
            system._head = b"\n".join([line for line in lines if not _imported(line)])
    del sys.modules[__name__]
    del monitor.inplace
    _held.clear()
    gc.collect()
