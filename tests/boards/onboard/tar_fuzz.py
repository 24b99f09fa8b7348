"""Reads damaged archives; prints how many were read to an end and how many refused."""

import io
import json

import flashed
from monitor import tar

told = flashed.arguments()
with open(told["archive"], "rb") as f:
    good = f.read()
state = 1
read = refused = 0
for _ in range(told["rounds"]):
    data = bytearray(good)
    for _ in range(3):
        state = state * 1103515245 + 12345 & 0x7FFFFFFF
        block = (state >> 8) % (len(data) // 512)
        state = state * 1103515245 + 12345 & 0x7FFFFFFF
        # Mostly within a header's fields: what lies in contents is for the hashes.
        data[512 * block + (state >> 8) % 300] = state >> 20 & 0xFF
    if state & 7 == 0:
        data = data[: (state >> 4) % len(data)]
    try:
        for name, size in tar.members(io.BytesIO(bytes(data))):
            assert tar.safe_name(name) and size >= 0
        read += 1
    except tar.BadArchive:
        refused += 1
print(json.dumps({"read": read, "refused": refused}))
