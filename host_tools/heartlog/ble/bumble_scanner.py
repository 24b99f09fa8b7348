"""bleak's scanner on a Bumble adapter: `BleakScanner(backend=BumbleScanner, bumble=adapter)`."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from bleak.backends.scanner import (
    AdvertisementData,
    AdvertisementDataCallback,
    BaseBleakScanner,
)
from bumble.core import UUID as BumbleUUID  # noqa: N811
from bumble.core import AdvertisingData

from heartlog.ble.bumble_adapter import BumbleAdapter

_SERVICE_LISTS = (
    AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.INCOMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.COMPLETE_LIST_OF_32_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.INCOMPLETE_LIST_OF_32_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.INCOMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
)
_SERVICE_DATA = (
    AdvertisingData.SERVICE_DATA_16_BIT_UUID,
    AdvertisingData.SERVICE_DATA_32_BIT_UUID,
    AdvertisingData.SERVICE_DATA_128_BIT_UUID,
)


def uuid_text(uuid: BumbleUUID) -> str:
    """`uuid` as bleak writes it: 128 bits, lower case, with dashes."""
    return str(UUID(bytes=bytes(reversed(uuid.to_bytes(force_128=True)))))


class BumbleScanner(BaseBleakScanner):
    """Scans on the adapter `bumble`; several may scan at once."""

    def __init__(
        self,
        detection_callback: AdvertisementDataCallback | None,
        service_uuids: list[str] | None,
        scanning_mode: Literal["active", "passive"],
        *,
        bumble: BumbleAdapter,
        **_: Any,
    ) -> None:
        super().__init__(detection_callback, service_uuids)
        self._adapter = bumble
        self._active = scanning_mode == "active"
        self._running = False

    async def start(self) -> None:
        self.seen_devices = {}
        await self._adapter.add_scanner(self._on_advertisement, self._active)
        self._running = True

    async def stop(self) -> None:
        if self._running:
            self._running = False
            await self._adapter.remove_scanner(self._on_advertisement)

    def _on_advertisement(self, heard: Any) -> None:
        data: AdvertisingData = heard.data
        address = heard.address.to_string(False)
        services = [uuid_text(u) for kind in _SERVICE_LISTS for u in _flat(data.get_all(kind))]
        name = data.get(AdvertisingData.COMPLETE_LOCAL_NAME) or data.get(
            AdvertisingData.SHORTENED_LOCAL_NAME
        )
        made = {
            int(company): bytes(value)
            for company, value in data.get_all(AdvertisingData.MANUFACTURER_SPECIFIC_DATA)
        }
        served = {
            uuid_text(uuid): bytes(value)
            for kind in _SERVICE_DATA
            for uuid, value in data.get_all(kind)
        }
        known = self.seen_devices.get(address)
        if known is not None:  # an advertisement and its scan response arrive one by one
            before = known[1]
            name = name or before.local_name
            services = list(dict.fromkeys(before.service_uuids + services))
            made = {**before.manufacturer_data, **made}
            served = {**before.service_data, **served}
        advertisement = AdvertisementData(
            local_name=name,
            manufacturer_data=made,
            service_data=served,
            service_uuids=services,
            tx_power=data.get(AdvertisingData.TX_POWER_LEVEL),
            rssi=heard.rssi,
            platform_data=(heard,),
        )
        if not self.is_allowed_uuid(services):
            return
        device = self.create_or_update_device(address, address, name, heard.address, advertisement)
        self.call_detection_callbacks(device, advertisement)


def _flat(lists: Any) -> list[BumbleUUID]:
    """The UUIDs of every list of one kind that the packet held."""
    return [uuid for one in lists or () for uuid in one]
