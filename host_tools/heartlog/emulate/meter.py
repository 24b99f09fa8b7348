"""How busy an emulated processor is, in the spans of time that the program marks by a pin.

    meter = Meter(15)                   # the light's GPIO: high while the work counts
    async with Chip(..., devices=(meter,)) as chip:
        await chip.run(program)
    meter.percent(0), meter.seconds(1)  # of the first span; of the second and all behind it

Counted are the cycles of executed instructions. A core that waits for an event executes none.
"""

from typing import Any

CYCLE_NS = 8.0  # of the core, at 125 MHz


class Meter:
    """`attach(rp)` is what rp2040py calls; `pin` the number of a GPIO."""

    def __init__(self, pin: int) -> None:
        self._pin = pin
        self._spans: list[tuple[int, float]] = []  # cycles executed, nanoseconds
        self._begun: tuple[int, float] | None = None

    def attach(self, rp: Any) -> None:
        self._rp = rp
        rp.gpio[self._pin].add_listener(self._edge)

    def _edge(self, *_: object) -> None:
        pin = self._rp.gpio[self._pin]
        high = pin.output_enable and pin.output_value
        if high and self._begun is None:
            self._begun = self._now()
        elif not high and self._begun is not None:
            self._spans.append(self._running(self._begun))
            self._begun = None

    def _now(self) -> tuple[int, float]:
        return int(self._rp.core.cycles), float(self._rp.clock.nanos)

    def _running(self, begun: tuple[int, float]) -> tuple[int, float]:
        cycles, nanos = self._now()
        return cycles - begun[0], nanos - begun[1]

    def _sum(self, first: int, last: int | None) -> tuple[int, float]:
        spans = self._spans if self._begun is None else [*self._spans, self._running(self._begun)]
        chosen = spans[first:last]
        return sum(cycles for cycles, _ in chosen), sum(nanos for _, nanos in chosen)

    def seconds(self, first: int, last: int | None = None) -> float:
        """Emulated seconds of some spans, the one that runs included."""
        return self._sum(first, last)[1] * 1e-9

    def percent(self, first: int, last: int | None = None) -> float:
        """Of how much of that time the core executed instructions; 0 when there was none."""
        cycles, nanos = self._sum(first, last)
        return 100 * cycles * CYCLE_NS / nanos if nanos else 0.0
