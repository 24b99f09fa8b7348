"""What the patient sees, hears and presses: one button, one light, one buzzer.

    panel = Panel(button, light, buzzer, settings)
    panel.show(patterns.RECORDING, True)
    action = panel.step(time.ticks_ms(), sampler.index)

`step` is called by the main loop at least every 20 ms. It returns NOTHING or one action; for PRESS
`panel.press_index` is the sample index at the button's first edge, before debouncing. A press is
an event from its first moment on, however long it then is held: someone who feels faint may not
let go. Let go after three seconds it also turns the sound off or on; after six it opens the
heart rate to sports watches, or closes it; after nine it asks whether to stop, and stops only if
the button is pressed again within five seconds. Light and buzzer tell when each time is reached.
"""

import time

from micropython import const

from . import patterns

NOTHING = const(0)
PRESS = const(1)
SOUND = const(2)
STOP = const(3)
OPEN = const(4)

_UP = const(0)
_DOWN = const(1)
_SOUND = const(2)  # held so long that letting go switches the sound,
_OPEN = const(3)  # opens or closes the heart rate,
_ASKED = const(4)  # or asks to stop
_CONFIRM = const(5)  # let go: a press within the time confirms

_MINUTES_A_DAY = const(1440)
_MS_A_MINUTE = const(60000)
_FOR_EVER = const(-1)
_FOR_LONG = const(1 << 20)


class Player:
    """Plays a row of on/off times from the table on one output, without allocating."""

    def __init__(self):
        self.row = ()
        self.repeat = 0
        self._i = 0
        self._since = 0
        self.on = False

    def play(self, row, repeat, now):
        """Start a row (ms, on first) and repeat it so many times (below 0: for ever); an empty
        row is silence."""
        self.row = row
        self.repeat = repeat
        self._i = 0
        self._since = now
        self.on = len(row) > 0

    def step(self, now):
        """Move on to `now`; returns whether the output is on."""
        row = self.row
        n = len(row)
        while n:
            length = row[self._i]
            if time.ticks_diff(now, self._since) < length:
                break
            self._since = time.ticks_add(self._since, length)
            self._i += 1
            if self._i == n:
                if not self.repeat:
                    self.row = ()
                    n = 0
                elif self.repeat > 0:
                    self.repeat -= 1
                self._i = 0
            self.on = n > 0 and not self._i & 1
        return self.on

    @property
    def idle(self):
        """Whether nothing is being played."""
        return not self.row

    def left(self, now):
        """Milliseconds until the output changes; a long time while nothing is played."""
        if not self.row:
            return _FOR_LONG
        return self.row[self._i] - time.ticks_diff(now, self._since)


