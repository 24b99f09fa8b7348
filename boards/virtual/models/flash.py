"""NOR flash in a file: programming clears bits, erasing sets them, and power can go any time.

    nor = Nor("flash.bin", 848 * 1024)
    device = FlashDevice(nor, 0, nor.size)      # the block device of rp2.Flash, for VfsLfs2
    nor.cut_after(17)                           # power goes in the 17th operation from now

An operation is one page program (256 bytes at most) or one sector erase (4096 bytes). The one in
which power goes is torn: a program has stored some of its bytes and some bits of the next, an
erase leaves any mixture of old bits and ones. What is torn is drawn from `seed`, so it repeats.

Times are those of the W25Q16JV that Pico boards carry (Winbond data sheet, revision H, 9.6): page
program 0.4 ms typical, 3 ms at most; sector erase 45 ms typical, 400 ms at most; 100,000 cycles.

Runs in MicroPython (the virtual board) and in CPython (tests).
"""

import os
import sys

# MicroPython's files write at once, and its flush() waits for the disk: seconds for a format.
_BUFFERED = sys.implementation.name != "micropython"
SECTOR = 4096
PAGE = 256
ERASE_US = 45000
PROGRAM_US = 400
ENDURANCE = 100000
_ERASED = b"\xff" * SECTOR


class PowerCut(BaseException):
    """Power went in the middle of a flash operation. Not an Exception: no firmware survives it."""


