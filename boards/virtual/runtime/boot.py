"""The virtual board's boot program: wires the models, mounts the flash, runs the image's main.

    micropython -X heapsize=... boot.py RUNTIME_DIR BOARDS_VIRTUAL_DIR CABLE_FD

Everything else comes over the cable: see `virtual_board.supervisor`.
"""

import sys

# The real modules under other names, before the shims of the same names can be found.
del sys.path[:]
import machine as _machine  # noqa: E402, I001
import time as _time  # noqa: E402

sys.modules["real_machine"] = _machine
sys.modules["real_time"] = _time
for _name in ("machine", "time"):
    if _name in sys.modules:
        del sys.modules[_name]
sys.path[:] = [sys.argv[1], sys.argv[2]]

import gc  # noqa: E402
import os  # noqa: E402

import pace  # noqa: E402
import sim  # noqa: E402
import vfs  # noqa: E402
from cable import Cable  # noqa: E402

cable = pace.cable = Cable(int(sys.argv[3]))
config = cable.request(ask="config")
sim.kernel.now = config["now_us"]

import time  # noqa: E402

time.offset_us = config["ticks_ms"] * 1000
time.day_us = config["day_us"]
pace.show_clock(open(config["clock"], "r+b"), config["epoch"])

import bluetooth  # noqa: E402
import control  # noqa: E402
import wiring  # noqa: E402

board = wiring.Board(cable, config)
bluetooth.attach(cable, config)
pace.on_poll = board.tell
control.attach(cable, board)
import scheduling  # noqa: E402

sys.modules["micropython"] = scheduling
import bulk  # noqa: E402
import files  # noqa: E402

files.seed(bytes(config["random"]))
sys.modules["os"] = files
sys.path.append(config["image"])
board.connect_front_end()  # the front end's model reads the register tables of the image

# From here on only the image and the board's own flash are to be seen.
vfs.umount("/")
vfs.mount(vfs.VfsPosix(config["image"]), "/image")
board.mount()
sys.path[:] = ["/image", "", "/lib"]
os.chdir("/")
# What the models brought with them is not the firmware's: it imports its own.
for _name in list(sys.modules):
    if _name in ("boot", "wiring", "control", "scheduling", "cable") or _name.startswith(
        "monitor"
    ):
        del sys.modules[_name]
if config["bulk"]:
    bulk.install(board)
if "main.py" in os.listdir("/"):
    sys.path[:] = ["", "/lib"]  # an installed loader decides what runs
gc.collect()
board.baseline = gc.mem_alloc()
pace.set_speed(config["speed"])
pace.set_paused(config["paused"])
sim.set_cpu(config["cpu"])
try:
    cable.event(event="booted", cause=config["cause"])  # from here on Ctrl-C may come
    if sys.path[0] == "":
        with open("/main.py") as _file:
            _source = _file.read()
        exec(compile(_source, "main.py", "exec"), {"__name__": "__main__"})
    else:
        __import__("main")
    if not config["console"]:
        board.firmware_ended(None)
except KeyboardInterrupt:
    # Ctrl-C on the console: the REPL follows, as on any board. One that had to come as a signal
    # may have left the heap locked.
    sim.unlock()
    sys.path[:] = ["", "/lib"]
except SystemExit:
    board.firmware_ended("sys.exit()")
except BaseException as error:
    print("The firmware ended with an exception:")
    sys.print_exception(error)
    board.firmware_ended("%s: %s" % (type(error).__name__, error))
