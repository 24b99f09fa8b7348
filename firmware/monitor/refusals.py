"""Those who were turned away: journalled, but never so often that they push out heart beats.

    refusals = Refusals(app)
    refusals.on_refused(failures)     # failures: since the boot
    refusals.slow(now)                # a few times a second

The first three since a boot are told one by one, further ones every ten minutes in one record
with their number. That strangers have to wait is kept over a boot, too: a setting, which is
written once an hour at most, whatever they do.
"""

import time

from . import settings as _settings
from .link import wire

_SINGLY = 3
_TOGETHER_MS = 600000
_KEPT_MS = 3600000


class Refusals:
    """One per app with a paired monitor's `guard`."""

    def __init__(self, app, guard):
        self._app = app
        self._guard = guard
        self._told = self._failures = 0
        self._told_at = time.ticks_ms()
        self._kept_at = None
        if app.settings.get(_settings.REFUSING):
            guard.shut(time.ticks_ms())

    def on_refused(self, failures):
        """Someone without the key was turned away."""
        self._failures = failures
        if failures <= _SINGLY:
            self._tell(time.ticks_ms())

    def _tell(self, now):
        self._told, self._told_at = self._failures, now
        self._app.record(wire.LINK, wire.LINK_REFUSED, self._failures)

    def slow(self, now):
        """What is due."""
        if self._failures != self._told and (time.ticks_diff(now, self._told_at) >= _TOGETHER_MS):
            self._tell(now)
        slowed = 1 if self._guard.slowed else 0
        if slowed != self._app.settings.get(_settings.REFUSING) and (
            self._kept_at is None or time.ticks_diff(now, self._kept_at) >= _KEPT_MS
        ):
            self._kept_at = now
            self._app.settings.set(_settings.REFUSING, slowed)
