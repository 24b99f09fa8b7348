# mypy: ignore-errors
"""Runs inside MicroPython: the detector over a file of codes for each line of standard input.

A line is the file's path and the parameters; the answer is a line of R peaks.
"""

import sys
from array import array

from monitor.detector.core import STRIDE, Detector

BLOCK = 256


def peaks(path, parameters):
    """Every R peak (sample index) that the detector finds in the file of int32 codes."""
    detector = Detector(250, 48.08, parameters)
    block = array("i", bytes(4 * BLOCK))
    events = detector.events
    found = []
    end = 0
    with open(path, "rb") as codes:
        while True:
            count = codes.readinto(block) >> 2
            if not count:
                return found
            end += count
            for at in range(0, detector.process(block, count) * STRIDE, STRIDE):
                found.append(end - events[at])


def main():
    """Answer until standard input ends."""
    while True:
        line = sys.stdin.readline()
        if not line:
            return
        words = line.split()
        found = peaks(words[0], array("i", [int(word) for word in words[1:]]))
        print(" ".join(str(peak) for peak in found))


main()
