"""The journal's key in flash, in the tails of the settings' pages: written forward, wiped at once.

    slots = KeySlots(media)             # the settings' two blocks
    slots.load(block)                   # block: the one whose settings hold
    slots.put(id, n, key16)             # behind the others; True when it reads back
    slots.drop_before(keep)             # programs zeros over all others

A settings page uses 138 of its 256 bytes; in the rest are four slots. NOR flash can turn ones to
zeros at any time, so a key is gone the moment that zeros are programmed over it: no erase, and
no file system that keeps an old copy somewhere.

  slot   u16 turn | u16 key id | u16 n | 16 bytes key | u16 crc of all before

`turn` rises with every slot written: of several live ones the last is the newest. Slots are used
one after the other; when a block has none left, settings and key move to the other block
(settings.py), which is erased for it.
"""

from struct import pack_into, unpack_from

from .link.pack import crc_hqx
from .media import PAGE

KEY = 16
_FIRST = 144  # place of the first slot in a page
_SIZE = 24
_PER_PAGE = 4
_PAGES = 16
SLOTS = _PAGES * _PER_PAGE  # in a block
_TRIES = 4


class Slot:
    """A live one; `place` is its number over both blocks, -1: in RAM only."""

    def __init__(self, turn, ident, n, key, place):
        self.turn = turn
        self.ident = ident
        self.n = n
        self.key = key
        self.place = place


class KeySlots:
    """`live`: the slots that hold a key, oldest first. `failures`: writes that did not hold."""

    def __init__(self, media):
        self._media = media
        self.block = 0
        self.live = []
        self.failures = 0
        self.full = None  # called when the block has no slot left; moves to the other one
        self._page = bytearray(PAGE)
        self._next = [0, 0]  # of each block: the first slot behind those that were used
        torn = []
        for block in range(2):
            self._scan(block, torn)
        for place in torn:  # by a power cut, in the middle of writing or of overwriting a key
            self._zero(place)
        if self.live:
            self._order()

    def _order(self):
        highest = max(slot.turn for slot in self.live)
        for slot in self.live:
            if highest - slot.turn > 0x8000:  # u16 has wrapped since
                slot.turn += 0x10000
        self.live.sort(key=lambda slot: slot.turn)

    def _scan(self, block, torn):
        page = self._page
        for number in range(_PAGES):
            self._media.read(block, number * PAGE, page)
            for i in range(_PER_PAGE):
                at = _FIRST + i * _SIZE
                data = page[at : at + _SIZE]
                if data == b"\xff" * _SIZE:
                    continue
                place = number * _PER_PAGE + i
                self._next[block] = place + 1
                if not any(data):
                    continue
                place += block * SLOTS
                if crc_hqx(data[:-2], 0xFFFF) != data[-2] | data[-1] << 8:
                    torn.append(place)
                    continue
                turn, ident, n = unpack_from("<HHH", data, 0)
                self.live.append(Slot(turn, ident, n, bytes(data[6:-2]), place))

    @property
    def left(self):
        """Slots that can still be written in this block."""
        return SLOTS - self._next[self.block]

    def settle(self, block):
        """The settings hold in `block`: keys that are not there come there, once each."""
        self.block = block
        held = [s for s in self.live if s.place >= 0 and s.place // SLOTS == block]
        for slot in self.live[:]:
            if slot in held:
                continue
            double = [s for s in held if s.turn == slot.turn and s.key == slot.key]
            old = slot.place
            if not double and not self._program(slot):
                continue  # it stays where it is
            self._zero(old)
            if double:
                self.live.remove(slot)

    def erased(self, block):
        """The block was erased; what was live in it is in RAM only now."""
        self._next[block] = 0
        for slot in self.live:
            if slot.place // SLOTS == block:
                slot.place = -1

    def put(self, ident, n, key):
        """A new slot behind all others. False when it can't be kept: it is live in RAM then."""
        turn = self.live[-1].turn + 1 if self.live else 1
        slot = Slot(turn, ident, n, bytes(key), -1)
        if not self.left and self.full is not None and not self._elsewhere():
            self.full()
        self.live.append(slot)
        return self._program(slot)

    def _elsewhere(self):
        """Whether a key had to stay in the other block, which must not be erased then."""
        return any(s.place >= 0 and s.place // SLOTS != self.block for s in self.live)

    def keep(self, wanted):
        """Everything but the slots of the list `wanted` is made unreadable."""
        for slot in self.live[:]:
            if slot not in wanted:
                self._zero(slot.place)
                self.live.remove(slot)

    def _program(self, slot):
        """Writes a slot into the block in use, at the next place that takes it."""
        data = bytearray(_SIZE)
        pack_into("<HHH16s", data, 0, slot.turn & 0xFFFF, slot.ident, slot.n, slot.key)
        crc = crc_hqx(data[:-2], 0xFFFF)
        data[-2], data[-1] = crc & 255, crc >> 8
        for _ in range(_TRIES):
            if not self.left:
                break
            place = self.block * SLOTS + self._next[self.block]
            self._next[self.block] += 1
            if not self._blank(place):
                continue  # given over the cable while this program ran
            if self._write(place, data):
                slot.place = place
                return True
            self.failures += 1
            self._zero(place)
        return False

    def _blank(self, place):
        data = bytearray(_SIZE)
        number = place % SLOTS
        at = number // _PER_PAGE * PAGE + _FIRST + number % _PER_PAGE * _SIZE
        self._media.read(place // SLOTS, at, data)
        return data == b"\xff" * _SIZE

    def _write(self, place, data):
        page = self._page
        for i in range(PAGE):
            page[i] = 0xFF
        number = place % SLOTS
        at = _FIRST + number % _PER_PAGE * _SIZE
        page[at : at + _SIZE] = data
        try:
            self._media.program(place // SLOTS, number // _PER_PAGE, page)
            view = memoryview(page)[at : at + _SIZE]
            self._media.read(place // SLOTS, number // _PER_PAGE * PAGE + at, view)
        except OSError:
            return False
        return page[at : at + _SIZE] == data

    def _zero(self, place):
        if place >= 0 and not self._write(place, bytes(_SIZE)):
            self.failures += 1
