"""Finds R peaks: blocks of samples in, beats out.

detector = Detector(250, 48.08)          # samples a second, nanovolts per code
n = detector.process(block, count)       # block: array('i') of ADC codes
for i in range(0, n * STRIDE, STRIDE):
    ago, amplitude_uv, width_ms, confidence, flags, shape = detector.events[i:i + STRIDE]
"""

from array import array

from micropython import const
from monitor.detector.measure import locate, log, measure
from monitor.detector.scan import scan

STRIDE = 6
FOUND_BY_SEARCH_BACK = 1

_TICK = const(0)
_PEAK = const(9)
_EVENT = const(12)
_AGE = const(10)
_ROOM = const(16)


class Detector:
    """One ECG channel's beats.

    `rate` is 125, 250, 500 or 1000 samples/s; `nv_per_code` the weight of a code in nanovolts.
    After `process`, `events` holds the beats decided in that block, STRIDE words each.
    """

    def __init__(self, rate, nv_per_code):
        if rate != 250:
            raise ValueError("rate must be 250 samples/s")
        self.rate = rate
        self._nv = int(nv_per_code * 100)
        self.events = array("i", [0] * (STRIDE * _ROOM))
        self._s = array("i", [0] * 32)
        self._m = array("i", [0] * 280)
        self._c = array("i", [0] * 64)
        self.reset()

    def reset(self):
        """Forgets everything, as after power-on."""
        for i in range(len(self._s)):
            self._s[i] = 0
        self._s[_AGE] = 0xFF
        self._started = False
        self._level = 0
        self._noise = 0
        self._last = -1000
        self._rr = 200
        self.judging = True
        self.reason = 0

    def gap(self, lost):
        """Tells that `lost` samples are missing before the next block."""
        self.reset()

    def process(self, block, count):
        """Reads `count` codes of `block`; returns the number of beats now in `events`."""
        s, m, c = self._s, self._m, self._c
        if not self._started:
            self._fill(block[0])
        n = 0
        i = 0
        while i < count:
            i = scan(s, m, block, i | count << 16)
            if s[_EVENT] & 1:
                measure(s, m, c)
                locate(s, m, c)
                if self._is_beat():
                    e = n * STRIDE
                    end = s[_TICK] * 2 + s[1] + count - i
                    self.events[e] = end - c[7]
                    self.events[e + 1] = c[9] * self._nv // 62500 * 2 // 5
                    self.events[e + 2] = 100
                    self.events[e + 3] = 50
                    self.events[e + 4] = 0
                    self.events[e + 5] = 0
                    n += 1
        return n

    def _fill(self, code):
        v = ((code & 0xFFFFFF) ^ 0x800000) >> 4
        s, m = self._s, self._m
        for i in range(280):
            m[i] = 0
        for i in range(128):
            m[i] = v
        for i in range(4):
            m[276 + i] = 4 * v
        for i in range(16):
            m[256 + i] = 12 * v
        s[3] = 2 * v
        s[4] = s[5] = 0x1000000
        s[6] = 12 * v
        self._started = True

    def _is_beat(self):
        c = self._c
        level = log(self._s[_PEAK])
        since = c[0] - self._last
        if self._level == 0:
            self._level = level
            self._noise = level - 128
        if since < 50:
            return False
        threshold = max(self._level - 48, min(self._noise + 40, self._level - 12))
        if since < 90:
            threshold += 24
        elif since > 2 * self._rr:
            threshold -= 32
        if level <= threshold:
            self._noise += (level - self._noise) // 4
            return False
        self._level += max(-48, min(48, level - self._level)) // 4
        if since < 400:
            self._rr += (since - self._rr) // 8
        self._last = c[0]
        return True
