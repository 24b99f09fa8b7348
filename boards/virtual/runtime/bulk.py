"""Days of wear in minutes: the sampler is given whole blocks, without an interrupt a sample.

`install()` replaces the firmware's `Sampler` by one that starts as always (registers, first
frames by DRDY and SPI) and is then fed 64 conversions at a time. Everything behind the sampler is
the firmware's own; what lies between electrode and ring (SPI, interrupts, overruns) is left out,
so tests of those have no use for it.
"""

import time
from array import array

import machine
import sim

_board = None
# Nothing interrupts between two blocks, so nothing wakes the firmware either.
_IDLE_US = 256000


def install(board):
    """Make the image's sampler take blocks from the models of `board`."""
    global _board
    _board = board
    machine.IDLE_US = _IDLE_US
    import monitor.sampler as module

    module.Sampler = _made(module.Sampler, module.BLOCK, module.core)
    from monitor import app

    app.App.rest = _rest


def _rest(app):
    machine.idle()  # until a block, or the radio


class _Codes:
    """A record that plays again and again, as codes of all channels, worked out once.

    `ready()` is false while an electrode is off or something else moves: then every conversion is
    worked out by itself.
    """

    def __init__(self):
        self._key = None
        self.columns = ()

    def ready(self):
        patient, analog = _board.patient, _board.afe.analog
        if not patient.steady():
            return False
        key = tuple((p.kind, p.volts, p.scale, p.noise, p.hum, p.ac) for p in analog.plans)
        if key != self._key:
            from models.analog import LEAD

            if any(p.kind != LEAD or p.hum or p.ac for p in analog.plans):
                return False
            self._key = key
            self.columns = [self._column(c, p) for c, p in enumerate(analog.plans)]
        return True

    def _column(self, channel, plan):
        from models.analog import NORMAL

        volts = _board.patient.whole()
        top = _board.afe.analog.top
        step = _board.patient.channels
        frames = len(volts) // step
        # A block may begin at the last sample: the beginning follows the end.
        codes = array("i", bytes(4 * (frames + 64)))
        for i in range(frames):
            value = (plan.volts + volts[i * step + plan.lead]) * plan.scale
            value = int(value + plan.noise * NORMAL[(i * 7 + channel * 331) % 1021])
            codes[i] = min(top, max(-top - 1, value))
        for i in range(64):
            codes[frames + i] = codes[i % frames]
        return codes


def _made(base, block, core):
    """The class: the firmware's sampler, `base`, with another source."""

    class Sampler(base):
        _event = None

        def run(self):
            base.run(self)
            afe = _board.afe
            self.afe.bus.drdy.irq(handler=None)
            sim.cancel(afe._event)
            self._ready = 0
            self._span_us = block * 1000000 // self.afe.rate
            self._rest = 0  # millionths of a microsecond
            self._codes = _Codes()
            self._event = sim.at(sim.now() + self._span_us, self._due)

        def halt(self):
            sim.cancel(self._event)
            self._event = None
            base.halt(self)

        def _due(self):
            self._ready += 1
            state = self._state
            state[core.PLACE] = state[core.PLACE] + block & 0xFFFFFFF
            state[core.LAST] = time.ticks_us()
            # The front end's own clock: `clock_ppm` of the models, to the last millionth.
            self._rest += self._span_us * (1000000 - _board.afe.faults["clock_ppm"])
            sim.kernel.rearm(self._event, self._event.t + self._rest // 1000000)
            self._rest %= 1000000
            sim.woke = True

        def watch(self):
            return base.watch(self) if self._event is None else 0

        def verify(self, now, at_once=False):
            if self._event is None:
                base.verify(self, now, at_once)
            else:  # frames from before the blocks
                self._state[core.VOUCHED] = self._state[core.HEAD]

        def take(self):
            n = base.take(self)
            if n or self._event is None or not self._ready:
                return n
            self._ready -= 1
            afe = _board.afe
            electrodes = _board.electrodes
            if electrodes.changed:
                afe._refresh()
            if self._codes.ready():
                at = _board.patient.jump(block)
                for channel, codes in zip(self.channels, self._codes.columns):
                    memoryview(channel)[:] = memoryview(codes)[at : at + block]
            else:
                for i in range(block):
                    afe.analog.convert(sim.now())
                    for channel, code in zip(self.channels, afe.analog.codes):
                        channel[i] = code
            word = afe.analog.status(afe.regs)
            for i in range(block):
                self.status[i] = word
            self.gap = 0
            self.start = self.index
            self.index = self.start + block & 0xFFFFFFFF
            return block

    return Sampler
