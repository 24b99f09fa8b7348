"""Two firmware images beside each other: which one runs, and which one is on trial.

    slots = Slots(board.ROOT)
    slots.confirm()                    # after a good start: this image stays

Under ROOT/slots are the files `a.img` and `b.img`, an image each, and `state`, one line of four
words: the image that runs, the one on trial or `-`, how often the trial was started, and
what became of the last one. The line is replaced by a rename, which littlefs makes whole or not at
all. `loader.py` (on the board as /main.py) reads it, counts trials, and goes back to the image
that ran before when a trial is never confirmed. It knows the format by itself: it must work when
nothing else does.

An image is read-only, and its modules are imported out of it: the loader mounts it and puts it
into sys.path. Whatever is being written is called `.part` and gets its name by a rename.
"""

import os
import sys

NONE = "-"
BOTH = ("a", "b")
PLACE = "/image-"  # and a slot's letter: where the loader mounts what it runs


def there(path):
    """Whether there is such a file."""
    try:
        os.stat(path)
        return True
    except OSError:
        return False


class Slots:
    """The slots under `root`, the folder where the board's file system is mounted."""

    def __init__(self, root):
        self.folder = root.rstrip("/") + "/slots"

    def exist(self):
        """Whether this board was set up with slots at all."""
        return self.read() is not None

    def read(self):
        """(run, trial, tries, last), or None without a state that can be read."""
        try:
            with open(self.folder + "/state") as f:
                run, trial, tries, last = f.read().split()
                return run, trial, int(tries), last
        except (OSError, ValueError):
            return None

    def write(self, run, trial, tries, last):
        """Replace the state."""
        with open(self.folder + "/state.new", "w") as f:
            f.write("%s %s %d %s\n" % (run, trial, tries, last))
        os.rename(self.folder + "/state.new", self.folder + "/state")

    def running(self):
        """The slot that this program was imported from, or None."""
        for path in sys.path:
            if path[:-1] == PLACE and path[-1] in BOTH:
                return path[-1]
        return None

    def on_trial(self):
        """Whether the running image has yet to be confirmed."""
        state = self.read()
        return state is not None and state[1] != NONE and state[1] == self.running()

    def parts(self):
        """The files of an image that has not come whole: over the air, and over the cable."""
        return [self.folder + "/update.part", self.path(self.spare() or BOTH[0]) + ".part"]

    def receiving(self):
        """Whether there is an image that has not come whole, or has yet to be confirmed."""
        state = self.read()
        return state is not None and (state[1] != NONE or any(there(p) for p in self.parts()))

    def confirm(self):
        """Keep the running image, if it is on trial; returns whether it was."""
        if not self.on_trial():
            return False
        trial = self.read()[1]
        self.write(trial, NONE, 0, "kept-" + trial)
        return True

    def spare(self):
        """The slot that may be overwritten: not the running one, not the one that is confirmed."""
        run = (self.read() or (NONE,))[0]
        for slot in BOTH:
            if slot not in (run, self.running()):
                return slot
        return None

    def path(self, slot):
        """A slot's file."""
        return self.folder + "/" + slot + ".img"

    def try_next(self, slot):
        """Put a slot's image on trial, from the next reset on."""
        run, _, _, last = self.read()
        self.write(run, slot, 0, last)
