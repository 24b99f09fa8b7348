"""Feeds codes from a file (int32) to the signal state; prints the seconds spent in each state.

micropython replay.py REPOSITORY FILE NANOVOLTS_PER_CODE
"""

import json
import sys
from array import array

repository, path, nv = sys.argv[1:4]
sys.path.insert(0, repository + "/firmware")
from monitor import quality as q
from monitor.quality_words import STATES


class Part:
    bits = 24
    family = "two"


class Afe:
    part = Part
    channels = 1
    rate = 250

    def nv_per_code(self, channel):
        return float(nv)

    def sensed_inputs(self):
        return 0


class Block:
    gap = gap_reason = 0
    channels = (array("i", bytes(4 * 50)),)
    status = array("i", bytes(4 * 50))


quality = q.Quality(Afe())
seconds = [0.0] * len(STATES)
changes = 0
with open(path, "rb") as file:
    while True:
        n = file.readinto(memoryview(Block.channels[0])) // 4
        if n == 0:
            break
        changes += quality.feed(Block, n)
        seconds[quality.state[0]] += n / 250
print(json.dumps({"seconds": dict(zip(STATES, seconds)), "changes": changes}))
