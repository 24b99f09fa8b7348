"""Finding monitors: who advertises the Heartlog service, and which of them is meant.

A paired monitor advertises no service and no name, only an identifier that changes: it is found
by whoever holds its key (`backend.keys`), and looks like nothing to everybody else.

    found = await find_monitor(backend, "kitchen")     # a name, an address, or a part of either
    async with backend.client(found.device) as client: ...

Times here are real seconds, also with a virtual clock: listening takes what the radio takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from heartlog.ble.advertising import printable
from heartlog.ble.cancellation import Heed
from heartlog.errors import NotFound, UsageProblem

if TYPE_CHECKING:
    from bleak.backends.device import BLEDevice

    from heartlog.ble.backend import Backend

SERVICE_UUID = "7e1d0001-5c2b-4f8e-a3d4-68656172746c"
"""The Heartlog service, which every monitor advertises."""

SCAN_SECONDS = 10.0
"""How long a monitor is looked for: a monitor that saves power advertises every second or two."""

NO_COMPANY = 0xFFFF
"""The SIG's company number for what has none: a paired monitor's identifier stands under it."""

_WHERE = "Is it switched on, worn or charged, within a few metres, and not connected elsewhere?"
_SETTLE_SECONDS = 1.0
"""After the first monitor was heard: time for a second one, so that no wrong one is taken."""


@dataclass(frozen=True)
class Found:
    """A monitor in range."""

    device: BLEDevice
    name: str
    address: str
    rssi: int
    """Signal strength, dBm."""
    key: bytes | None = None
    """The pairing key, for a paired monitor: hand it to `heartlog.link.monitor.Monitor`."""
    device_id: str = ""
    """Which paired monitor it says it is, "" for one without a key. What it sends to say so can be
    recorded and sent by another: only the handshake proves it."""

    def matches(self, wanted: str | None) -> bool:
        """Whether `wanted` is a part of the name or of the address (case does not matter)."""
        if wanted is None:
            return True
        sought = wanted.casefold()
        return sought in self.name.casefold() or sought in self.address.casefold()


async def scan(
    backend: Backend,
    seconds: float = SCAN_SECONDS,
    on_found: Callable[[Found], bool | None] | None = None,
) -> list[Found]:
    """Listen for `seconds`; the monitors heard, strongest first.

    `on_found` is called with every news about a monitor; if it returns True, listening ends.
    """
    heed = Heed()
    enough = asyncio.Event()
    heard: dict[str, Found] = {}

    def hear(device: BLEDevice, advertisement: Any) -> None:
        name, key, identity = advertisement.local_name or device.name or "", None, ""
        if SERVICE_UUID not in advertisement.service_uuids:
            identifier = bytes(advertisement.manufacturer_data.get(NO_COMPANY, b""))
            pairing = backend.keys.whose(identifier) if backend.keys else None
            if pairing is None:
                return
            name, key = f"Heartlog {pairing.device[:4]}", pairing.key_bytes
            identity = pairing.device
        # A name is what anybody may send; the operating system's Bluetooth hands it on as it is.
        name = printable(name) or device.address
        found = Found(device, name, device.address, advertisement.rssi, key, identity)
        heard[found.address] = found
        if on_found is not None and on_found(found):
            enough.set()

    async with backend.scanner(detection_callback=hear):
        heed.check()
        try:
            # Not wait_for: in Python 3.11 it can swallow a cancellation.
            async with asyncio.timeout(seconds):
                await enough.wait()
        except TimeoutError:
            pass
    return sorted(heard.values(), key=lambda found: -found.rssi)


async def find_monitor(
    backend: Backend, wanted: str | None = None, timeout: float = SCAN_SECONDS
) -> Found:
    """The one monitor that is meant: the only one in range, or the one `wanted` names.

    Raises `NotFound` if there is none within `timeout` seconds, `UsageProblem` if `wanted` fits
    several (or is None and several are in range).
    """
    matching: dict[str, Found] = {}
    first = asyncio.Event()

    def hear(found: Found) -> None:
        if found.matches(wanted):
            matching[found.address] = found
            first.set()

    listening = asyncio.create_task(scan(backend, timeout, hear))
    waiting = asyncio.create_task(first.wait())
    try:
        await asyncio.wait({listening, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if first.is_set():
            exact = wanted is not None and any(
                wanted.casefold() in (f.name.casefold(), f.address.casefold())
                for f in matching.values()
            )
            await asyncio.wait({listening}, timeout=0.0 if exact else _SETTLE_SECONDS)
        if listening.done():
            listening.result()  # a failed scan must not look like an empty room
    finally:
        waiting.cancel()
        if not listening.done():
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
    return choose(list(matching.values()), wanted)


async def find_again(
    backend: Backend, before: Found, copies: Collection[str] = (), timeout: float = SCAN_SECONDS
) -> Found:
    """The monitor that was found `before`: a paired one by its identifier, for its address
    changes, another one by its address.

    `copies`: addresses of what could not prove to be it. Raises `NotFound` if there is nothing
    else within `timeout` seconds.
    """

    def is_it(found: Found) -> bool:
        if found.address in copies:
            return False
        if before.device_id:
            return found.device_id == before.device_id
        return found.address == before.address

    last: Found | None = None

    def hear(found: Found) -> bool:
        nonlocal last
        if is_it(found):
            last = found
        return last is not None

    await scan(backend, timeout, hear)
    if last is None:
        raise NotFound(f"{before.name} is not in range.", _WHERE)
    return last


def choose(found: list[Found], wanted: str | None) -> Found:
    """The one of `found` that `wanted` means; raises as `find_monitor` does."""
    if not found:
        whom = "No monitor was found" if wanted is None else f"No monitor {wanted!r} was found"
        raise NotFound(f"{whom} in range.", _WHERE)
    if wanted is not None:
        exact = [
            f for f in found if wanted.casefold() in (f.name.casefold(), f.address.casefold())
        ]
        found = exact or found
    if len(found) > 1:
        names = ", ".join(f"{f.name} ({f.address})" for f in found)
        raise UsageProblem(
            f"Several monitors are in range: {names}.", "Name one: --monitor NAME or ADDRESS"
        )
    return found[0]
