"""The monitor's own main program, a few seconds before its sample index wraps at 2^32."""

from monitor import app
from monitor import sampler as module
from monitor.acquire import Acquisition

import board

SECONDS = 40
_start = Acquisition._start


def start(self):
    _start(self)
    if self.sampler is not None:
        first = -SECONDS * self.rate & 0xFFFFFFFF
        self.sampler.index = first
        # the interrupt's own count has the lower bits of it
        state, place = self.sampler._state, module.core.PLACE
        state[place] = state[place] + first & 0xFFFFFFF


Acquisition._start = start
app.run(board)
