"""Detector: the same made-up ECG gives the same beats, bit for bit, as on any other processor.

Prints the digest of all events; the host compares it with the one of its own MicroPython.
"""

import hashlib
import struct
from array import array

from monitor.detector.core import STRIDE, Detector

RATE = 250
BLOCK = 25
detector = Detector(RATE, 48.08)
block = array("i", [0] * BLOCK)
digest = hashlib.sha256()
beats = 0
state = 1
phase = 0
for turn in range(60 * RATE // BLOCK):
    for i in range(BLOCK):
        state = (state * 1103515245 + 12345) & 0x3FFFFFFF
        noise = (state >> 16) % 400 - 200
        phase += 1
        if phase >= 190 + turn % 40:
            phase = 0
        # A triangle of 44 ms for the R wave, a slow hill for the T wave.
        wave = 24000 * max(0, 6 - abs(phase - 40)) // 6 + 120 * max(0, 40 - abs(phase - 110))
        block[i] = wave + noise
    n = detector.process(block, BLOCK)
    for k in range(n * STRIDE):
        digest.update(struct.pack("<i", detector.events[k]))
    beats += n
assert beats > 50, "only %d beats were found" % beats
print("VALUE beats=%d" % beats)
print("DIGEST " + "".join("%02x" % c for c in digest.digest()))
