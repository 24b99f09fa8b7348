"""Flash: what the journal stands on. Blocks are written, read back, renamed; the time is told."""

import hashlib
import os
import time

import board

folder = getattr(board, "ROOT", "/").rstrip("/") + "/hil"
path = folder + "/blocks"
try:
    os.mkdir(folder)
except OSError:
    pass
try:
    sha = hashlib.sha256()
    longest = 0
    with open(path + ".new", "wb") as f:
        for n in range(16):
            block = bytes([n * 17 & 0xFF]) * 4096
            sha.update(block)
            start = time.ticks_us()
            f.write(block)
            f.flush()
            longest = max(longest, time.ticks_diff(time.ticks_us(), start))
    os.rename(path + ".new", path)
    back = hashlib.sha256()
    with open(path, "rb") as f:
        block = f.read(4096)
        while block:
            back.update(block)
            block = f.read(4096)
    assert back.digest() == sha.digest(), "what was read is not what was written"
    print("VALUE longest_block_us=%d" % longest)
finally:
    for name in os.listdir(folder):
        os.remove(folder + "/" + name)
    os.rmdir(folder)
