"""Settings that outlive a power cut: whole numbers by key, in two blocks of flash.

    settings = Settings(media)
    settings.get(CHANNEL)
    settings.set(CHANNEL, 1)      # ValueError outside its limits; written at once

Every change is a page of its own with a count and a checksum, written behind the last one: one
program operation, no erase, so no sample is missed for it. A block that is nearly full is left at
boot; the other one is erased then. A cut in the middle of a change leaves the one before; nothing
readable means the defaults and `damaged`. In the rest of each page is room for the journal's key
(`keys`, see keyslots.py), which moves with the settings from block to block.
"""

from struct import pack_into, unpack_from

from .keyslots import KeySlots
from .link.pack import crc_hqx
from .media import FENCE, PAGE

BLOCKS = 2  # of the media, the first ones

SESSION, CHANNEL, RATE, GAIN, OPEN_HEART_RATE = 0, 1, 2, 3, 4
SOUND, QUIET_FROM, QUIET_TO, FAST_BPM, SLOW_BPM, PAUSE_MS = 5, 6, 7, 8, 9, 10
STRIP_BEFORE_S, STRIP_AFTER_S, UTC_OFFSET_MIN = 11, 12, 13
IRREGULAR_S, ALARM_SOUND, WHOLE_ECG, DELETED = 14, 15, 16, 17
WATCHDOG_RESETS = 18
WIPING, LEADS_BY_AC, VOLUME, CARD_WIPE, REFUSING = 20, 21, 22, 23, 24
UNTOLD, MEMORY_TOLD, RECORD_BLOCKS = 25, 26, 27

# key: (name, default, lowest, highest)
TABLE = {
    SESSION: ("session", 0, 0, 0x3FFFFFFF),  # number of the session that runs, 0: none
    CHANNEL: ("channel", 0, 0, 7),  # the one that the detector reads
    RATE: ("rate", 250, 125, 1000),  # samples/s; 125, 250, 500 or 1000
    GAIN: ("gain", 6, 1, 12),
    # The SIG's Heart Rate Service, for gym apps and watches: anyone near may read the rate. The
    # patient switches it on; a session's beginning and its end switch it off.
    OPEN_HEART_RATE: ("open heart rate", 0, 0, 1),
    SOUND: ("sound", 1, 0, 1),
    QUIET_FROM: ("quiet from", 0, 0, 1439),  # minutes after local midnight
    QUIET_TO: ("quiet to", 0, 0, 1439),
    FAST_BPM: ("fast", 0, 0, 300),  # alarms; 0: none
    SLOW_BPM: ("slow", 0, 0, 100),
    PAUSE_MS: ("pause", 0, 0, 10000),
    STRIP_BEFORE_S: ("strip before", 45, 0, 60),
    STRIP_AFTER_S: ("strip after", 45, 0, 60),
    UTC_OFFSET_MIN: ("offset from UTC", 0, -840, 840),
    IRREGULAR_S: ("irregular", 0, 0, 600),  # an alarm for a rhythm irregular for so long; 0: none
    ALARM_SOUND: ("alarm sound", 0, 0, 1),  # whether the panel tells the patient of an alarm
    WHOLE_ECG: ("whole ECG", 1, 0, 1),  # keep all of it, where there is room; else strips only
    DELETED: ("deleted up to", 0, 0, 0x7FFFFFFF),  # records with numbers up to this are gone
    WATCHDOG_RESETS: ("watchdog resets", 0, 0, 255),  # one after the other; see vigil.py
    WIPING: ("wiping", 0, 0, 1),  # everything is being erased; see wipe.py
    VOLUME: ("volume", 3, 1, 3),
    LEADS_BY_AC: ("leads by AC", 0, 0, 1),  # lead-off by alternating current, for dry electrodes
    CARD_WIPE: ("card wipe", 0, 0, 128),  # 0: none is under way, else the part; see cardwipe.py
    REFUSING: ("refusing", 0, 0, 1),  # strangers have tried to get in; see refusals.py
    # Number of the session that began or ended, until the journal has it in flash; 0: none.
    UNTOLD: ("untold", 0, 0, 0x3FFFFFFF),
    MEMORY_TOLD: ("memory told", 0, 0, 1),  # the last note said that it is nearly full
    RECORD_BLOCKS: ("record blocks", 0, 0, 0xFFFF),  # of the journal; 0: not divided yet
}
# Of these not every number in between will do: the front end has no other.
CHOICES = {RATE: (125, 250, 500, 1000), GAIN: (1, 2, 3, 4, 6, 8, 12)}
# What the monitor keeps for itself: no host sets it by its key.
OWN = (
    SESSION, DELETED, WATCHDOG_RESETS, WIPING, CARD_WIPE, REFUSING, UNTOLD, MEMORY_TOLD,
    RECORD_BLOCKS,
)  # fmt: skip
_COUNT = 32
_SIZE = 8 + 4 * _COUNT + 2
_MAGIC = 0x5348
_SLOTS = 16  # in a block
_SPARE = 6  # changes that must still fit when the monitor has booted
_SPARE_KEYS = 16


