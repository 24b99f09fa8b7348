"""The patient: plays a file of volts, prepared by the supervisor at the front end's own rate.

The front end calls `begin(rate)` when it starts to convert and `leads(t_us)` once a conversion.
The supervisor resamples the record meanwhile; simulated time stands still. The record's time runs
on over a restart of the conversions, or of the board: a heart does not wait for a chip.
"""

from array import array

import pace
import vfs

# The firmware's own view of files ends at its flash; the patient's are outside.
_outside = vfs.VfsPosix("/")
_FRAMES = 1024


class Patient:
    """`begin(rate)` and `leads(t_us)` for models/electrodes.py; `hold` and `play` for commands.

    `started_us`: simulated time of the record's first sample, None while it waits.
    `record_start`: the number of the conversion, from 0 at the latest start of the front end, that
    saw (or would have seen) the record's first sample.
    """

    def __init__(self, cable, channels, playing=True, started_us=None):
        self._cable = cable
        self._file = None
        self._zero = array("f", [0.0] * channels)
        self._frame = array("f", [0.0] * channels)
        self._buffer = array("f", [0.0] * (_FRAMES * channels))
        self.channels = channels
        self._have = 0
        self._next = 0
        self._left = 0
        self._loop = False
        self._frames = 0
        self.playing = playing
        self.started_us = started_us
        self.rate = 0
        self.conversions = 0
        self.record_start = None
        self.finished = False

    def play(self):
        """Let the record begin with the next conversion."""
        self.playing = True

    def begin(self, rate):
        """The front end starts to convert at `rate` samples/s."""
        self.conversions = 0
        self.record_start = None
        self._have = self._next = 0
        if rate == self.rate:
            return
        self.rate = rate
        prepared = self._cable.request(ask="patient", rate=rate)
        pace.rebase()
        if self._file is not None:
            self._file.close()
        self._file = _outside.open(prepared["path"], "rb")
        self._frames = prepared["frames"]
        self._loop = prepared["loop"]

    def leads(self, t_us):
        """Volts by lead at the next conversion; zeros before the record and after its end."""
        self.conversions += 1
        if not self.playing:
            return self._zero
        if self.record_start is None:
            self._find_place(t_us)
        if self._next == self._have and not self._fill():
            return self._zero
        frame = self._frame
        buffer = self._buffer
        i = self._next * self.channels
        for c in range(self.channels):
            frame[c] = buffer[i + c]
        self._next += 1
        return frame

    def steady(self):
        """Whether the record plays over and over, so that its place is all there is to know."""
        return self.playing and self._loop and self.record_start is not None

    def whole(self):
        """All of the record, leads interleaved."""
        volts = array("f", [0.0] * (self._frames * self.channels))
        place = self._file.seek(0, 1)
        self._file.seek(0)
        self._file.readinto(volts)
        self._file.seek(place)
        return volts

    def jump(self, n):
        """Pass over `n` conversions; returns the frame at which they begin."""
        at = self._frames - self._left - (self._have - self._next)
        self.conversions += n
        place = (at + n) % self._frames
        self._have = self._next = 0
        self._left = self._frames - place
        self._file.seek(place * self.channels * 4)
        return at

    def _find_place(self, t_us):
        """The first conversion of this start: where in the record is the heart by now?"""
        if self.started_us is None:
            self.started_us = t_us
        place = ((t_us - self.started_us) * int(self.rate) + 500000) // 1000000
        self.record_start = self.conversions - 1 - place
        self.finished = False
        place = place % self._frames if self._loop else min(self._frames, place)
        self._file.seek(place * self.channels * 4)
        self._left = self._frames - place

    def _fill(self):
        if not self._left:
            if not self._loop:
                self.finished = True
                return False
            self._file.seek(0)
            self._left = self._frames
        n = min(_FRAMES, self._left)
        self._file.readinto(memoryview(self._buffer)[: n * self.channels])
        self._left -= n
        self._have = n
        self._next = 0
        return True
