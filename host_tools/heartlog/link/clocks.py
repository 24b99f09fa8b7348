"""The monitor's clock against this computer's: which sample was converted when.

point = await synchronize(monitor.request, backend.clock)
"""

from __future__ import annotations

from dataclasses import dataclass

from heartlog._firmware.monitor.link import wire
from heartlog.ble.clock import Clock
from heartlog.link.admission import Request

_PINGS = 5
_MOST_PINGS = 15
"""More, when some came too late after a sample: those of a block of 256 ms are 30 ms apart."""
_LATEST_US = 0xFFFF
"""How late after its conversion the newest sample was, at least: the answer tells no more."""


@dataclass(frozen=True, slots=True)
class SyncPoint:
    """An instant on both clocks: `host_us` (UTC) was `late_us` after conversion `sample`."""

    boot: int
    sample: int
    host_us: int
    uncertainty_us: int
    late_us: int

    @property
    def vague(self) -> bool:
        """Whether the sample was older than an answer can tell."""
        return self.late_us >= _LATEST_US


async def synchronize(request: Request, clock: Clock) -> SyncPoint:
    """Measures the monitor's clock against ours and has the monitor keep the result, unless
    its newest sample is too old to tell by (`vague`), as while its front end rests.

    The quickest of a few exchanges counts (Cristian 1989): the monitor read its index
    somewhere between our sending and our receiving, half of that time is the uncertainty.
    """
    best: SyncPoint | None = None
    clear = 0
    for _ in range(_MOST_PINGS):
        # In this order: a pause between the two widens the uncertainty, and is no error of it.
        began, sent = clock.ticks(), clock.now()
        sample, late_us, boot = await request(wire.PING, int(sent * 1e6))
        half = max(clock.ticks() - began, 0.0) / 2
        point = SyncPoint(boot, sample, int((sent + half) * 1e6), max(1, int(half * 1e6)), late_us)
        clear += not point.vague
        if best is None or (point.vague, point.uncertainty_us) < (
            best.vague, best.uncertainty_us
        ):  # fmt: skip
            best = point
        if clear == _PINGS:
            break
    assert best is not None
    if not best.vague:
        uncertainty = min(best.uncertainty_us, 0xFFFFFFFF)
        await request(wire.SYNC_POINT, best.sample, best.host_us, uncertainty, best.late_us)
    return best
