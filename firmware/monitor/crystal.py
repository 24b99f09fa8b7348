"""Which sample it was by the processor's crystal: notes that a host sets the times of beats by.

    crystal = Crystal(app)
    crystal.step(now)              # a few times a second

Most front ends convert by an oscillator of their own: half a percent off at 25 C, more when it is
warmer or colder (SBAS502, electrical characteristics), which is minutes a day, and not the same
all day. The processor's crystal is off by a few seconds a day. A NOTE_CRYSTAL tells at which
`ticks_ms` a sample was converted: soon after a start, then every quarter of an hour, with or
without a host; and behind a long gap, for while nothing is converted the processor counts.
"""

import time

from micropython import const

from .link import wire

_FIRST_MS = const(15000)
_MOST_MS = const(900000)
_LONG_GAP_S = const(10)
_LATEST_US = const(65535)  # an older sample tells little: the next one will be newer


class Crystal:
    """Of one app: its `acquisition` knows the newest sample, its journal takes the notes."""

    def __init__(self, app):
        self._app = app
        self._noted = time.ticks_ms()
        self._wait = _FIRST_MS
        self._behind_gap = False

    def gap(self, seconds):
        """So long nothing was converted."""
        if seconds >= _LONG_GAP_S:
            self._behind_gap = True

    def step(self, now):
        """Notes it when that is due, and a sample has just come."""
        if not self._behind_gap and time.ticks_diff(now, self._noted) < self._wait:
            return
        sample, late_us = self._app.acquisition.instant()
        if late_us > _LATEST_US or not sample:
            return
        self._noted = time.ticks_ms()
        converted = time.ticks_add(self._noted, -(late_us // 1000))
        self._wait = min(self._wait * 4, _MOST_MS)
        self._behind_gap = False
        self._app.record_at(sample, wire.NOTE, wire.NOTE_CRYSTAL, converted)
