"""Functions that run where they lie in flash: what is imported keeps only its tables in RAM.

    from monitor import inplace
    inplace.bring(board)      # imports the monitor's modules, one after the other

A module that is imported out of a file is copied into RAM, code and all; on a Pico W that is more
than what is free. But code is never changed, and reaches names and constants through its module's
tables, so the same bytes do their work anywhere (a module frozen into MicroPython runs from flash,
too). A board with `CODE_RAM` has an image in which the functions' code is not compressed, and a
flash that the processor reads like memory. After a module is imported, each of its functions is
pointed to its code in the image's file, and what it came with in RAM is left to the garbage
collector.

A function (`mp_obj_fun_bc_t`, py/objfun.h) has four words: type, module, inner functions, code.
Its fourth is changed only if it points into the heap, to the very bytes that lie in the flash: to
the interpreter nothing changes. Should another version of MicroPython arrange functions otherwise,
the bytes differ, nothing is changed, and all stays in RAM.

`code.map` in the image, not compressed either, says which functions there are (codemap.py of
host_tools/heartlog/image): for each module the length of its name u8, name, the bytes of its
packed form before the first function u16, functions u8, and of each place and size in the `.mpy`
file, u16 each. The packed form goes on in blocks of deflate that are stored, not compressed
(rawcode.py there, which also keeps a function from being torn by the end of a flash block).

A littlefs leaves the blocks of a file that nobody writes where they are; each but the first begins
with pointers to those before it. So where the file lies is known by its last block, which stands
in its folder's list (places.py).
"""

import gc
import sys
from struct import calcsize, unpack, unpack_from

import machine
import micropython

from .places import head_of
from .slots import Slots

_BLOCK = 4096
_WORD = calcsize("P")
_FUNCTION = 4 * _WORD
_SHORTEN = 30  # modules after which the loader's list is made shorter
_STORED = 5  # bytes of a stored block's head
_BEGIN = 6  # no function's code is shorter
_WATCHDOG_MS = 8000
_KEPT = 49152  # bytes in one piece for the monitor's buffers, which what is imported leaves alone
_OFTEN = 2048  # bytes between collections until the monitor runs: garbage would take the holes,
# and what stays come to lie all over the end that was held
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


def modules(f, lines):
    """(name, packed bytes before its first function, (place in the file, size, ...) of its
    functions), in the order to import. `f`: the image's file; `lines`: the loader's view of it."""
    place, _, size = lines._find("/code.map")
    at = int(place) + _STORED
    end = at + int(size)
    while at < end:
        f.seek(at)
        name = f.read(f.read(1)[0]).decode()
        head, count = unpack("<HB", f.read(3))
        functions = unpack("<%dH" % (2 * count), f.read(4 * count))
        at += 4 + len(name) + 4 * count
        yield name, head, functions


def begins(number):
    """Where in block `number` of a littlefs file its data begin, behind so many pointers."""
    at = 0
    if number:
        at = 4
        while not number & 1:
            at += 4
            number >>= 1
    return at


class Placed:
    """Where each byte of a file lies in the flash, which the processor reads from `start` on.

    Raises ValueError when the file system's lists don't tell."""

    def __init__(self, device, flash, start, folder, name):
        block, size = head_of(device, folder, name)
        self._start = start
        self._ends = []  # of the file's bytes in each block
        at = 0
        while at < size:
            at += min(size - at, _BLOCK - begins(len(self._ends)))
            self._ends.append(at)
        self._blocks = [block]
        while len(self._blocks) < len(self._ends):
            block = unpack_from("<I", flash, block * _BLOCK)[0]
            if block >= len(flash) // _BLOCK:
                raise ValueError("a block of %s is outside the flash" % name)
            self._blocks.insert(0, block)

    def address(self, offset):
        """That of the file's byte `offset`."""
        ends = self._ends
        i = offset // _BLOCK  # or one behind it
        while offset >= ends[i]:
            i += 1
        at = ends[i - 1] if i else 0
        return self._start + self._blocks[i] * _BLOCK + begins(i) + offset - at


def copies(f, place, head, functions, placed):
    """[address, size] of each function of a module. `place`: the module's in the image's file
    `f`; `placed`: where that lies."""
    found = []
    at = place + head
    start = end = functions[0] if functions else 0
    for i in range(0, len(functions), 2):
        while functions[i] >= end:
            at += end - start
            f.seek(at)
            start, end = end, end + unpack("<xHxx", f.read(_STORED))[0]
            at += _STORED
        found.append((placed.address(at + functions[i] - start), functions[i + 1]))
    return found


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


def _hold():
    """Holds the heap's upper end while all else is imported below it: code that is left to the
    collector leaves many small holes there. What is built later goes into the first place where
    it fits: small things into the holes, so that the buffers find the end whole."""
    gc.collect()
    size = gc.mem_free() - _KEPT
    while size > 0 and not _held:
        size -= 1024
        try:
            _held.append((bytearray(size), bytearray(_KEPT))[1])
        except MemoryError:
            pass


def bring(board):
    """Imports the modules that `code.map` names, with their code in flash. What can't be moved
    stays in RAM, where it does the same; says how much was moved."""
    slots = Slots(getattr(board, "ROOT", "/"))
    slot = slots.running()
    if slot is None:
        return 0  # frozen into MicroPython: it is in flash already
    _hold()
    feed = _nothing
    if slots.on_trial():  # its watchdog is running already
        feed = machine.WDT(timeout=_WATCHDOG_MS).feed
    return _bring(board.flash_device(), slots.path(slot), board.CODE_RAM, feed)


def _among(names, line):
    """Whether a line of the image's list is that of one of the modules."""
    path = line.split(b" ")[0]
    return path[-4:] == b".mpy" and path[:-4].decode().replace("/", ".") in names


def _nothing():
    pass


def _bring(device, path, ram, feed):
    import uctypes

    folder, name = path.split("/")[-2:]
    placed = Placed(device, memoryview(device), uctypes.addressof(device), folder, name)
    mover = Mover(uctypes.bytearray_at, *ram)
    lines = lines_of(sys.path[0])
    done = []
    with open(path, "rb") as f:
        for name, head, functions in modules(f, lines):
            place = int(lines._find("/%s.mpy" % name.replace(".", "/"))[0])
            __import__(name)
            found = copies(f, place, head, functions, placed)
            mover.module(sys.modules[name].__dict__, found)
            feed()
            done.append(name)
            if len(done) == _SHORTEN:
                _shorten(lines, done)
                done.clear()
    return mover.moved


def lines_of(folder):
    """The loader's view of the image that is mounted there."""
    import vfs

    for system, there in vfs.mount():
        if there == folder:
            return system


def _shorten(system, names):
    """Takes modules that are in use out of the loader's list of where in the image each lies."""
    head = getattr(system, "_head", None)
    if isinstance(head, bytes):
        lines = head.split(b"\n")
        system._head = b"\n".join([line for line in lines if not _among(names, line)])


def forget():
    """Leaves this module itself to the garbage collector, for it has done its work, and so the
    loader's list of where in the image each module is that was imported."""
    import monitor

    _shorten(lines_of(sys.path[0]), sys.modules)
    del sys.modules[__name__]
    del monitor.inplace
    _held.clear()
    gc.collect()
    gc.threshold(_OFTEN)
