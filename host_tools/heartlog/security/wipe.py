"""`heartlog wipe`: a monitor in reach forgets everything, its keys first."""

from __future__ import annotations

import asyncio

from heartlog.ble import Backend, find_monitor, open_backend
from heartlog.cli import output
from heartlog.cli.options import BackendOption, MonitorOption, YesOption
from heartlog.errors import UsageProblem


def wipe(
    monitor: MonitorOption = None,
    backend: BackendOption = "system",
    yes: YesOption = False,
) -> None:
    """Wipe a paired monitor: keys, records and ECG that it still holds, and its settings.

    For one that is given away or may fall into other hands. What was not recorded is lost. One
    that is out of reach: heartlog keys lost.
    """
    asyncio.run(_wipe(monitor, backend, yes))


async def _wipe(wanted: str | None, spec: str, yes: bool) -> None:
    from heartlog.link.monitor import Monitor
    from heartlog.link.problems import LostMonitor

    async with open_backend(spec) as backend:
        found = await find_monitor(backend, wanted)
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


def _device_of(backend: Backend, key: bytes) -> str:
    assert backend.keys is not None
    return next(p.device for p in backend.keys.all() if p.key_bytes == key)
