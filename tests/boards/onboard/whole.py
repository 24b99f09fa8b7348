"""Starts the whole monitor but its radio on an emulated chip, and prints the memory it leaves.

In flash: the loader as /loader.py, an image in slot a. What is told: free memory after the reset,
once the modules are imported, and while it samples; samples, overruns, and the first records.
"""

import gc
import json
import sys
import time

gc.collect()
said = {"boot": gc.mem_free()}
import loader  # noqa: E402

loader.attach("a")
from monitor import inplace  # noqa: E402

import board  # noqa: E402

said["moved"] = inplace.bring(board)
inplace.forget()
del inplace
from monitor import app  # noqa: E402

gc.collect()
said["imported"] = gc.mem_free()
board.charger_present = lambda: False
monitor = app.App(board)
gc.threshold(-1)  # as app.run does
end = time.ticks_add(time.ticks_ms(), 1500)
while time.ticks_diff(end, time.ticks_ms()) > 0:
    if not monitor.step():
        time.sleep_ms(8)
gc.collect()
said["running"] = gc.mem_free()
said["ring"] = monitor.ecg is not None
said["samples"] = monitor.acquisition.index
said["fault"] = monitor.acquisition.fault
said["records"] = monitor.journal.next_seq
said["modules"] = len([name for name in sys.modules if name.startswith("monitor.")])
print(json.dumps(said))
