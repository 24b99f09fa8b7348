"""The self-test while the monitor runs: asked for over the link, a step each turn of the loop.

    checkup = Checkup(app)
    checkup.on_command(operand, answer)     # -> (result, length), from `commands`
    checkup.step()                          # each turn

It takes 12 s, in which no beat is seen: a gap with its own reason. It begins neither in a session
(someone wears the monitor) nor on a charger, and a charger that is plugged in ends it at once.
"""

from struct import pack_into

from . import limits
from . import settings as _settings
from .link import wire

_BROKEN = 255
_HIGHEST = 0x7FFFFFFF


class Checkup:
    """One per app; `selftest` is imported when the first test begins."""

    def __init__(self, app):
        self._app = app
        self._test = None
        self._steps = None
        self._done = False
        self._error = 0

    def on_command(self, operand, answer):
        """SELFTEST: begins, ends, or tells one result."""
        if operand == wire.SELFTEST_OPEN or operand == wire.SELFTEST_CONNECTED:
            if not self._begin(limits.ELECTRODES[operand - wire.SELFTEST_OPEN]):
                return wire.NOT_COMPLETED, 3
        elif operand == wire.SELFTEST_STOP:
            self._end(_BROKEN)
        elif operand > wire.SELFTEST_STOP:
            return wire.BAD_OPERAND, 3
        self._tell(operand, answer)
        return wire.OK, 21

    def _begin(self, electrodes):
        app = self._app
        if self._steps is not None or app.settings.get(_settings.SESSION):
            return False
        afe = app.acquisition.lend()
        if afe is None:
            return False
        from .selftest import for_part

        self._test = for_part(afe, app.board, electrodes)
        self._steps = self._test.steps()
        self._done = False
        self._error = 0
        return True

    def step(self):
        """Goes on a little; None of its waits is waited for here."""
        if self._steps is not None:
            self._go_on()

    def _go_on(self):
        if not self._app.acquisition.allowed:
            self._end(_BROKEN)
            return
        try:
            next(self._steps)
        except StopIteration:
            self._done = True
            self._end(0)
        except (OSError, ValueError) as error:
            self._end(getattr(error, "code", 0) or _BROKEN)

    def _end(self, error):
        if self._steps is None:
            return
        self._steps.close()  # stops its sampler, wherever it is
        self._steps = None
        self._error = error
        self._app.acquisition.give_back()

    def _tell(self, number, answer):
        results = self._test.results if self._test is not None else ()
        bits = len(results) << 8 | self._error << 16
        if self._steps is not None:
            bits |= wire.SELFTEST_IS_RUNNING
        if self._done:
            bits |= wire.SELFTEST_IS_DONE
            if self._test.passed:
                bits |= wire.SELFTEST_IS_PASSED
        code = channel = value = low = high = 0
        if number < len(results):
            result = results[number]
            code, channel = result.code, result.channel
            scale = 10 ** limits.MEASURED[code][2]
            value = _whole(result.value * scale)
            low = _whole(result.low * scale)
            high = _whole(result.high * scale)
            bits |= wire.SELFTEST_IS_RESULT
            if result.passed:
                bits |= wire.SELFTEST_IS_GOOD
        pack_into("<IBBiii", answer, 3, bits, code, channel, value, low, high)


def _whole(value):
    return max(-_HIGHEST, min(_HIGHEST, round(value)))
