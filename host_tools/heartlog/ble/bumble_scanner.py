"""bleak's scanner on a Bumble adapter: `BleakScanner(backend=BumbleScanner, bumble=adapter)`."""

from __future__ import annotations

from typing import Any, Literal

from bleak.backends.scanner import (
    AdvertisementData,
    AdvertisementDataCallback,
    BaseBleakScanner,
)

from heartlog.ble.advertising import parse
from heartlog.ble.bumble_adapter import BumbleAdapter


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
        said = parse(heard.data.ad_structures)
        address = heard.address.to_string(False)
        name, services = said.name, said.services
        made, served = said.manufacturer, said.served
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
            tx_power=said.power,
            rssi=heard.rssi,
            platform_data=(heard,),
        )
        if not self.is_allowed_uuid(services):
            return
        device = self.create_or_update_device(address, address, name, heard.address, advertisement)
        self.call_detection_callbacks(device, advertisement)
