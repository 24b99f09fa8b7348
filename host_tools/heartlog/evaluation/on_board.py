# mypy: ignore-errors
"""Runs inside MicroPython: feeds a detector from a file, writes what it decides.

The data file holds int32 codes; `runs` are the lengths, in turn, of stretches with samples and
without. Output lines: `B end ago amplitude width confidence flags shape` for a beat decided in
the block that ends before sample `end`, `S end judging reason` when the detector changes its mind
whether the signal can be judged.
"""

import sys
from array import array


def run(detector, stride, block_size, data, runs, out):
    """Feed `detector` from the file `data`; returns the number of samples that it saw."""
    block = array("i", bytes(4 * block_size))
    view = memoryview(block)
    end = 0
    judging = None
    with open(data, "rb") as codes, open(out, "w") as lines:
        for number, length in enumerate(runs):
            if number & 1:
                codes.seek(4 * length, 1)
                detector.gap(length)
                end += length
                continue
            while length:
                count = min(block_size, length)
                codes.readinto(view[:count] if count < block_size else block)
                length -= count
                end += count
                beats = detector.process(block, count)
                events = detector.events
                for i in range(0, beats * stride, stride):
                    fields = " ".join(str(events[i + k]) for k in range(stride))
                    lines.write(f"B {end} {fields}\n")
                if detector.judging != judging:
                    judging = detector.judging
                    reason = "" if judging else getattr(detector, "reason", "")
                    lines.write(f"S {end} {int(bool(judging))} {reason}\n")
    return end


def main(module, rate, nv_per_code, block_size, data, runs, out):
    """Make the detector of the module of this dotted name, and run it."""
    __import__(module)
    found = sys.modules[module]
    detector = found.Detector(rate, nv_per_code)
    run(detector, found.STRIDE, block_size, data, runs, out)
