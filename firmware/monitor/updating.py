"""Updates while the monitor runs: the link's commands, a little work each turn, the trial's end.

    updating = Updating(app, board)
    updating.on_command(opcode, data, answer)     # -> (result, length), from `commands`
    updating.step()                               # each turn: True while there is work
    updating.slow()                               # each second: confirms a new image

A new image stays once the monitor has sampled for ten seconds and its journal has grown. Only a
host that holds the key may send one: a monitor that was never paired takes none.
"""

import os
import time
from struct import pack_into, unpack_from

import machine
from micropython import const

from . import media as _media
from .link import wire
from .slots import NONE, Slots

_PROOF_SECONDS = const(10)
_ANSWER_MS = const(2000)  # for the host to hear that all of it is right, before the reset
_RECEIVING = const(1)  # update's states; the module is imported only when an update comes
_CHECKING = const(2)
_READY = const(4)


def take_back(root, media, recording):
    """Gives the journal what it lent (lending.py) when nothing needs it any more: the image before
    one that has proved itself, and, when the journal needs it, one that has not come whole."""
    slots = Slots(root)
    state, spare = slots.read(), slots.spare()
    if state is None or state[1] != NONE or spare is None:  # an image is about to be tried
        return
    paths = [slots.path(spare)]
    if recording or not slots.receiving():
        paths += [slots.folder + "/update.head"] + slots.parts()
    for path in paths:
        try:
            os.remove(path)
        except OSError:
            pass
    if not slots.receiving():
        media.reopen()


class Updating:
    """One per app. Costs nothing until the first command: `update` is imported then."""

    def __init__(self, app, board):
        self._app = app
        self._root = getattr(board, "ROOT", "/")
        self._update = None
        self._ready_at = None
        slots = Slots(self._root)
        self._trial = slots if slots.on_trial() else None
        self._first_seq = app.journal.next_seq
        self._lends = _media.lent(board) and hasattr(app.media, "give")
        self._settled = None  # whether a session ran when the journal's room was looked at

    def step(self):
        """A little of the checking, if there is any; resets into the new image at its end."""
        update = self._update
        if update is None:
            return False
        if update.step():
            return True
        if update.state == _READY and not self._recording():
            now = time.ticks_ms()
            if self._ready_at is None:
                self._ready_at = now
            elif time.ticks_diff(now, self._ready_at) > _ANSWER_MS:
                self._app.journal.flush()
                machine.reset()
        return False

    def slow(self):
        """Keep the image on trial once samples and journal have moved."""
        if self._trial is None:
            if self._lends:
                self._settle()
            return
        app = self._app
        acquisition = app.acquisition
        if acquisition.fault or app.journal.next_seq <= self._first_seq:
            return
        if acquisition.index >= _PROOF_SECONDS * acquisition.rate:
            self._trial.confirm()
            self._trial = None

    def _settle(self):
        """Looks after the journal's room when the monitor has started, as a session begins, and
        when an unfinished update would cost records that no host has."""
        app = self._app
        recording = self._recording()
        needed = recording or (app.media.closed and app.journal.pressed())
        if self._settled is None or (needed and (app.media.closed or not self._settled)):
            if self._update is not None and self._update.state in (_RECEIVING, _CHECKING):
                self._update.abort()
            take_back(self._root, app.media, needed)
        self._settled = recording
        if not recording:
            app.journal.keep_acknowledged()

    def _recording(self):
        from . import settings

        return bool(self._app.settings.get(settings.SESSION))

    def on_command(self, opcode, data, answer):
        """(result, length of the answer): `answer` holds three bytes already."""
        if self._app.server.guard is None:
            return wire.REFUSED, 3
        if self._update is None:
            import image_info

            from .update import Update

            lender = None
            if self._lends:
                from . import lending

                lender = lending.of(self._app)
            self._update = Update(self._root, image_info, lender)
        update = self._update
        if opcode == wire.UPDATE_BEGIN:
            size, digest, signature = unpack_from("<I32s64s", data, 2)
            status, offset = update.begin(size, digest, signature, self._recording())
        elif opcode == wire.UPDATE_DATA:
            status, offset = update.write(unpack_from("<I", data, 2)[0], bytes(data[6:]))
        elif opcode == wire.UPDATE_FINISH:
            status, offset = update.finish(), update.offset
        else:
            pack_into("<BBI", answer, 3, update.state, update.reason, update.offset)
            return wire.OK, 9
        pack_into("<BI", answer, 3, status, offset)
        return wire.OK, 8
