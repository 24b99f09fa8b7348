"""A board on a desk: MicroPython's unix port started as a board starts.

    micropython -i desk_boot.py FLASH FLASH_SIZE MODELS UNIQUE SIGNALS

Mounts littlefs on the flash model, offers the little of `machine` that the loader needs, runs
/main.py, and leaves the REPL. A reset ends the process; the supervisor starts the next.
"""

import sys

_flash_file, _size, _models, _unique, _signals = sys.argv[1:6]
sys.path[:] = [_models]
import os  # noqa: E402

import flash  # noqa: E402
import vfs  # noqa: E402

_wire = open(_signals, "wb")


class _Watchdog:
    """Tells the supervisor, who bites from outside when nothing feeds it."""

    def __init__(self, id=0, timeout=5000):
        self._timeout = timeout
        self.feed()

    def feed(self):
        _wire.write(self._timeout.to_bytes(4, "little"))


class _Machine:
    """A board's `machine`, as far as the loader and the tools use it."""

    WDT = _Watchdog

    def reset(self):
        os.system("kill -9 $PPID")

    def unique_id(self):
        return bytes.fromhex(_unique)


sys.modules["machine"] = _Machine()
_nor = flash.Nor(_flash_file, int(_size))
_device = flash.FlashDevice(_nor, 0, _nor.size)
vfs.umount("/")
try:
    _fs = vfs.VfsLfs2(_device, progsize=256)
except OSError:
    vfs.VfsLfs2.mkfs(_device, progsize=256)
    _fs = vfs.VfsLfs2(_device, progsize=256)
vfs.mount(_fs, "/")
os.chdir("/")
sys.path[:] = ["", "/lib"]
del flash
_wire.write(bytes(4))  # from here on the cable may interrupt, as once a board's ports are up
try:
    os.stat("/main.py")
    _there = True
except OSError:
    _there = False
if _there:
    try:
        with open("/main.py") as _f:
            _source = _f.read()
        exec(compile(_source, "main.py", "exec"), {"__name__": "__main__"})
    except KeyboardInterrupt:
        print("KeyboardInterrupt")
    except SystemExit:
        pass
