"""What hosts and gym watches are told without asking: the status and the heart rate.

telling = Telling(app, server)
telling.beat(rr, now)     # each beat: its interval goes into a heart rate message
telling.step(now)         # a few times a second
telling.status()          # after a change that a host should see at once
"""

import time
from array import array
from struct import pack_into

from . import power as _power
from . import settings as _settings
from .link import wire

_HEART_MS = 1500  # a heart rate message at least this often, also when there is none
_MOST_RRS = 8  # in one message


class Telling:
    """Fills `data`, what the status characteristic reads, from the app's parts."""

    def __init__(self, app, server):
        self._app = app
        self._server = server
        self._rr_1024 = array("H", bytes(2 * _MOST_RRS))
        self._rr_count = 0
        self._heart_at = time.ticks_ms()
        self.data = bytearray(wire.STATUS_SIZE)
        self.status()

    def beat(self, rr, now):
        """A beat; rr in samples, 0: unknown."""
        if rr and self._rr_count < _MOST_RRS:
            self._rr_1024[self._rr_count] = min(0xFFFF, rr * 1024 // self._app.beats.rate)
            self._rr_count += 1
        self._heart(now)

    def step(self, now):
        """The heart rate when none was told for long, and the status."""
        if time.ticks_diff(now, self._heart_at) >= _HEART_MS:
            self._heart(now)
        self.status()

    def _heart(self, now):
        self._heart_at = now
        app = self._app
        good = app.acquisition.judging
        rate = app.beats.heart_rate if good else 0
        self._server.heart(rate, good, self._rr_1024, self._rr_count if good else 0)
        self._rr_count = 0

    def status(self):
        """Brings what the status characteristic reads up to now."""
        app = self._app
        journal, acquisition, power = app.journal, app.acquisition, app.power
        percent = power.percent
        session = app.settings.get(_settings.SESSION)
        flags = wire.STATUS_SESSION if session else 0
        if acquisition.fault:
            flags |= wire.STATUS_FAULT
        if app.vigil.safe:
            flags |= wire.STATUS_SAFE
        if power.state == _power.CHARGING:
            flags |= wire.STATUS_CHARGING
        if self._server.bonds is not None:
            flags |= wire.STATUS_PAIRS
        pack_into(
            wire.STATUS_FORMAT, self.data, 0, wire.VERSION, journal.boot, acquisition.index,
            journal.next_seq, journal.acked, journal.first_seq, max(0, power.millivolts),
            percent if percent >= 0 else 255, acquisition.state, acquisition.reason,
            acquisition.off, min(255, app.beats.heart_rate), flags, session,
            acquisition.overruns & 0xFFFFFFFF, min(0xFFFF, journal.ring.erases),
            journal.percent, journal.journal,
        )  # fmt: skip
        if self._server.running:
            self._server.status(self.data)
