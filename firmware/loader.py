"""The board's /main.py: chooses which of two images runs, and goes back when a new one fails.

It is put on the board as source, once, and no update ever replaces it: so it stands alone, and it
does not depend on the version of MicroPython's bytecode. What it reads and writes is told in
`monitor/slots.py`.

An image on trial gets three starts. It is kept once the monitor has said so itself (samples,
detector and journal have moved); an image that raises, hangs (the watchdog bites) or loses power
three times is left, and the one before it runs again.
"""

import os
import sys
import time

import machine

ROOT = "/"  # where the power-safe file system is mounted; the flasher writes the board's own here
TRIES = 3
TRIAL_WATCHDOG_MS = 8000  # rp2's watchdog reaches no further than 8388 ms
REST_MS = 10000  # between a crash and the next start: no reboot storm

FOLDER = ROOT.rstrip("/") + "/slots"


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


def choose():
    """(slot or None, whether it is on trial); counts the trial's start."""
    whole = [slot for slot in ("a", "b") if _there(FOLDER + "/" + slot + "/manifest.json")]
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
    sys.path.insert(0, FOLDER + "/" + slot)
    if trial:
        machine.WDT(timeout=TRIAL_WATCHDOG_MS)
    try:
        __import__("start")
    except Exception as error:
        sys.print_exception(error)
        _note(error)
        if not trial:
            time.sleep_ms(REST_MS)
        machine.reset()


if __name__ == "__main__":
    main()
