"""Verifies signatures from the file given as `cases`: JSON list of [public, message, signature].

Prints a JSON list of [verdict, steps, milliseconds of the longest step].
"""

import json
import time

import flashed
from monitor.ed25519 import verify
from monitor.sha512 import sha512

told = flashed.arguments()
out = []
for public, message, signature in told["cases"]:
    steps = longest = 0
    verdict = None
    start = time.ticks_us()
    for verdict in verify(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)):
        now = time.ticks_us()
        longest = max(longest, time.ticks_diff(now, start))
        start = now
        steps += 1
    out.append([verdict, steps, longest])
digests = []
for message in told["messages"]:
    digest = None
    for digest in sha512(bytes.fromhex(message)):
        pass
    digests.append(bytes(digest).hex())
print(json.dumps({"verdicts": out, "digests": digests}))
