"""bleak's client on a Bumble adapter: `BleakClient(device, backend=BumbleClient, bumble=adapter)`.

What goes wrong is raised as bleak's own exceptions, so that callers need not know which stack
they run on: `BleakDeviceNotFoundError` when nobody answers, `BleakGATTProtocolError` for an ATT
error, `BleakError` for the rest, among it a link that ends in the middle of a request.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from bleak.args import SizedBuffer
from bleak.assigned_numbers import gatt_char_props_to_strs
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient, NotifyCallback
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import (
    CONTROLLER_ERROR_CODES,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)
from bumble import att, core, hci
from bumble.device import Connection, Peer

from heartlog.ble.bumble_adapter import BumbleAdapter
from heartlog.ble.cancellation import Heed, asked, heeding

PREFERRED_MTU = 517
"""What BlueZ, Android and iOS ask for or more: the largest attribute plus its header."""

_ATT_HEADER = 3


def uuid_text(uuid: core.UUID) -> str:
    """`uuid` as bleak writes it: 128 bits, lower case, with dashes."""
    return str(UUID(bytes=bytes(reversed(uuid.to_bytes(force_128=True)))))


class BumbleClient(BaseBleakClient):
    """A GATT client on the adapter `bumble`; keyword arguments as bleak's."""

    def __init__(
        self,
        address_or_ble_device: BLEDevice | str,
        *,
        disconnected_callback: Callable[[], None] | None,
        timeout: float,
        bumble: BumbleAdapter,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            address_or_ble_device,
            disconnected_callback=disconnected_callback,
            timeout=timeout,
            **kwargs,
        )
        self._adapter = bumble
        if isinstance(address_or_ble_device, BLEDevice):
            self._target: hci.Address = address_or_ble_device.details
            self._name = address_or_ble_device.name
        else:
            self._target = _address(address_or_ble_device)
            self._name = None
        self._connection: Connection | None = None
        self._peer: Peer | None = None
        self._reason = 0

    @property
    def name(self) -> str:
        return self._name or self.address.replace(":", "-")

    @property
    def mtu_size(self) -> int:
        return int(self._connection.att_mtu) if self._connection else att.ATT_DEFAULT_MTU

    @property
    def connection(self) -> Connection | None:
        """Bumble's connection, while there is one."""
        return self._connection

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    async def connect(self, pair: bool, **kwargs: Any) -> None:
        if self._connection is not None:
            raise BleakError(f"{self.address} is already connected")
        heed = Heed()
        try:
            connection = await self._adapter.connect(self._target, self._timeout)
        except (core.TimeoutError, TimeoutError) as error:
            raise BleakDeviceNotFoundError(
                self.address, f"{self.address} did not answer in {self._timeout:g} s"
            ) from error
        except core.BaseBumbleError as error:
            raise BleakError(f"connecting to {self.address} failed: {error}") from error
        except asyncio.CancelledError as error:
            if asked():
                raise
            raise BleakError(
                f"connecting to {self.address} failed: the adapter is gone"
            ) from error
        self._connection = connection
        self._reason = 0
        connection.on(connection.EVENT_DISCONNECTION, self._on_disconnection)
        try:
            heed.check()
            async with self._guard():
                peer = self._peer = Peer(connection)
                await peer.request_mtu(PREFERRED_MTU)
                if pair:
                    await connection.pair()
                services = await self._discover(peer)
                if self._connection is not connection:  # it ended while it was looked at
                    raise BleakError(self._ended())
                self.services = services
        except BaseException:
            # Half a connection is none: the next attempt must find the monitor free.
            with contextlib.suppress(BleakError):
                await self.disconnect()
            raise

    async def disconnect(self) -> None:
        connection = self._connection
        if connection is None:
            return
        # As with bleak's own backends, the callback is for the peer's doing and ours alike.
        try:
            await connection.disconnect()
        except (core.BaseBumbleError, TimeoutError) as error:
            if self._connection is not None:
                raise BleakError(f"disconnecting from {self.address} failed: {error}") from error
        except asyncio.CancelledError:
            if asked():
                raise
            # The adapter is gone, and the link with it.

    def _on_disconnection(self, reason: int) -> None:
        self._connection = None
        self._peer = None
        self._reason = reason
        self.services = None
        if self._disconnected_callback is not None:
            self._disconnected_callback()

    async def pair(self, *args: Any, **kwargs: Any) -> None:
        async with self._guard() as connection:
            await connection.pair()

    async def unpair(self) -> None:
        keystore = self._adapter.device.keystore
        if keystore is not None:
            await keystore.delete(str(self._target))
        await self.disconnect()

    async def read_gatt_char(
        self, characteristic: BleakGATTCharacteristic, *, use_cached: bool = False, **_: Any
    ) -> bytearray:
        async with self._guard():
            return bytearray(await characteristic.obj.read_value())

    async def read_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, *, use_cached: bool = False, **_: Any
    ) -> bytearray:
        async with self._guard():
            return bytearray(await descriptor.obj.read_value())

    async def write_gatt_char(
        self, characteristic: BleakGATTCharacteristic, data: SizedBuffer, response: bool
    ) -> None:
        value = bytes(data)
        if not response and len(value) > self.mtu_size - _ATT_HEADER:
            raise BleakError(
                f"{len(value)} bytes don't fit into a write without response"
                f" ({self.mtu_size - _ATT_HEADER} at most)"
            )
        async with self._guard():
            await characteristic.obj.write_value(value, with_response=response)

    async def write_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, data: SizedBuffer
    ) -> None:
        async with self._guard():
            await descriptor.obj.write_value(bytes(data), with_response=True)

    async def start_notify(
        self, characteristic: BleakGATTCharacteristic, callback: NotifyCallback, **_: Any
    ) -> None:
        if not {"notify", "indicate"} & set(characteristic.properties):
            raise BleakError(f"{characteristic.uuid} neither notifies nor indicates")
        async with self._guard():
            await characteristic.obj.subscribe(lambda value: callback(bytearray(value)))

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        async with self._guard():
            for subscriber in list(characteristic.obj.subscribers):
                await characteristic.obj.unsubscribe(subscriber)
            await characteristic.obj.unsubscribe(force=True)

    async def _discover(self, peer: Peer) -> BleakGATTServiceCollection:
        found = BleakGATTServiceCollection()
        await peer.discover_services()
        for service in peer.services:
            one = BleakGATTService(service, service.handle, uuid_text(service.uuid))
            found.add_service(one)
            await service.discover_characteristics()
            for item in service.characteristics:
                characteristic = BleakGATTCharacteristic(
                    item,
                    item.handle,
                    uuid_text(item.uuid),
                    list(gatt_char_props_to_strs(int(item.properties))),
                    lambda: self.mtu_size - _ATT_HEADER,
                    one,
                )
                found.add_characteristic(characteristic)
                await item.discover_descriptors()
                for part in item.descriptors:
                    found.add_descriptor(
                        BleakGATTDescriptor(
                            part, part.handle, uuid_text(part.type), characteristic
                        )
                    )
        return found

    @asynccontextmanager
    async def _guard(self) -> AsyncIterator[Connection]:
        """Run a request on the open connection; turn Bumble's exceptions into bleak's."""
        connection = self._connection
        if connection is None:
            raise BleakError(f"{self.address} is not connected")
        try:
            with heeding():
                yield connection
        except att.ATT_Error as error:
            raise BleakGATTProtocolError(error.error_code) from error
        except asyncio.CancelledError as error:
            if self._connection is connection or asked():
                raise
            raise BleakError(self._ended()) from error
        except (core.BaseBumbleError, TimeoutError) as error:
            text = str(error) if self._connection is connection else self._ended()
            raise BleakError(text or type(error).__name__) from error

    def _ended(self) -> str:
        reason = CONTROLLER_ERROR_CODES.get(self._reason, f"reason 0x{self._reason:02X}")
        return f"the link to {self.address} ended: {reason}"


def _address(text: str) -> hci.Address:
    try:
        return hci.Address(text)
    except (ValueError, core.BaseBumbleError) as error:
        raise BleakDeviceNotFoundError(text, f"{text!r} is not a Bluetooth address") from error
