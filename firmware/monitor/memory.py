"""What a host may have forgotten, found and counted: DELETE, ERASE, IDENTIFY, and stored ECG.

    memory = Memory(app)
    memory.on_command(opcode, data, answer)   # -> (result, length), for `OPCODES`
    memory.step()                             # every turn: True while it erases

DELETE   records up to a number: acknowledged ones only. They are not offered again, also after a
         loss of power (a setting keeps the number), but a page that holds later ones, too, is
         sent as it is; the ring takes their blocks as it comes.
ERASE    everything, with the journal's own number as the key to it: refused while a session runs
         and while anything is not acknowledged, so it can't lose what no host has. A DROPPED
         record says what went; numbers go on behind it. Then the flash itself is erased, block by
         block, sampling paused meanwhile; should the power go, the next boot goes on with it.
IDENTIFY the panel shows its pattern for so many seconds.
"""

import time
from struct import pack_into, unpack_from

from . import settings as _settings
from .link import wire

OPCODES = (wire.DELETE, wire.ERASE, wire.IDENTIFY, wire.ECG_ACK, wire.ECG_RANGE)
_BOOT_MS = 3000  # spent on erasing what is left of an ERASE before anybody waits for samples


class Memory:
    """One per app, made when its journal and its strips are there."""

    def __init__(self, app):
        self._app = app
        self._paused = False
        self.busy = False
        app.journal.delete(app.settings.get(_settings.DELETED))
        start = time.ticks_ms()
        while self._wipe() and time.ticks_diff(time.ticks_ms(), start) < _BOOT_MS:
            pass

    def _wipe(self):
        strips = self._app.strips
        return self._app.journal.wipe() or (strips is not None and strips.flash.wipe())

    def step(self):
        """One block of what was erased; True while there is more."""
        if not self.busy:
            return False
        if not self._paused:
            self._paused = True
            self._app.supply.allow_sampling()
        if self._wipe():
            return True
        self.busy = self._paused = False
        self._app.supply.allow_sampling()
        return True

    def on_command(self, opcode, data, answer):
        """(result, length of the answer): `answer` holds three bytes already."""
        app = self._app
        if opcode == wire.DELETE:
            return self._delete(data, answer)
        if opcode == wire.ERASE:
            return self._erase(unpack_from("<I", data, 2)[0], answer)
        if opcode == wire.IDENTIFY:
            if not data[2]:
                return wire.BAD_OPERAND, 3
            if app.front is None:
                return wire.NOT_COMPLETED, 3
            app.front.identify(data[2])
            return wire.OK, 3
        if app.strips is None:
            return wire.NO_OPERAND, 3
        flash = app.strips.flash
        if opcode == wire.ECG_ACK:
            good = flash.acknowledge(unpack_from("<I", data, 2)[0])
            return (wire.OK if good else wire.BAD_OPERAND), 3
        flags = wire.ECG_IS_WHOLE if app.strips.whole else 0
        pack_into("<IIIB", answer, 3, flash.first, flash.next, flash.acked, flags)
        return wire.OK, 16

    def _delete(self, data, answer):
        journal = self._app.journal
        operator, seq = unpack_from("<BI", data, 2)
        if operator != wire.LESS_OR_EQUAL:
            known = wire.ALL <= operator <= 6
            return (wire.NO_OPERATOR if known else wire.BAD_OPERATOR), 3
        if seq > journal.acked or seq >= journal.next_seq:
            return wire.BAD_OPERAND, 3
        count = seq + 1 - journal.first_seq
        if count <= 0:
            return wire.NONE_FOUND, 3
        journal.delete(seq)
        self._app.settings.set(_settings.DELETED, seq)
        self._app.telling.status()
        pack_into("<I", answer, 3, count)
        return wire.OK, 7

    def _erase(self, number, answer):
        app = self._app
        journal = app.journal
        if number != journal.journal:
            return wire.BAD_OPERAND, 3
        flash = app.strips.flash if app.strips is not None else None
        if (
            app.settings.get(_settings.SESSION)
            or journal.acked < journal.next_seq - 1
            or (flash is not None and (app.strips.active or flash.acked < flash.next - 1))
        ):
            return wire.NOT_COMPLETED, 3
        pack_into("<I", answer, 3, self.erase())
        return wire.OK, 7

    def erase(self):
        """Forgets everything, whoever has it, and begins to erase it; seq of the record of it."""
        app = self._app
        journal = app.journal
        journal.flush()
        first, last = journal.first_seq, journal.next_seq - 1
        # The number first: when the power goes behind this, the next boot goes on from here.
        app.settings.set(_settings.DELETED, last)
        journal.delete(last)
        journal.leave_block()
        seq = app.record(wire.DROPPED, first, last + 1 - first, wire.DROPPED_ERASED)
        journal.flush()
        if app.strips is not None:
            app.strips.flash.forget()
        self.busy = True
        app.telling.status()
        return seq
