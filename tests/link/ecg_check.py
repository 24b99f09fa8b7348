# ruff: noqa: E402
# Runs in MicroPython: packs lists of codes (one a line on stdin, numbers in decimal) into blocks.
import sys

sys.path[:0] = [sys.argv[1]]
from array import array
from binascii import hexlify

from monitor.ecgring import EcgRing

ring = EcgRing(60000, 500)
while True:
    line = sys.stdin.readline()
    if not line:
        break
    words = line.split()
    codes = array("i", [int(w) for w in words[1:]])
    ring.add(3, 1, int(words[0]), codes, len(codes))
    ring.close()
    print(hexlify(ring.block(ring.next - 1)).decode())
