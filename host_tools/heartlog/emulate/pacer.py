"""The time of the PIO's state machines while the emulated processor sleeps.

    pacer = Pacer()
    device = AfeDevice("ADS1292R", pins, ecg, pacer=pacer)
    Chip(uf2, board, folder, devices=(pacer, device))

rp2040py jumps from alarm to alarm while the core waits for an event, and then lets each state
machine execute one instruction at most, however far the jump went. So alarms are set for the
cycle in which the next instruction is due, as long as a machine has one to execute. An edge on
a pin that machines wait for is preceded by an alarm, too, since they count their time from the
last one. While the core is awake the alarms do nothing: machines then step along with it.
"""

import math
from typing import Any

from heartlog.emulate.meter import CYCLE_NS

ONE = 256  # a cycle in the fixed-point numbers in which state machines count them


class Pacer:
    """`attach(rp)` is what rp2040py calls."""

    def attach(self, rp: Any) -> None:
        self._rp = rp
        self._before = rp.clock.create_alarm(self._nothing)
        self._due = rp.clock.create_alarm(self._arrived)
        self._after = rp.clock.create_alarm(self._plan)
        self._base: tuple[float, list[int]] | None = None

    def expect(self, nanos: float) -> None:
        """An edge comes in so many nanoseconds."""
        if nanos > CYCLE_NS and not all(pio.stopped for pio in self._rp.pio):
            self._before.schedule(nanos - CYCLE_NS)

    def edge(self) -> None:
        """A pin has changed: a machine may have been waiting for it."""
        if not all(pio.stopped for pio in self._rp.pio):
            self._base = None
            self._after.schedule(CYCLE_NS)

    def _nothing(self) -> None:
        """The jump that ends here has brought the state machines up to this cycle."""

    def _arrived(self) -> None:
        # The instruction is executed when this alarm's jump is over: what then is due comes next.
        self._after.schedule(CYCLE_NS)

    def _plan(self) -> None:
        """Sets the alarm for the machines' next instruction. They are one cycle late here."""
        pios = self._rp.pio
        if self._rp.core.waiting:
            self._hold_back(pios)
        else:
            self._base = None
        due = min(pio.next_due_fp - pio.cycle_fp for pio in pios)
        if due > ONE << 40:
            return  # all of them wait
        cycles = math.ceil(due / ONE)
        if cycles > 1:
            self._due.schedule((cycles - 1) * CYCLE_NS)
        else:
            self._after.schedule(CYCLE_NS)

    def _hold_back(self, pios: Any) -> None:
        # A jump of no length (DMA's alarms) is given a cycle, which is taken away again.
        nanos = self._rp.clock.nanos
        if self._base is None:
            self._base = nanos, [pio.cycle_fp for pio in pios]
            return
        passed = round((nanos - self._base[0]) / CYCLE_NS) * ONE
        for pio, begun in zip(pios, self._base[1], strict=True):
            if not pio.stopped:
                pio.cycle_fp = min(pio.cycle_fp, begun + passed)
