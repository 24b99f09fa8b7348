"""`heartlog wipe`: a monitor in reach forgets everything, its keys first."""

from __future__ import annotations

import asyncio

from heartlog._firmware.monitor import settings as firmware
from heartlog._firmware.monitor.link import wire
from heartlog.ble import Backend, Found, find_monitor, open_backend
from heartlog.cli import output
from heartlog.cli.options import BackendOption, MonitorOption, StoreOption, YesOption
from heartlog.errors import UsageProblem


def wipe(
    monitor: MonitorOption = None,
    backend: BackendOption = "system",
    yes: YesOption = False,
    store: StoreOption = None,
) -> None:
    """Wipe a paired monitor: keys, records and ECG that it still holds, and its settings.

    For one that is given away or may fall into other hands. What was not recorded is lost. One
    that is out of reach: heartlog keys lost. A memory card can be read by nobody from that moment
    on; the monitor erases it while it stays switched on. Wipe again to see how far that is.
    """
    asyncio.run(_wipe(monitor, backend, yes))


async def _wipe(wanted: str | None, spec: str, yes: bool) -> None:
    from heartlog.link.monitor import Monitor
    from heartlog.link.problems import LostMonitor

    async with open_backend(spec) as backend:
        found = await find_monitor(backend, wanted)
        if found.key is None and (done := await _card_progress(backend, found)) is not None:
            output.out().print(f"{found.name} is wiped. It is erasing its memory card: {done} %.")
            return
        if found.key is None:
            raise UsageProblem(
                f"{found.name} is not paired with this computer, and takes no wipe from it.",
                "Erase its records (heartlog erase), or pair it over USB first.",
            )
        device = _device_of(backend, found.key)
        output.confirm(f"Wipe monitor {device}? What it still holds is lost for ever.", yes)
        try:
            async with Monitor(backend, found.device, found.key) as link:
                await link.wipe()
        except LostMonitor as lost:  # it was wiped for that
            output.note(lost.message)
            return
    output.out().print(f"Monitor {device} is wiped. To use it again: heartlog pair")
    output.note("Its memory card, if any, is unreadable now; switched on, it erases that too.")


async def _card_progress(backend: Backend, found: Found) -> int | None:
    """Percent of the card that a wiped monitor has erased; None while it does nothing of that."""
    from heartlog.link.monitor import Monitor
    from heartlog.link.problems import RequestRefused

    backend.keys = None  # it was paired here, perhaps, and has no key now: that is the point
    async with Monitor(backend, found.device, None) as link:
        try:
            (part,) = await link.request(wire.SETTING_GET, firmware.CARD_WIPE)
        except RequestRefused:  # an older firmware
            return None
    parts = firmware.TABLE[firmware.CARD_WIPE][3]
    return (int(part) - 1) * 100 // parts if part else None


def _device_of(backend: Backend, key: bytes) -> str:
    assert backend.keys is not None
    return next(p.device for p in backend.keys.all() if p.key_bytes == key)
