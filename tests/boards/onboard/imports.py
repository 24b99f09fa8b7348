"""Imports the whole monitor out of an image file, as the loader does; prints the heap it takes.

Argument JSON: image, folder (a place for a slot), loader. Run with a heap as small as is claimed.
"""

import gc
import json
import os
import sys


class _Machine:
    """What modules take of `machine` while they are imported."""

    Pin = SPI = ADC = WDT = PWM = object


with open(sys.argv[1]) as f:
    told = json.load(f)
sys.modules["machine"] = _Machine()
os.mkdir(told["folder"] + "/slots")
with open(told["image"], "rb") as f, open(told["folder"] + "/slots/a.img", "wb") as g:
    g.write(f.read())
with open(told["loader"]) as f:
    source = f.read().replace('ROOT = "/"', 'ROOT = "%s"' % told["folder"])
space = {"__name__": "loader"}
exec(source, space)
del source
sys.path[:] = []
space["attach"]("a")
from monitor import app, selftest, update  # noqa: E402, F401
from monitor.link import guard  # noqa: E402, F401

gc.collect()
print(json.dumps({"modules": len(sys.modules), "heap": gc.mem_alloc()}))
