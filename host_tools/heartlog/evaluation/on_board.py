# mypy: ignore-errors
"""Runs inside MicroPython: feeds a detector from a file, writes what it decides.

The data file holds int32 codes; `runs` are the lengths, in turn, of stretches with samples and
without. Output lines: `B end ago amplitude width confidence flags shape rhythm` for a beat
decided in the block that ends before sample `end`, `S end judging reason` when the detector
changes its mind whether the signal can be judged; with `explain`, `F ...` after each beat: what
the rhythm's points were given for.
"""

import sys
from array import array


def run(detector, stride, rhythm, block_size, data, runs, out, explain=False):
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
                if rhythm:
                    rhythm.gap()
                end += length
                continue
            while length:
                count = min(block_size, length)
                codes.readinto(view[:count] if count < block_size else block)
                length -= count
                end += count
                beats = detector.process(block, count)
                if rhythm:
                    rhythm.feed(block, count)
                events = detector.events
                for i in range(0, beats * stride, stride):
                    fields = " ".join(str(events[i + k]) for k in range(stride))
                    classified = rhythm.beat(events[i]) if rhythm else 0
                    lines.write(f"B {end} {fields} {classified}\n")
                    if explain:
                        lines.write("F " + " ".join(str(v) for v in rhythm.seen) + "\n")
                if detector.judging != judging:
                    judging = detector.judging
                    reason = "" if judging else getattr(detector, "reason", "")
                    lines.write(f"S {end} {int(bool(judging))} {reason}\n")
    return end


def main(module, rate, nv_per_code, block_size, data, runs, out, explain=False):
    """Make the detector of the module of this dotted name, and run it."""
    __import__(module)
    found = sys.modules[module]
    detector = found.Detector(rate, nv_per_code)
    try:
        from monitor.rhythm import Rhythm

        rhythm = Rhythm(rate)
    except ImportError:
        rhythm = None  # a detector alone
    run(detector, found.STRIDE, rhythm, block_size, data, runs, out, explain)
