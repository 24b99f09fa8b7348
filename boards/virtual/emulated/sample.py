"""What the emulated board runs: the image's sampler and detector, resting between as the app does.

Sent through the raw REPL by `heartlog.emulate`; RATE, SECONDS and PIO stand in front of it. The
light's pin is high while the processor's work counts: first for half a second of rest alone, then
while samples are taken. Lines that begin with `FIGURES ` tell how it goes. It is MicroPython: the
host never imports it.

The heap is as the whole monitor leaves it: full but for some 30 KB, much of that in small holes.
Each block of samples leaves garbage behind, so that some collection begins at any place of the
code that allocates; an empty heap would hide for minutes what that costs.
"""

import gc
import json
import time
from array import array

from machine import Pin
from monitor.afe.driver import PoweredOff
from monitor.detector.core import STRIDE, Detector

import board

RATE = globals().get("RATE", 500)
SECONDS = globals().get("SECONDS", 10)
PIO = globals().get("PIO", False)
REST_MS = 8  # as `monitor.app`
TELL_MS = 2000
ROOM = 12 * 1024  # the largest piece that is left of the heap
SCRAP = 64  # bytes: each block of samples leaves eight of them

if PIO:
    from monitor.sampler_pio import PioSampler as Kind
else:
    from monitor.sampler import Sampler as Kind


def tell(final):
    """Says how it goes, and which beats were found since it was said last."""
    global count, collections, most
    growth = gc.mem_alloc() - heap
    if growth < most:
        collections += 1
    most = growth
    if final:
        gc.collect()
    print(
        "FIGURES "
        + json.dumps(
            {
                "final": final,
                "part": afe.part.name,
                "rate": RATE,
                "seconds": time.ticks_diff(time.ticks_ms(), begun) / 1000,
                "samples": frames,
                "lost": sampler.lost,
                "overruns": sampler.overruns,
                "faults": faults,
                "first": first,
                "beats": list(peaks[:count]),
                "heap_growth": gc.mem_alloc() - heap,  # (garbage too, until the end)
                "collections": collections,
            }
        )
    )
    count = 0


def fill():
    """-> what has to be kept: the heap is full then, but for `ROOM` and small holes."""
    room = bytearray(ROOM)
    kept = []
    size = 32 * 1024
    while size >= 4 * SCRAP:
        try:
            kept.append(bytearray(size))
        except MemoryError:
            size //= 2
    del room
    gc.collect()
    return kept


counting = board.pin("LED", Pin.OUT, value=0)
afe = PoweredOff(board).power_up()
afe.configure(rate=RATE, gain=6)
sampler = Kind(afe, board)
detector = Detector(RATE, afe.nv_per_code(0))
peaks = array("I", bytes(4 * 256))
frames = count = faults = collections = most = 0
first = []

counting(1)
begun = time.ticks_ms()
while time.ticks_diff(time.ticks_ms(), begun) < 500:
    time.sleep_ms(REST_MS)
counting(0)

sampler.run()
kept = fill()
heap = gc.mem_alloc()
begun = told = time.ticks_ms()
counting(1)
while time.ticks_diff(time.ticks_ms(), begun) < SECONDS * 1000:
    n = sampler.take()
    if n:
        if not frames:
            first = list(sampler.channels[0][: min(n, 16)])
        if sampler.gap:
            detector.gap(sampler.gap)
        frames += n
        for _ in range(8):
            bytearray(SCRAP)
        found = detector.process(sampler.channels[0], n)
        for at in range(0, found * STRIDE, STRIDE):
            if count < len(peaks):
                peaks[count] = sampler.index - detector.events[at]
                count += 1
        if frames % 256 < n and sampler.watch():
            faults += 1
    else:
        time.sleep_ms(REST_MS)
        if time.ticks_diff(time.ticks_ms(), told) > TELL_MS:
            counting(0)
            told = time.ticks_ms()
            tell(False)
            counting(1)
counting(0)
tell(True)
sampler.halt()
afe.shut_down()
