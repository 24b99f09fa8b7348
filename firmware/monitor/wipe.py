"""A lost monitor forgets everything: its keys first, so that a power cut leaves nothing to read.

    result = begin(app)               # WIPE came, sealed: the keys are gone when this returns
    go_on(settings, media, root)      # at the next boot, before anything is mounted

What happens, in this order: a setting says that it has begun; the journal's keys are overwritten;
the pairing key and the radio's bonds are removed, and the file system's log is turned over until
no old copy of them is left; then the monitor restarts, erases every block of journal and ECG, and
sets the settings back. Where the journal itself goes through files, all that the file system has
free is written over. Wherever the power goes, the next boot goes on with it. A monitor that was
wiped is as one that was never used: unpaired, empty, with a new journal number. A memory card,
whose keys went with the others, is erased in the background (cardwipe.py).
"""

import os

from . import pairing as _pairing
from . import settings as _settings
from .link import bonds as _bonds
from .link import wire

_ROUNDS = 100  # commits of 128 bytes or more: each block of the log is compacted twice


def begin(app):
    """Result of the command; the caller restarts the monitor when the answer has gone out."""
    if app.server.guard is None:
        return wire.REFUSED
    app.settings.set(_settings.WIPING, 1)
    app.journal.vault.wipe()
    return wire.OK


def go_on(settings, media, root):
    """Does all of it, or what is left of it, and takes some seconds."""
    if settings.keys is not None:
        settings.keys.keep(())
    _pairing.forget(root)
    _bonds.forget(root)
    scrub(root)
    for block in range(_settings.BLOCKS, media.blocks):
        try:
            if media.held(block):
                media.erase(block)
        except OSError:
            pass  # worn out; what was sealed in it is without a key
    settings.reset()
    if media.copies:
        fill(root)
    settings.set(_settings.WIPING, 0)


def scrub(root):
    """Turns the log of the root folder over, in which small files that went can still be found."""
    name = root + _pairing.NAME + ".old"  # its neighbour in the folder's order, so in its log
    try:
        for _ in range(_ROUNDS):
            with open(name, "wb") as file:
                file.write(os.urandom(64))
        os.remove(name)
    except OSError:
        pass


def fill(root):
    """Writes over every free block of the file system: what files held before lies in them."""
    name = root + "fill"
    data = b"\xff" * 512
    try:
        with open(name, "wb") as file:
            while True:
                file.write(data)
    except OSError:  # full
        pass
    try:
        os.remove(name)
    except OSError:
        pass
