"""Settings that outlive a power cut: whole numbers by key, in one small checksummed file.

    settings = Settings("/settings")
    settings.get(CHANNEL)
    settings.set(CHANNEL, 1)      # ValueError outside its limits; written at once

Two files are written in turn, each with a count and a checksum: a cut in the middle of a write
leaves the other one. Unreadable files mean the defaults and `damaged`.
"""

from struct import pack_into, unpack_from

from .link.pack import crc_hqx

SESSION, CHANNEL, RATE, GAIN, OPEN_HEART_RATE = 0, 1, 2, 3, 4
SOUND, QUIET_FROM, QUIET_TO, FAST_BPM, SLOW_BPM, PAUSE_MS = 5, 6, 7, 8, 9, 10
STRIP_BEFORE_S, STRIP_AFTER_S, UTC_OFFSET_MIN = 11, 12, 13

# key: (name, default, lowest, highest)
TABLE = {
    SESSION: ("session", 0, 0, 0x3FFFFFFF),  # number of the session that runs, 0: none
    CHANNEL: ("channel", 0, 0, 7),  # the one that the detector reads
    RATE: ("rate", 250, 125, 1000),  # samples/s; 125, 250, 500 or 1000
    GAIN: ("gain", 6, 1, 12),
    # The SIG's Heart Rate Service, for gym apps and watches: anyone near may read the rate.
    OPEN_HEART_RATE: ("open heart rate", 1, 0, 1),
    SOUND: ("sound", 1, 0, 1),
    QUIET_FROM: ("quiet from", 0, 0, 1439),  # minutes after local midnight
    QUIET_TO: ("quiet to", 0, 0, 1439),
    FAST_BPM: ("fast", 0, 0, 300),  # alarms; 0: none
    SLOW_BPM: ("slow", 0, 0, 100),
    PAUSE_MS: ("pause", 0, 0, 10000),
    STRIP_BEFORE_S: ("strip before", 45, 0, 60),
    STRIP_AFTER_S: ("strip after", 45, 0, 60),
    UTC_OFFSET_MIN: ("offset from UTC", 0, -840, 840),
}
_COUNT = 32
_SIZE = 4 + 4 * _COUNT + 2
_MAGIC = 0x5348


class Settings:
    """`path` is completed by "0" and "1"; None keeps the values in RAM only."""

    def __init__(self, path=None):
        self._path = path
        self._values = [0] * _COUNT
        for key in TABLE:
            self._values[key] = TABLE[key][1]
        self._turn = 0
        self.damaged = False
        self.failures = 0  # writes that the file system refused
        if path:
            self._load()

    def _load(self):
        best, data, seen = -1, None, False
        for i in (0, 1):
            try:
                with open(self._path + str(i), "rb") as file:
                    read = file.read(_SIZE)
                seen = True
            except OSError:
                continue
            if len(read) < _SIZE or crc_hqx(read[: _SIZE - 2], 0xFFFF) != (
                read[_SIZE - 2] | read[_SIZE - 1] << 8
            ):
                continue
            magic, turn = unpack_from("<HH", read, 0)
            if magic == _MAGIC and (best < 0 or (turn - best) & 0xFFFF < 0x8000):
                best, data = turn, read
        if data is None:
            self.damaged = seen
            return
        self._turn = best
        for key in TABLE:
            value = unpack_from("<i", data, 4 + 4 * key)[0]
            if TABLE[key][2] <= value <= TABLE[key][3]:
                self._values[key] = value

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
        if value != self._values[key]:
            self._values[key] = value
            self._save()

    def _save(self):
        if not self._path:
            return
        self._turn = (self._turn + 1) & 0xFFFF
        data = bytearray(_SIZE)
        pack_into("<HH", data, 0, _MAGIC, self._turn)
        for key in range(_COUNT):
            pack_into("<i", data, 4 + 4 * key, self._values[key])
        crc = crc_hqx(data[: _SIZE - 2], 0xFFFF)
        data[_SIZE - 2], data[_SIZE - 1] = crc & 255, crc >> 8
        try:
            with open(self._path + str(self._turn & 1), "wb") as file:
                file.write(data)
        except OSError:
            self.failures += 1

    # What the panel asks for.
    @property
    def sound(self):
        return bool(self._values[SOUND])

    @sound.setter
    def sound(self, on):
        self.set(SOUND, 1 if on else 0)

    @property
    def quiet_from(self):
        return self._values[QUIET_FROM]

    @property
    def quiet_to(self):
        return self._values[QUIET_TO]
