"""Imports the whole monitor out of an image file, as the loader does; prints the heap it takes.

Argument JSON: image, folder (a place for a slot), loader. Run with a heap as small as is claimed.
"""

import gc
import json
import os
import sys

import attached

with open(sys.argv[1]) as f:
    told = json.load(f)
sys.modules["machine"] = attached.Machine()
os.mkdir(told["folder"] + "/slots")
with open(told["image"], "rb") as f, open(told["folder"] + "/slots/a.img", "wb") as g:
    g.write(f.read())
attached.attach(told["loader"], told["folder"])
from monitor import app, selftest, update  # noqa: E402, F401
from monitor.link import guard  # noqa: E402, F401

gc.collect()
print(json.dumps({"modules": len(sys.modules), "heap": gc.mem_alloc()}))
