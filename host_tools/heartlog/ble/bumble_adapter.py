"""A Bluetooth adapter driven by Bumble: the HCI transport, the stack on it, and who scans.

Bumble's stack can hold one scan and one pending connection at a time; several scanners and
clients share an adapter, so the adapter counts the scanners and queues the connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

from bumble import hci
from bumble.core import BaseBumbleError
from bumble.device import Connection, Device
from bumble.transport import open_transport
from bumble.transport.common import Transport

from heartlog.errors import BluetoothProblem

# Bumble warns of what is in order, such as a notification that nobody subscribed to. As in any
# library, its log is for programs that set logging up, not for a person's terminal.
logging.getLogger("bumble").addHandler(logging.NullHandler())

OPEN_SECONDS = 10.0
"""An adapter that has not answered its first commands by then is not an adapter."""

_CLOSE_SECONDS = 4.0
"""How long an adapter is waited for that is to be closed."""

_GIVE_UP_SECONDS = 3.0
"""How long a controller may take to cancel a connection attempt."""

_SCAN_MS = 50.0
"""Scan interval and window, equal: the receiver listens all the time."""


class BumbleAdapter:
    """One open adapter. `device` is Bumble's; `lost` tells when the transport has gone."""

    def __init__(self, spec: str, transport: Transport, device: Device) -> None:
        self.spec = spec
        self.device = device
        self.lost = False
        self._transport = transport
        self._scanners = 0
        self._active = False
        self._connecting = asyncio.Lock()
        self._scan_lock = asyncio.Lock()
        device.on("flush", self._on_lost)

    @classmethod
    async def open(cls, spec: str, own_address: bytes | None = None) -> BumbleAdapter:
        """Open the transport `spec` (Bumble's syntax) and start the stack on it.

        `own_address`: six bytes, little-endian, of a static random address; by default a new one.

        Raises `BluetoothProblem` if there is no adapter or it does not answer.
        """
        hint = "Check the name of the transport, and that no other program uses the adapter."
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                transport = await open_transport(spec)
        except Exception as error:
            # Bumble's transports raise what their libraries raise: usb, serial, socket errors.
            text = str(error) or type(error).__name__
            raise BluetoothProblem(f"The adapter {spec} can't be opened: {text}.", hint) from error
        # A new address each time: two programs on one virtual radio must not be taken for one.
        address = (
            hci.Address(own_address) if own_address else hci.Address.generate_static_address()
        )
        device = Device.with_hci("heartlog", address, transport.source, transport.sink)
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await device.power_on()
        except Exception as error:
            await transport.close()
            text = str(error) or type(error).__name__
            raise BluetoothProblem(
                f"The adapter {spec} does not answer as a Bluetooth controller ({text}).", hint
            ) from error
        return cls(spec, transport, device)

    async def close(self) -> None:
        """Drop every connection and close the transport."""
        if not self.lost:
            with contextlib.suppress(BaseBumbleError, TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    for connection in list(self.device.connections.values()):
                        await connection.disconnect()
                    await self.device.power_off()
        self.lost = True
        await self._transport.close()
        # asyncio closes a socket in its next turns, and complains if there are none.
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def _on_lost(self) -> None:
        self.lost = True

    def check(self) -> None:
        """Raise if the transport has gone (the virtual monitor ended, the dongle was pulled)."""
        if self.lost:
            raise BluetoothProblem(
                f"The adapter {self.spec} is gone.",
                "Plug it in or start it again, then try again.",
            )

    async def add_scanner(self, listener: Callable[[Any], None], active: bool) -> None:
        """Hand every advertisement to `listener`; the radio scans while anyone listens."""
        self.check()
        self.device.on("advertisement", listener)
        self._scanners += 1
        self._active = self._active or active
        await self._settle_scan()

    async def remove_scanner(self, listener: Callable[[Any], None]) -> None:
        """Undo `add_scanner`."""
        self.device.remove_listener("advertisement", listener)
        self._scanners -= 1
        if self._scanners == 0:
            self._active = False
        if not self.lost:
            await self._settle_scan()

    async def _settle_scan(self, pause: bool = False) -> None:
        async with self._scan_lock:
            wanted = self._scanners > 0 and not pause
            if wanted and not self.device.is_scanning:
                await self.device.start_scanning(
                    active=self._active, scan_interval=_SCAN_MS, scan_window=_SCAN_MS
                )
            elif not wanted and self.device.is_scanning:
                await self.device.stop_scanning()

    @contextlib.asynccontextmanager
    async def _scan_paused(self) -> AsyncIterator[None]:
        await self._settle_scan(pause=True)
        try:
            yield
        finally:
            if not self.lost:
                await self._settle_scan()

    async def connect(self, address: hci.Address, timeout: float) -> Connection:
        """Connect to `address`; one at a time, and no scan meanwhile, as the stack wants it."""
        self.check()
        async with self._connecting, self._scan_paused():
            # The outer limit is for controllers that never confirm that they have given up.
            async with asyncio.timeout(timeout + _GIVE_UP_SECONDS):
                return await self.device.connect(address, timeout=timeout)
