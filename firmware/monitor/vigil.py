"""When the watchdog may be fed, and what happens when resets do not help.

    vigil = Vigil(app)
    if vigil.look(time.ticks_ms()): dog.feed()       # at the end of a turn that raised nothing

Fed only while all three move: samples come in, the detector takes them, and what was written down
reaches the flash. A recording that waits for a charger or an empty battery is no standstill. What
stood still is journalled, as far as that is possible, before the watchdog bites.

A front end that stops is started anew by the sampler long before, every second. After a minute of
that one reset is tried, for the fault may be this side's; if it is still gone then, it is tried on
and on without another, and delivers within a second of its return: a plug that was pulled for some
minutes must not cost the hour that safe mode does.

Resets by the watchdog are counted in the settings; three minutes in which everything moved, or
switching off and on, clear the count. The LIMIT-th of them, one soon after the other, starts the
monitor in safe mode instead: front end off, the light showing a fault, the link answering, so
that a technician can see why. Once an hour it tries to record again: a fault that stays makes
some seventy resets a day, not ten thousand. When safe mode itself is reset LIMIT times, only the
light is left (`TooManyResets`).
"""

import time

import machine
from machine import Pin
from micropython import const

from . import patterns
from . import settings as _settings
from .link import wire

LIMIT = const(3)
STILL_MS = const(60000)
HEALTHY_MS = const(180000)
REST_MS = const(3600000)
SHOW_MS = const(600000)

SAMPLES, DETECTOR, JOURNAL = const(1), const(2), const(4)


class TooManyResets(Exception):
    """Not even safe mode runs."""


def count_reset(settings, cause):
    """Counts this boot if the watchdog made it; whether it has to be safe mode. TooManyResets."""
    resets = settings.get(_settings.WATCHDOG_RESETS)
    if cause == wire.RESET_WATCHDOG:
        failures = settings.failures
        resets += 1
        settings.set(_settings.WATCHDOG_RESETS, min(255, resets))
        if resets >= 2 * LIMIT:
            raise TooManyResets("%d in a row" % resets)
        # What can't be counted must not go on for ever.
        return resets >= LIMIT or settings.failures > failures
    if cause == wire.RESET_POWER and resets:
        settings.set(_settings.WATCHDOG_RESETS, 0)
        resets = 0
    return resets >= LIMIT


class Vigil:
    """`safe`: whether this boot is one in safe mode; `still`: bits of what does not move."""

    def __init__(self, app, safe):
        self._app = app
        self.safe = safe
        self.still = 0
        now = time.ticks_ms()
        self._healthy = self._hour = now
        self._samples_at = self._detector_at = self._journal_at = now
        self._index = self._blocks = self._flushes = -1
        self._lost = 0
        self._writes = True  # the last flush reached the flash
        # A reset was tried already: what stopped may be the front end's own affair.
        self._reset = app.settings.get(_settings.WATCHDOG_RESETS) > 0
        self._tries = 0
        self._cleared = False

    def look(self, now):
        """Whether the watchdog may be fed; call it at least once a second."""
        if self.safe:
            return self._rest(now)
        app = self._app
        acquisition, journal = app.acquisition, app.journal
        index, blocks = acquisition.index, acquisition.blocks
        waits = not acquisition.allowed
        if self._reset and acquisition.tries != self._tries:
            self._tries = acquisition.tries
            waits = True
        if index != self._index or waits:
            self._index = index
            self._samples_at = now
        if blocks != self._blocks or waits:
            self._blocks = blocks
            self._detector_at = now
        moved = journal.flushes != self._flushes
        if moved:
            self._flushes = journal.flushes
            self._writes = journal.lost_pages == self._lost
            self._lost = journal.lost_pages
        if self._writes and (moved or not journal.waiting):
            self._journal_at = now
        diff = time.ticks_diff
        still = 0
        if diff(now, self._samples_at) > STILL_MS:
            still = SAMPLES
        if diff(now, self._detector_at) > STILL_MS:
            still |= DETECTOR
        if diff(now, self._journal_at) > STILL_MS:
            still |= JOURNAL
        if still and not self.still:
            self.still = still  # first: if the journal raises now, it does so once
            app.record(wire.FAULT, wire.FAULT_STUCK, still)
            app.journal.flush()
        self.still = still
        if still:
            self._healthy = now
        elif not self._cleared and diff(now, self._healthy) > HEALTHY_MS:
            self._cleared = True
            app.settings.set(_settings.WATCHDOG_RESETS, 0)
        return not still

    def _rest(self, now):
        """Safe mode: fed always; after an hour another attempt, ended by two more resets."""
        if not self._cleared and time.ticks_diff(now, self._healthy) > HEALTHY_MS:
            self._cleared = True
            self._app.settings.set(_settings.WATCHDOG_RESETS, LIMIT)  # safe mode does run
        if time.ticks_diff(now, self._hour) >= REST_MS:
            self._app.settings.set(_settings.WATCHDOG_RESETS, LIMIT - 2)
            self._app.journal.flush()
            machine.reset()
        return True


def show_fault(board):
    """The fault's light on a monitor of which nothing else could be built; ten minutes long."""
    light = board.pin("LED", Pin.OUT, value=0)
    on, off = patterns.TABLE[patterns.FAULT][1]
    began = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), began) < SHOW_MS:
        light(1)
        time.sleep_ms(on)
        light(0)
        time.sleep_ms(off)
