"""The monitor's front: what the panel shows and hears, tied to what the monitor knows.

    front = Front(app, board)
    front.step(now, app.acquisition.index)      # every turn of the main loop

The light never says anything that the journal does not: both are told from the same state, in the
same turn. Recording waits while a charger is plugged in (mains power may be behind it) and ends
when the battery is empty, with everything flushed.
"""

import time

from machine import Pin
from micropython import const

from . import panel, patterns, tone
from . import power as _power
from . import settings as _settings
from .link import wire

_LOOK_MS = const(10)
_STATES_MS = const(250)
_MEMORY_PERCENT = const(90)
# Up to four erases in a row of 45 ms each, on a Pico: a file's block, and littlefs's own.
_ERASES_MS = const(200)
_LEADS = const(4)


class Front:
    """Needs a board with LED; BUTTON (to ground, pulled up) and BUZZER where it has them."""

    def __init__(self, app, board):
        pins = board.PINS
        button = board.pin("BUTTON", Pin.IN, pull=Pin.PULL_UP) if "BUTTON" in pins else None
        buzzer = tone.make(board, app.settings)
        self._app = app
        self.panel = panel.Panel(button, board.pin("LED", Pin.OUT, value=0), buzzer, app.settings)
        self._looked = self._told = time.ticks_ms()

    def step(self, now, index):
        """Looks at the button and moves light and buzzer on."""
        if time.ticks_diff(now, self._told) >= _STATES_MS:
            self._told = now
            self._tell()
        if time.ticks_diff(now, self._looked) < _LOOK_MS:
            return
        self._looked = now
        action = self.panel.step(now, index)
        if action == panel.NOTHING:
            return
        app = self._app
        if action == panel.PRESS:
            app.press(self.panel.press_index)
        elif action == panel.SOUND:
            self._told_setting(_settings.SOUND)
        elif action == panel.OPEN:
            self._told_setting(_settings.OPEN_HEART_RATE)
            if app.server is not None:
                app.server.open_up(app.settings.open_heart_rate)
        elif action == panel.STOP:
            app.stop_session()

    def steady(self, now):
        """Whether flash can be erased for a while and no flash of the light comes late for it."""
        return self.panel.left(now) >= _ERASES_MS

    def alarm(self):
        """An alarm was journalled: the patient is told, if that is asked for."""
        if self._app.settings.get(_settings.ALARM_SOUND):
            self.panel.answer(patterns.ALARM, time.ticks_ms())

    def identify(self, seconds):
        """The light says for so long which monitor it is; a press of the button ends it."""
        self.panel.answer(patterns.IDENTIFY, time.ticks_ms(), seconds)

    def _told_setting(self, key):
        self._app.record(wire.SETTING, key, self._app.settings.get(key))

    def clock(self, host_us):
        """A host told the time (UTC, microseconds): quiet hours follow it."""
        minutes = host_us // 60000000 + self._app.settings.get(_settings.UTC_OFFSET_MIN)
        self.panel.set_clock(minutes % 1440)

    def _tell(self):
        app = self._app
        acquisition, state = app.acquisition, app.power.state
        show = self.panel.show
        show(patterns.FAULT, bool(acquisition.fault) or app.storage_fault)
        show(patterns.STOPPED_CHARGING, state == _power.CHARGING)
        show(patterns.BATTERY_EMPTY, state == _power.EMPTY)
        show(patterns.TEMPERATURE, state == _power.HOT or state == _power.COLD)
        show(patterns.BATTERY_LOW, state == _power.LOW)
        self._tell_memory()
        session = app.settings.get(_settings.SESSION) != 0
        for lead in range(_LEADS):
            show(patterns.LEAD_1 + lead, session and bool(acquisition.off >> lead & 1))
        show(patterns.RECORDING, session and acquisition.sampler is not None)

    def _tell_memory(self):
        app = self._app
        percent = app.journal.percent
        full = percent >= _MEMORY_PERCENT
        self.panel.show(patterns.MEMORY_FULL, full)
        if full != bool(app.settings.get(_settings.MEMORY_TOLD)):
            app.record(wire.NOTE, wire.NOTE_MEMORY, percent)
            app.journal.flush()  # said twice after a power cut here, but never not at all
            app.settings.set(_settings.MEMORY_TOLD, 1 if full else 0)
