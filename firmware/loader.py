"""The board's /main.py: chooses which of two images runs, and goes back when a new one fails.

It is put on the board as source, once, and no update ever replaces it: so it stands alone, and it
does not depend on the version of MicroPython's bytecode. What it reads and writes is told in
`monitor/slots.py`. At a REPL, `import main; main.attach("a")` lets the modules of an image be
imported without starting it.

An image on trial gets three starts. It is kept once the monitor has said so itself (samples,
detector and journal have moved); an image that raises, hangs (the watchdog bites) or loses power
three times is left, and the one before it runs again.
"""

import gc
import os
import sys
import time

import deflate
import machine
import vfs

ROOT = "/"  # where the power-safe file system is mounted; the flasher writes the board's own here
TRIES = 3
TRIAL_WATCHDOG_MS = 8000  # rp2's watchdog reaches no further than 8388 ms
REST_MS = 10000  # between a crash and the next start: no reboot storm

FOLDER = ROOT.rstrip("/") + "/slots"
MARK = b"HLI1"
START = 21  # bytes of an image's first line


class Image:
    """An image file as a read-only file system, as far as importing from it needs one.

    An image is one file, since each of some hundred small ones would fill whole blocks of flash.
    It begins with lines of text: a mark, the file's size and the bytes of all other lines; what it
    is for; and of each module path, place, packed size and size. Each module is packed by itself
    (raw deflate, window of 2 KiB), for modules are imported when they are needed.
    """

    def __init__(self, path):
        self._path = path
        with open(path, "rb") as f:
            mark, size, head = f.read(START).split()
            if mark != MARK or int(size) != os.stat(path)[6]:
                raise ValueError("no whole image: " + path)
            self._head = f.read(int(head))
        if len(self._head) != int(head):
            raise ValueError("no whole image: " + path)

    def mount(self, readonly, mkfs):
        pass

    def umount(self):
        pass

    def _find(self, path):
        """[place, packed size, size] of a module as bytes, or None."""
        at = self._head.find(b"\n" + path[1:].encode() + b" ")
        if at < 0:
            return None
        end = self._head.find(b"\n", at + 1)
        return self._head[at + len(path) + 1 : end].split()

    def stat(self, path):
        found = self._find(path)
        if found:
            return (0x8000, 0, 0, 0, 0, 0, int(found[2]), 0, 0, 0)
        if path == "/" or self._head.find(b"\n" + path[1:].encode() + b"/") >= 0:
            return (0x4000, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        raise OSError(2)

    def open(self, path, mode):
        found = self._find(path)
        if not found or mode not in ("r", "rb"):
            raise OSError(2 if not found else 30)
        # What stays lies close together then: a table of names, grown to 9 KB, finds its place.
        gc.collect()
        f = open(self._path, "rb")
        f.seek(int(found[0]))
        return deflate.DeflateIO(f, deflate.RAW, 11, True)

    def ilistdir(self, path):
        names = [line.split()[0].decode() for line in self._head.split(b"\n")[1:-1]]
        return iter([(name, 0x8000, 0) for name in names])


def attach(slot):
    """Let a slot's modules be imported, before any others."""
    place = "/image-" + slot
    vfs.mount(Image(FOLDER + "/" + slot + ".img"), place)
    sys.path.insert(0, place)


def _there(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False


def _read():
    try:
        with open(FOLDER + "/state") as f:
            run, trial, tries, last = f.read().split()
            return run, trial, int(tries), last
    except (OSError, ValueError):
        return None


def _write(run, trial, tries, last):
    with open(FOLDER + "/state.new", "w") as f:
        f.write("%s %s %d %s\n" % (run, trial, tries, last))
    os.rename(FOLDER + "/state.new", FOLDER + "/state")


def _whole(slot):
    try:
        Image(FOLDER + "/" + slot + ".img")
        return True
    except (OSError, ValueError):
        return False


def choose():
    """(slot or None, whether it is on trial); counts the trial's start."""
    whole = [slot for slot in ("a", "b") if _whole(slot)]
    state = _read()
    if state is not None:
        run, trial, tries, last = state
        if trial != "-":
            if trial in whole and tries < TRIES:
                _write(run, trial, tries + 1, last)
                return trial, True
            _write(run, "-", 0, "failed-" + trial)
        if run in whole:
            return run, False
    return (whole[0] if whole else None), False


def _note(error):
    """Keep the last crash in a file, without wearing out the flash when it repeats."""
    path = FOLDER + "/crash.txt"
    with open(path + ".new", "w") as f:
        sys.print_exception(error, f)
    with open(path + ".new") as f:
        new = f.read()
    if _there(path):
        with open(path) as f:
            if f.read() == new:
                os.remove(path + ".new")
                return
    os.rename(path + ".new", path)


def main():
    """Start the chosen image; returns only when there is none or the board is held."""
    if _there(FOLDER + "/hold"):
        os.remove(FOLDER + "/hold")
        print("Heartlog: held for service. Reset the board to start the monitor.")
        return
    slot, trial = choose()
    if slot is None:
        print("Heartlog: no firmware image here. Put one on with `heartlog device flash`.")
        return
    if trial:
        machine.WDT(timeout=TRIAL_WATCHDOG_MS)
    try:
        attach(slot)
        __import__("start")
    except Exception as error:
        sys.print_exception(error)
        _note(error)
        if not trial:
            time.sleep_ms(REST_MS)
        machine.reset()


if __name__ == "__main__":
    main()
