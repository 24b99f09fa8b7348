"""ECG blocks for the host that has the records: live ones, or stored ones of a strip.

    stream.start(wire.ECG_LIVE, 0, 0)        # from now on; returns the first block that will come
    n = stream.frame(buffer, room, now); stream.sent(now)

`sources` gives a block source for each kind: `first`, `next` (block numbers), `find(number)` (the
next one that there is), `read(number, offset, buffer)` and `size(number)`. Blocks that are gone
before they could be sent are left out; the numbers show it.
"""

from struct import pack_into

from . import wire

_MOST_WINDOW = 32


class EcgStream:
    def __init__(self, sources):
        self._sources = sources
        self.reset()

    def reset(self):
        """A new connection."""
        self.counter = 0
        self._granted = 0
        self.stop()

    def stop(self):
        self._source = None
        self._number = self._end = self._offset = self._after = 0

    @property
    def running(self):
        return self._source is not None

    def start(self, kind, first, count):
        """Begins with block `first` (0: the next one that is made) for `count` blocks (0: until
        stopped); returns the first that will come, or None when there is no such source."""
        source = self._sources.get(kind)
        if source is None:
            return None
        self._source = source
        self._number = source.find(first) if first else source.next
        self._end = first + count if count else 0x7FFFFFFF
        self._offset = 0
        return self._number

    def grant(self, taken, window):
        """As RecordStream.grant."""
        under_way = (self.counter - taken) & 0xFFFF
        if under_way < 0x8000:
            self._granted = (taken + min(window, _MOST_WINDOW)) & 0xFFFF

    def frame(self, buffer, room, now):
        """The next frame of at most `room` bytes; 0 when nothing is to be sent."""
        source = self._source
        if source is None:
            return 0
        left = (self._granted - self.counter) & 0xFFFF
        if not 0 < left <= _MOST_WINDOW:
            return 0
        if not self._offset or self._number < source.first:
            self._number, self._offset = source.find(self._number), 0
        if self._number >= self._end:
            self._source = None
            return 0
        if self._number >= source.next:
            return 0
        view = memoryview(buffer)[wire.PART_HEAD : room]
        n = source.read(self._number, self._offset, view)
        self._after = self._offset + n
        last = wire.LAST_PART if self._after >= source.size(self._number) else 0
        pack_into("<BHIH", buffer, 0, wire.VERSION << 4 | wire.FRAME_ECG, self.counter,
                  self._number, self._offset | last)  # fmt: skip
        return wire.PART_HEAD + n

    def sent(self, now):
        """The frame that `frame` built went out."""
        self.counter = (self.counter + 1) & 0xFFFF
        self._offset = self._after
        if self._source is not None and self._offset >= self._source.size(self._number):
            self._number += 1
            self._offset = 0
