"""Updates while the monitor runs: the link's commands, a little work each turn, the trial's end.

    updating = Updating(app, board)
    updating.on_command(opcode, data, answer)     # -> (result, length), from `commands`
    updating.step()                               # each turn: True while there is work
    updating.slow()                               # each second: confirms a new image

A new image stays once the monitor has sampled for ten seconds and its journal has grown. Only a
host that holds the key may send one: a monitor that was never paired takes none.
"""

import time
from struct import pack_into, unpack_from

import machine
from micropython import const

from .link import wire
from .slots import Slots

_PROOF_SECONDS = const(10)
_ANSWER_MS = const(2000)  # for the host to hear that all of it is right, before the reset
_READY = const(4)  # update.READY; the module is imported only when an update comes


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
            return
        app = self._app
        acquisition = app.acquisition
        if acquisition.fault or app.journal.next_seq <= self._first_seq:
            return
        if acquisition.index >= _PROOF_SECONDS * acquisition.rate:
            self._trial.confirm()
            self._trial = None

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

            self._update = Update(self._root, image_info)
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
