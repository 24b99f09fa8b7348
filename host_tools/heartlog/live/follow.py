"""Follows a monitor without recording it: what it tells now, nothing of what it keeps.

Nothing is acknowledged, so the monitor keeps all that a recorder will want later.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from heartlog._firmware.monitor.link import wire
from heartlog.ble import Backend, find_again, find_monitor
from heartlog.ble.cancellation import Heed
from heartlog.errors import NotFound
from heartlog.link import LinkLost, Monitor
from heartlog.store.lead import CHANNEL_SETTING

if TYPE_CHECKING:
    from heartlog.ble import Found
    from heartlog.live.view import View

STATUS_SECONDS = 5.0
"""The status is read again so often: electrodes and battery, should no record have told."""
AGAIN_SECONDS = 1.0
RATE_SETTING, GAIN_SETTING = 2, 3
"""Keys of settings (firmware/monitor/settings.py): samples/s, and the amplifier's gain."""
REFERENCE_VOLTS = 2.42
"""The ADS1292R's reference (SBAS502, VREF); one code is VREF / gain / (2^23 - 1). On the
eight-channel parts it is 2.4 V: 0.8 % less, which no eye sees in a trace."""


async def follow(backend: Backend, wanted: str | None, view: View, ecg: bool = True) -> None:
    """Show the monitor in `view` until cancelled; look for it again when it goes.

    Raises `NotFound` if there is none at the start.
    """
    found: Found | None = None
    heed = Heed()
    while True:
        try:
            if found is None:
                found = await find_monitor(backend, wanted)
            else:
                found = await find_again(backend, found)
            await _connected(backend, found, view, ecg)
        except NotFound:
            if found is None:
                raise
            view.status = "the monitor is out of reach; looking for it ..."
        except LinkLost as error:
            view.status = f"connection lost: {error.message}"
        except Exception as error:
            from bleak.exc import BleakError

            if found is None or not isinstance(error, (BleakError, OSError, TimeoutError)):
                raise
            view.status = f"connection lost: {error}"
        heed.check()
        await asyncio.sleep(AGAIN_SECONDS)


async def _connected(backend: Backend, found: Found, view: View, ecg: bool) -> None:
    view.status = "connecting ..."
    async with Monitor(backend, found.device, found.key) as monitor:
        view.state.name = f"{found.name} {monitor.info.device_id[-4:]}"
        status = await monitor.status()
        view.state.take_status(status)
        view.status = "connected"
        await learn_scale(monitor, view)
        if ecg:
            monitor.on_ecg = view.take_block
            await monitor.start_ecg()
        next_status = backend.clock.ticks() + STATUS_SECONDS
        async for batch in monitor.records(after=status["next_seq"] - 1):
            for record in [*batch.records, *batch.early]:
                view.take(record)
            if backend.clock.ticks() >= next_status:
                view.state.take_status(await monitor.status())
                next_status = backend.clock.ticks() + STATUS_SECONDS


async def learn_scale(monitor: Monitor, view: View) -> None:
    """Rate and gain: the boot record that has them is among the stored ones, not fetched here."""
    (rate,) = await monitor.request(wire.SETTING_GET, RATE_SETTING)
    (gain,) = await monitor.request(wire.SETTING_GET, GAIN_SETTING)
    (channel,) = await monitor.request(wire.SETTING_GET, CHANNEL_SETTING)
    view.state.rate = float(rate)
    view.state.nv_per_code = REFERENCE_VOLTS * 1e9 / max(1, gain) / (2**23 - 1)
    view.state.channel = channel + 1