class Nor:
    """The chip. `path` is made, erased, when it is not there.

    `stall(us)`: called with the time that each operation takes. `on_cut()`: called when power
    goes, instead of raising PowerCut. `complaints`: what a real chip would have done wrong on.
    `wear`: erase cycles by sector, kept in `path` + ".wear".
    """

    def __init__(self, path, size, stall=None, on_cut=None, seed=1):
        if size <= 0 or size % SECTOR:
            raise ValueError("flash size must be a multiple of %d bytes, not %d" % (SECTOR, size))
        self.size = size
        self.stall = stall
        self.on_cut = on_cut
        self.erase_us = ERASE_US
        self.program_us = PROGRAM_US
        self.operations = 0
        self.programs = 0
        self.erases = 0
        self.complaints = []
        self._cut = None
        self._state = seed * 2654435761 & 0x7FFFFFFF or 1
        try:
            found = os.stat(path)[6]
        except OSError:
            found = -1
        if found < 0:
            with open(path, "wb") as f:
                for _ in range(size // SECTOR):
                    f.write(_ERASED)
        elif found != size:
            raise ValueError("%s holds %d bytes, not the %d of this flash" % (path, found, size))
        self._file = open(path, "r+b")
        self.wear = [0] * (size // SECTOR)
        wear_path = path + ".wear"
        try:
            with open(wear_path, "rb") as f:
                data = f.read()
            for i in range(min(len(data) // 4, len(self.wear))):
                self.wear[i] = int.from_bytes(data[4 * i : 4 * i + 4], "little")
        except OSError:
            with open(wear_path, "wb") as f:
                f.write(bytes(4 * len(self.wear)))
        self._wear_file = open(wear_path, "r+b")

    def close(self):
        self._file.close()
        self._wear_file.close()

    def cut_after(self, operations):
        """Power goes in the n-th program or erase from now (1 = the next); None: it stays."""
        self._cut = None if operations is None else self.operations + operations

    def _random(self):
        # 31-bit linear congruential generator: the same on both Pythons.
        self._state = self._state * 1103515245 + 12345 & 0x7FFFFFFF
        return self._state >> 8

    def _write(self, address, data):
        self._file.seek(address)
        self._file.write(data)
        if _BUFFERED:
            self._file.flush()

    def read(self, address, buf):
        """Fill `buf` from `address`."""
        self._check(address, len(buf))
        self._file.seek(address)
        self._file.readinto(buf)

    def _check(self, address, n):
        if address < 0 or address + n > self.size:
            raise ValueError("flash access outside the chip: %d bytes at %d" % (n, address))

    def _operation(self):
        """Count it; true when power goes in this one."""
        self.operations += 1
        return self.operations == self._cut

    def program(self, address, data):
        """Program any number of bytes, page by page: bits can only go from 1 to 0."""
        self._check(address, len(data))
        done = 0
        while done < len(data):
            n = min(PAGE - (address + done) % PAGE, len(data) - done)
            self._program_page(address + done, bytes(data[done : done + n]))
            done += n

    def _program_page(self, address, new):
        old = bytearray(len(new))
        self.read(address, old)
        if old == _ERASED[: len(new)] and self.operations + 1 != self._cut:
            self.operations += 1  # nothing to compare: most programs find the page erased
            self.programs += 1
            self._write(address, new)
            if self.stall:
                self.stall(self.program_us)
            return
        before = int.from_bytes(bytes(old), "little")
        wanted = int.from_bytes(new, "little")
        after = before & wanted
        if self._operation():
            kept = self._random() % (len(new) + 1)
            torn = bytearray(after.to_bytes(len(new), "little"))
            for i in range(kept, len(new)):
                # The byte being programmed has some of its bits down, those behind it have none.
                torn[i] = old[i] if i > kept else torn[i] | (old[i] & self._random() & 0xFF)
            self._write(address, bytes(torn))
            self._power_cut()
            return
        self.programs += 1
        self._write(address, after.to_bytes(len(new), "little"))
        if after != wanted:
            self._check_bits(address, new, old)
        if self.stall:
            self.stall(self.program_us)

    def _check_bits(self, address, new, old):
        # A byte of 0xFF asks for nothing: writers use it to leave bytes of a page as they are.
        for i in range(len(new)):
            if new[i] != 0xFF and new[i] & ~old[i] and len(self.complaints) < 20:
                self.complaints.append(
                    "flash: programming 0x%02X over 0x%02X at 0x%X needs bits that are 0 to become"
                    " 1: erase the sector first" % (new[i], old[i], address + i)
                )
                return

    def erase(self, address):
        """Erase the sector at `address`."""
        if address % SECTOR:
            raise ValueError("erase of address 0x%X, which is not a sector's" % address)
        self._check(address, SECTOR)
        sector = address // SECTOR
        self.wear[sector] += 1
        self._wear_file.seek(4 * sector)
        self._wear_file.write(self.wear[sector].to_bytes(4, "little"))
        if _BUFFERED:
            self._wear_file.flush()
        if self._operation():
            torn = bytearray(SECTOR)
            self.read(address, torn)
            how = self._random() % 3
            for i in range(SECTOR):
                if how == 0:  # hardly begun, half done, nearly done
                    torn[i] |= self._random() & self._random() & self._random() & 0xFF
                elif how == 1:
                    torn[i] |= self._random() & 0xFF
                else:
                    torn[i] |= ~(self._random() & self._random() & self._random()) & 0xFF
            self._write(address, bytes(torn))
            self._power_cut()
            return
        self.erases += 1
        self._write(address, _ERASED)
        if self.stall:
            self.stall(self.erase_us)

    def _power_cut(self):
        self._cut = None
        if self.on_cut:
            self.on_cut()
        raise PowerCut("power went in flash operation %d" % self.operations)


class FlashDevice:
    """A block device: `length` bytes of the chip from `start`, with rp2.Flash's protocol."""

    def __init__(self, nor, start, length):
        if start % SECTOR or length % SECTOR or start < 0 or start + length > nor.size:
            raise ValueError("a partition is whole sectors within the chip")
        self._nor = nor
        self._start = start
        self._length = length

    def readblocks(self, block, buf, offset=0):
        self._nor.read(self._start + block * SECTOR + offset, buf)

    def writeblocks(self, block, buf, offset=None):
        """Erase and program whole blocks, or with `offset` only program; whole pages, as rp2."""
        address = self._start + block * SECTOR
        if (offset or 0) % PAGE or len(buf) % PAGE:
            raise ValueError("flash is programmed in whole pages of %d bytes" % PAGE)
        if offset is None:
            for sector in range(address, address + len(buf), SECTOR):
                self._nor.erase(sector)
            self._nor.program(address, buf)
        else:
            self._nor.program(address + offset, buf)

    def ioctl(self, op, arg):
        if op == 4:  # number of blocks
            return self._length // SECTOR
        if op == 5:  # block size
            return SECTOR
        if op == 6:  # erase a block
            self._nor.erase(self._start + arg * SECTOR)
            return 0
        if op in (1, 2, 3):  # initialise, shut down, synchronise
            return 0
        return None
