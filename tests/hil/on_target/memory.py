"""Heap: what is left with the whole monitor imported, after a collection. At least 40 KiB."""

import gc

import board

if hasattr(board, "CODE_RAM"):  # as start.py has it
    from monitor import inplace

    inplace.bring(board)
    inplace.forget()
    del inplace
from monitor import app  # noqa: E402, F401

gc.collect()
free = gc.mem_free()
print("VALUE free=%d" % free)
assert free > 40 * 1024, "only %d bytes of heap are free" % free
