"""What the monitor says of itself while nobody is connected, or a place for another is free.

    advertiser = Advertiser(ble, name, guard)
    advertiser.step(now, connected, served, open_heart_rate)      # in the main loop

A paired monitor says no more than an identifier that its own host recognises (guard.py); it
changes every quarter of an hour, and the radio's address with it, where the stack can: who
follows one loses both. Neither changes while somebody is connected, who would link old and new.
While its host is let in, a monitor is silent: nobody else has anything to look for, but a watch
that shows the heart rate when that is open.
"""

import os

from . import gatt

_INTERVAL_US = 250000
_PLACES = 2
_NOT_RESOLVABLE = 3  # addr_mode: a random address that means nothing to anybody


class Advertiser:
    """`running`: whether the stack advertises, as far as is known."""

    def __init__(self, ble, name, guard):
        self._ble = ble
        self._name = name
        self._guard = guard
        self._moves = guard is not None  # the stack can change the radio's address
        self.running = False
        self.stale = False  # what is said has changed

    def step(self, now, connected, served, open_heart_rate):
        """Begins, renews or ends it; `served`: the rightful host is let in."""
        if served and not open_heart_rate:
            if self.running:
                self._stop()
            return
        due = not connected and self._moved(now)
        if due or ((self.stale or not self.running) and connected < _PLACES):
            self.stale = False
            self._begin(open_heart_rate)

    def _moved(self, now):
        """Takes a new identifier when that is due; whether it was."""
        guard = self._guard
        if guard is None or not guard.due(now):
            return False
        self._move()
        guard.rotate(now, os.urandom(4))
        return True

    def _begin(self, open_heart_rate):
        guard = self._guard
        if guard is None:
            data = gatt.advertisement(self._name)
        else:
            data = gatt.private_advertisement(guard.identifier)
        try:
            self._ble.gap_advertise(
                _INTERVAL_US, data, resp_data=gatt.scan_response(open_heart_rate)
            )
            self.running = True
        except OSError:
            self.running = False  # tried again in the next turn

    def _stop(self):
        self.running = False
        try:
            self._ble.gap_advertise(None)
        except OSError:
            pass

    def _move(self):
        """A new radio address."""
        if not self._moves:
            return
        self._stop()  # an address can't change while it is advertised
        try:
            self._ble.config(addr_mode=_NOT_RESOLVABLE)
        except (OSError, ValueError):
            self._moves = False  # BTstack has the one that its chip came with
