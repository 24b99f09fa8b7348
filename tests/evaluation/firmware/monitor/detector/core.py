# A small detector with the firmware's contract: the steepest slope above a fixed threshold.
# With it the evaluation is tested apart from the detector that the product has.
from array import array

STRIDE = 6
_REFRACTORY_MS = 250
_THRESHOLD_UV = 150


class Detector:
    def __init__(self, rate, nv_per_code):
        self.judging = True
        self.reason = ""
        self.events = array("i", bytes(4 * STRIDE * 4))
        self._refractory = rate * _REFRACTORY_MS // 1000
        self._uv = nv_per_code / 1000
        self._threshold = int(_THRESHOLD_UV / self._uv)
        self._lag = max(1, rate // 100)
        self._last = [None] * self._lag
        self._wait = 0
        self.lost = 0

    def gap(self, lost):
        self.lost += lost
        self._last = [None] * self._lag
        self._wait = 0

    def process(self, block, count):
        found = 0
        for i in range(count):
            x = block[i]
            before = self._last[0]
            self._last = self._last[1:] + [x]
            if x in (8388607, -8388608):
                self.judging = False
                self.reason = "saturated"
            if self._wait:
                self._wait -= 1
            elif before is not None and x - before > self._threshold:
                self._wait = self._refractory
                at = found * STRIDE
                found += 1
                self.events[at] = count - i
                self.events[at + 1] = int((x - before) * self._uv)
                self.events[at + 2] = 80
                self.events[at + 3] = 50
                self.events[at + 4] = self.lost > 0
        return found