class Panel:
    """Button, light and buzzer; `button()` is 0 while pressed, `light(v)` and `buzzer(v)` take 0
    or 1.

    `settings` has `sound` and `open_heart_rate` (bool), `quiet_from` and `quiet_to` (minutes after
    local midnight, equal: no quiet hours). `buzzer` and `button` may be None on a board without
    them.
    """

    def __init__(self, button, light, buzzer, settings):
        self._button = button
        self._light = light
        self._buzzer = buzzer
        self._settings = settings
        now = time.ticks_ms()
        self._states = bytearray(patterns.STATES)
        self._shown = -1
        self._state_player = Player()
        self._answer_player = Player()
        self._sound_player = Player()
        self._level = False
        self._stable_since = now
        self._first_index = 0
        self._down = False
        self._phase = _UP
        self._phase_at = now
        self._sounded_at = now
        self._minute = -1
        self._minute_at = now
        self.press_index = 0

    # -- what is said ---------------------------------------------------------------------------

    def show(self, state, holds):
        """Say whether a state of patterns.TABLE holds."""
        self._states[state] = 1 if holds else 0

    @property
    def shown(self):
        """The state that the light shows now, -1 for none."""
        return self._shown

    def left(self, now):
        """Milliseconds for which the light stays as it is, unless a state or the button change."""
        return (self._state_player if self._answer_player.idle else self._answer_player).left(now)

    def set_clock(self, minute_of_day):
        """The local time now, in minutes after midnight; without it there are no quiet hours."""
        self._minute = minute_of_day % _MINUTES_A_DAY
        self._minute_at = time.ticks_ms()

    def _pass_minute(self, now):
        # Stepped along every minute, so that the wrap of ticks_ms after twelve days does no harm.
        if time.ticks_diff(now, self._minute_at) >= _MS_A_MINUTE:
            self._minute_at = time.ticks_add(self._minute_at, _MS_A_MINUTE)
            if self._minute >= 0:
                self._minute = (self._minute + 1) % _MINUTES_A_DAY

    def _quiet(self):
        s = self._settings
        if self._minute < 0 or s.quiet_from == s.quiet_to:
            return False
        if s.quiet_from < s.quiet_to:
            return s.quiet_from <= self._minute < s.quiet_to
        return self._minute >= s.quiet_from or self._minute < s.quiet_to

    def _sound(self, row, now, urgent):
        if row and self._settings.sound and (urgent or not self._quiet()):
            self._sound_player.play(row, 0, now)

    def answer(self, which, now, seconds=0):
        """Play one of patterns.ANSWERS over whatever is shown: once, or for about so long."""
        row = patterns.ANSWERS[which]
        self._answer_player.play(row[1], seconds * 1000 // sum(row[1]), now)
        # The answer to a press is quiet in quiet hours too: the light tells.
        self._sound(row[2], now, False)

    def _choose(self, now):
        chosen = -1
        for i in range(patterns.STATES):
            if self._states[i]:
                chosen = i
                break
        if chosen != self._shown:
            self._shown = chosen
            if chosen < 0:
                self._state_player.play((), 0, now)
                return
            row = patterns.TABLE[chosen]
            self._state_player.play(row[1], _FOR_EVER, now)
            self._sound(row[2], now, chosen == patterns.FAULT)
            self._sounded_at = now
        elif chosen >= 0:
            row = patterns.TABLE[chosen]
            if row[3] and time.ticks_diff(now, self._sounded_at) >= row[3] * 1000:
                self._sounded_at = now
                self._sound(row[2], now, chosen == patterns.FAULT)

    # -- what is pressed ------------------------------------------------------------------------

    def _read_button(self, now, index):
        if self._button is None:
            return False
        level = not self._button()
        if level != self._level:
            self._level = level
            self._stable_since = now
            if level and not self._down:
                self._first_index = index
        elif level != self._down and time.ticks_diff(now, self._stable_since) >= patterns.DEBOUNCE:
            self._down = level
            return True
        return False

    def _pressed(self, now):
        if self._phase == _CONFIRM:
            self._phase = _UP
            self.answer(patterns.STOPPED, now)
            return STOP
        self._phase = _DOWN
        self._phase_at = now
        self.press_index = self._first_index
        self.answer(patterns.PRESSED, now)
        return PRESS

    def _held(self, now):
        """The next threshold, when it is reached: tells what letting go would do."""
        gone = time.ticks_diff(now, self._phase_at)
        s = self._settings
        if self._phase == _DOWN and gone >= patterns.HOLD_SOUND:
            self._phase = _SOUND
            self.answer(patterns.SOUND_OFF if s.sound else patterns.SOUND_ON, now)
        elif self._phase == _SOUND and gone >= patterns.HOLD_OPEN:
            self._phase = _OPEN
            self.answer(patterns.CLOSED if s.open_heart_rate else patterns.OPENED, now)
        elif self._phase == _OPEN and gone >= patterns.HOLD_STOP:
            self._phase = _ASKED
            self.answer(patterns.STOP_ASKED, now)

    def _released(self, now):
        """What the button was held for is done now."""
        phase = self._phase
        s = self._settings
        if phase == _CONFIRM:
            return NOTHING
        self._phase = _UP
        if phase == _SOUND:
            s.sound = not s.sound
            self._sound(patterns.ANSWERS[patterns.SOUND_ON][2], now, False)
            return SOUND
        if phase == _OPEN:
            s.open_heart_rate = not s.open_heart_rate
            return OPEN
        if phase == _ASKED:
            self._phase = _CONFIRM
            self._phase_at = now
        return NOTHING

    def step(self, now, index):
        """Look at the button, move the patterns on; NOTHING, PRESS, SOUND, OPEN or STOP."""
        action = NOTHING
        self._pass_minute(now)
        if self._read_button(now, index):
            if self._down:
                action = self._pressed(now)
            else:
                action = self._released(now)
        elif self._down:
            self._held(now)
        elif self._phase == _CONFIRM and (
            time.ticks_diff(now, self._phase_at) >= patterns.CONFIRM
        ):
            self._phase = _UP
            self.answer(patterns.NOT_STOPPED, now)
        self._choose(now)
        state = self._state_player.step(now)
        if self._answer_player.idle:
            lit = state
        else:
            lit = self._answer_player.step(now)
        self._light(1 if lit else 0)
        if self._buzzer is not None:
            self._buzzer(1 if self._sound_player.step(now) else 0)
        return action
