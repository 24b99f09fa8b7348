"""What the emulated board runs: the image's sampler and detector, and what they cost.

Sent through the raw REPL by `heartlog.emulate`; RATE, SECONDS and PIO stand in front of it. It is
MicroPython: the host never imports it.
"""

import gc
import json
import time

from monitor.afe.driver import PoweredOff
from monitor.detector.core import Detector

import board

RATE = globals().get("RATE", 500)
SECONDS = globals().get("SECONDS", 10)
PIO = globals().get("PIO", False)

if PIO:
    from monitor.sampler_pio import PioSampler as Kind
else:
    from monitor.sampler import Sampler as Kind


def spin(ms):
    """Turns of an empty loop in so many milliseconds: what the processor has left."""
    turns = 0
    begun = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), begun) < ms:
        turns += 1
    return turns


idle = spin(500) / 500
afe = PoweredOff(board).power_up()
afe.configure(rate=RATE, gain=6)
sampler = Kind(afe, board)
detector = Detector(RATE, afe.nv_per_code(0))
sampler.run()
gc.collect()
frames = beats = turns = faults = 0
heap = gc.mem_alloc()
begun = time.ticks_ms()
while time.ticks_diff(time.ticks_ms(), begun) < SECONDS * 1000:
    n = sampler.take()
    if n:
        frames += n
        beats += detector.process(sampler.channels[0], n)
        if frames % 256 < n and sampler.watch():
            faults += 1
    else:
        turns += spin(2)
elapsed = time.ticks_diff(time.ticks_ms(), begun)
result = {
    "part": afe.part.name,
    "rate": RATE,
    "seconds": elapsed / 1000,
    "samples": frames,
    "lost": sampler.lost,
    "overruns": sampler.overruns,
    "faults": faults,
    "beats": beats,
    "cpu_load_percent": round(100 - 100 * turns / (idle * elapsed), 1),
    "heap_growth": gc.mem_alloc() - heap,
}
sampler.halt()
afe.shut_down()
print("RESULT " + json.dumps(result))