class Settings:
    """`media`: two blocks or more (monitor/media.py), None keeps the values in RAM only."""

    def __init__(self, media=None):
        self._media = media
        self._values = [0] * _COUNT
        for key in TABLE:
            self._values[key] = TABLE[key][1]
        self._turn = 0
        self._slot = 0  # the next one to be written
        self._left = _SLOTS  # slots of its block, from it on
        self.damaged = False
        self.failures = 0  # changes that could not be written
        self._page = bytearray(PAGE)
        self.keys = None
        if media is not None:
            self.keys = KeySlots(media)
            self._load()
            self.keys.full = self._next_block

    def _load(self):
        """Takes the newest good slot; a block that is nearly full is left while there is time."""
        page, newest, seen = self._page, -1, False
        for slot in range(2 * _SLOTS):
            self._media.read(slot // _SLOTS, slot % _SLOTS * PAGE, page)
            if page[0] == 0xFF:
                continue
            if page[: len(FENCE)] == FENCE:  # never used
                continue
            magic, turn = unpack_from("<HI", page, 0)
            if magic != _MAGIC or self._crc() != page[_SIZE - 2] | page[_SIZE - 1] << 8:
                seen = True
            elif turn > self._turn or newest < 0:
                newest, self._turn = slot, turn
                for key in TABLE:
                    value = unpack_from("<i", page, 8 + 4 * key)[0]
                    if TABLE[key][2] <= value <= TABLE[key][3] and (
                        key not in CHOICES or value in CHOICES[key]
                    ):
                        self._values[key] = value
        self.damaged = seen and newest < 0
        block = newest // _SLOTS if newest >= 0 else 1
        self._slot = block * _SLOTS
        while self._slot < (block + 1) * _SLOTS and not self._blank(self._slot):
            self._slot += 1
        self._left = (block + 1) * _SLOTS - self._slot
        self.keys.settle(block)
        if newest < 0 or self._left < _SPARE or self.keys.left < _SPARE_KEYS:
            self._change_block(1 - block)
            self._save()

    def _blank(self, slot):
        self._media.read(slot // _SLOTS, slot % _SLOTS * PAGE, self._page)
        for i in range(_SIZE):  # keys may lie behind
            if self._page[i] != 0xFF:
                return False
        return True

    def _change_block(self, block):
        self._slot = block * _SLOTS
        self._left = _SLOTS
        try:
            self._media.erase(block)
            self.keys.erased(block)
        except OSError:
            self.failures += 1

    def reset(self):
        """Everything but WIPING as it was made, with no trace of what it was."""
        if self._media is None:
            return
        for key in TABLE:
            self._values[key] = TABLE[key][1]
        self._values[WIPING] = self._values[CARD_WIPE] = 1
        self._next_block()
        before = 1 - (self._slot - 1) // _SLOTS
        try:
            self._media.erase(before)
            self.keys.erased(before)
        except OSError:
            self.failures += 1

    def _next_block(self):
        """Settings and keys go on in the other block."""
        self._change_block(1 - (self._slot - 1) // _SLOTS)
        self._save()

    def _crc(self):
        return crc_hqx(memoryview(self._page)[: _SIZE - 2], 0xFFFF)

    def get(self, key):
        """The value of a key; KeyError when there is no such setting."""
        if key not in TABLE:
            raise KeyError(key)
        return self._values[key]

    def set(self, key, value):
        """Keeps a value; KeyError, or ValueError naming the limits."""
        if key not in TABLE:
            raise KeyError(key)
        name, _, low, high = TABLE[key]
        if not low <= value <= high:
            raise ValueError("%s must be %d to %d" % (name, low, high))
        if key in CHOICES and value not in CHOICES[key]:
            raise ValueError("%s must be one of %s" % (name, CHOICES[key]))
        if value != self._values[key]:
            self._values[key] = value
            self._save()

    def set_session(self, number):
        """The session that runs from now on, 0: none. One page for both, so that no power cut
        comes between: the one that begins or ends is UNTOLD."""
        self._values[UNTOLD] = number or self._values[SESSION]
        self._values[SESSION] = number
        self._save()

    def _save(self):
        if self._media is None:
            return
        if not self._left:
            self._change_block(1 - (self._slot - 1) // _SLOTS)
        block = self._slot // _SLOTS
        page = self._page
        for i in range(PAGE):
            page[i] = 0xFF
        self._turn += 1
        pack_into("<HIH", page, 0, _MAGIC, self._turn, 0)
        for key in range(_COUNT):
            pack_into("<i", page, 8 + 4 * key, self._values[key])
        crc = self._crc()
        page[_SIZE - 2], page[_SIZE - 1] = crc & 255, crc >> 8
        try:
            self._media.program(self._slot // _SLOTS, self._slot % _SLOTS, page)
        except OSError:
            self.failures += 1
        self._slot += 1
        self._left -= 1
        if self.keys.block != block:
            self.keys.settle(block)

    # What the panel asks for.
    @property
    def sound(self):
        return bool(self._values[SOUND])

    @sound.setter
    def sound(self, on):
        self.set(SOUND, 1 if on else 0)

    @property
    def volume(self):
        return self._values[VOLUME]

    @property
    def open_heart_rate(self):
        return bool(self._values[OPEN_HEART_RATE])

    @open_heart_rate.setter
    def open_heart_rate(self, on):
        self.set(OPEN_HEART_RATE, 1 if on else 0)

    @property
    def quiet_from(self):
        return self._values[QUIET_FROM]

    @property
    def quiet_to(self):
        return self._values[QUIET_TO]
