"""The monitor as a fitting sees it: contact, a stretch of ECG, a button press, the clock, start.

    async with Bench.connect(backend, found) as bench:
        off = await bench.contact()
        ecg = await bench.ecg(10.0)

While it is connected, what the monitor records is read but not acknowledged: nothing is lost for
the recorder that comes after.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from heartlog._firmware.monitor.link import wire
from heartlog.ble import Backend
from heartlog.link import Monitor
from heartlog.link.ecgflow import EcgBlock

RATES = (125, 250, 500, 1000, 2000)
DEFAULT_NV = 48.08
"""Nanovolts per code of an ADS1292R at gain 6 with 2.42 V, until the monitor's boot record."""

SETTLED_S = 1.5
"""The monitor takes half a second to feel that an electrode is on again."""
PATIENCE_S = 8.0


@dataclass(frozen=True, slots=True)
class EcgStretch:
    """ECG of one channel; microvolts with NaN where a block was lost."""

    first_sample: int
    boot: int
    rate: float
    nv_per_code: float
    codes: npt.NDArray[np.int32]
    microvolts: npt.NDArray[np.float64]
    channel: int = 1


class Bench:
    """A connected monitor."""

    def __init__(self, monitor: Monitor, clock: Any) -> None:
        self.monitor = monitor
        self._clock = clock
        self._blocks: list[EcgBlock] = []
        self.button_presses = 0
        self.nv_per_code = DEFAULT_NV
        self.rate = 0.0

    @staticmethod
    @asynccontextmanager
    async def connect(backend: Backend, found: Any) -> AsyncIterator["Bench"]:
        """Connect; reads records in the background until the end."""
        async with Monitor(backend, found.device, found.key) as monitor:
            bench = Bench(monitor, backend.clock)
            status = await monitor.status()
            monitor.on_ecg = bench._blocks.append
            reading = asyncio.create_task(bench._read(status["next_seq"] - 1))
            try:
                bench.rate = await bench._measure_rate()
                yield bench
            finally:
                reading.cancel()
                # gather, so that a cancellation that comes meanwhile is not taken for its own.
                await asyncio.gather(reading, return_exceptions=True)

    async def _read(self, after: int) -> None:
        async for batch in self.monitor.records(after):
            for record in [*batch.records, *batch.early]:
                if record.name == "event" and record.values.get("kind") in (
                    wire.EVENT_BUTTON,
                    wire.EVENT_LONG_PRESS,
                ):
                    self.button_presses += 1
                if record.name == "boot" and record.values.get("pv_per_code"):
                    self.nv_per_code = record.values["pv_per_code"] / 1000.0

    async def _measure_rate(self) -> float:
        """The sampling rate from two readings of the monitor's clock."""
        first = await self.monitor.synchronize()
        await self._clock.sleep(2.0)
        second = await self.monitor.synchronize()
        seconds = (second.host_us - second.late_us - first.host_us + first.late_us) / 1e6
        measured = (second.sample - first.sample) / max(seconds, 1e-3)
        return float(min(RATES, key=lambda rate: abs(rate - measured)))

    async def contact(self) -> list[str] | None:
        """Return the electrodes that are off, once the monitor has felt the same for `SETTLED_S`.

        Of electrodes that come and go all those that went are returned, after `PATIENCE_S`. None
        when the monitor can feel none: its front end delivers nothing.
        """
        begun = since = self._clock.ticks()
        last: list[str] | None = None
        went: set[str] = set()
        while True:
            now = await self._felt_off()
            ticks = self._clock.ticks()
            if now != last:
                last, since = now, ticks
            elif last is not None and ticks - since >= SETTLED_S:
                return last
            went.update(now or ())
            if ticks - begun >= PATIENCE_S:
                return None if last is None else [n for n in wire.ELECTRODES if n in went]
            await self._clock.sleep(0.2)

    async def _felt_off(self) -> list[str] | None:
        status = await self.monitor.status()
        if status["signal"] in (wire.SIGNAL_UNKNOWN, wire.SIGNAL_FAULT):
            return None
        return [name for bit, name in enumerate(wire.ELECTRODES) if status["off"] >> bit & 1]

    async def charging(self) -> bool:
        """Whether a charger, or a cable, feeds the monitor."""
        return bool((await self.monitor.status())["flags"] & wire.STATUS_CHARGING)

    async def signal_state(self) -> str:
        """Return the signal's state in words."""
        state = (await self.monitor.status())["signal"]
        return wire.SIGNAL_NAMES[state] if state < len(wire.SIGNAL_NAMES) else "unknown"

    async def ecg(self, seconds: float) -> EcgStretch | None:
        """Return a stretch of live ECG, None if none came: of the channel that came last."""
        self._blocks.clear()
        await self.monitor.start_ecg()
        try:
            await self._clock.sleep(seconds + 1.0)
        finally:
            await self.monitor.stop_ecg()
        if not self._blocks:
            return None
        channel = self._blocks[-1].channel
        mine = [b for b in self._blocks if b.channel == channel]
        boot = mine[-1].boot
        mine = sorted((b for b in mine if b.boot == boot), key=lambda b: b.first)
        first = mine[0].first
        length = mine[-1].first + len(mine[-1].codes) - first
        codes = np.zeros(length, np.int32)
        known = np.zeros(length, bool)
        for block in mine:
            at = block.first - first
            codes[at : at + len(block.codes)] = block.codes
            known[at : at + len(block.codes)] = True
        microvolts = np.where(known, codes * (self.nv_per_code / 1000.0), np.nan)
        nv = self.nv_per_code
        return EcgStretch(first, boot, self.rate, nv, codes, microvolts, channel + 1)

    async def wait_for_press(self, seconds: float) -> bool:
        """Wait for the patient's button; False if it was not pressed in time."""
        before = self.button_presses
        stop = self._clock.ticks() + seconds
        while self._clock.ticks() < stop:
            if self.button_presses > before:
                return True
            await self._clock.sleep(0.2)
        return self.button_presses > before

    async def set_clock(self) -> float:
        """Give the monitor the time; return the uncertainty in milliseconds."""
        point = await self.monitor.synchronize()
        return point.uncertainty_us / 1000.0

    async def start(self, number: int) -> bool:
        """Start the session; True when the monitor says that it runs."""
        await self.monitor.start_session(number)
        return (await self.monitor.status())["session"] == number
