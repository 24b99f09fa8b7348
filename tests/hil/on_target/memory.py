"""Heap: what is left with the whole monitor imported, after a collection. At least 40 KiB."""

import gc

from monitor import app  # noqa: F401

gc.collect()
free = gc.mem_free()
print("VALUE free=%d" % free)
assert free > 40 * 1024, "only %d bytes of heap are free" % free
