"""Battery and charger: told, journalled, and obeyed.

supply = Supply(app)
supply.step(now)            # a few times a second
supply.allow_sampling()     # after something that forbids or allows it changed
"""

import time

from . import power as _power
from .link import wire

_RECORD_MS = 600000
# Of a BATTERY record.
_FLAGS = {_power.CHARGING: 1, _power.LOW: 2, _power.EMPTY: 4, _power.HOT: 8, _power.COLD: 16}


class Supply:
    """`state`: of power.py, as last journalled."""

    def __init__(self, app):
        self._app = app
        self.state = _power.NORMAL
        self._percent = -2
        self._recorded_at = time.ticks_ms()

    def step(self, now):
        """Looks at the battery; a new state is journalled at once, any state now and then."""
        app = self._app
        power = app.power
        if power.step(now) and power.percent != self._percent:
            self._percent = power.percent
            if app.server is not None and self._percent >= 0:
                app.server.battery(self._percent)
        state = power.state
        if state == self.state and time.ticks_diff(now, self._recorded_at) < _RECORD_MS:
            return
        self._recorded_at = now
        percent = power.percent if power.percent >= 0 else 255
        app.record(wire.BATTERY, max(0, power.millivolts), percent, _FLAGS.get(state, 0))
        if state != self.state:
            self.state = state
            # On a charger mains power may be behind the patient's electrodes.
            self.allow_sampling()
            app.journal.flush()

    def allow_sampling(self):
        """Samples unless the power forbids it, or the memory is being erased."""
        app = self._app
        state = app.power.state
        powered = state != _power.CHARGING and state != _power.EMPTY
        app.acquisition.allow(powered and not app.memory.busy)
