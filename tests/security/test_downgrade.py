"""Somebody in between who makes the link layer agree to less than LE Secure Connections."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from bumble.controller import Controller
from bumble.device import Device
from bumble.hci import Address
from bumble.host import Host
from bumble.link import LocalLink
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.transport.common import AsyncPipeSink

from heartlog.ble.link_security import secure
from heartlog.security.keys import Keys

PASSKEY = 271828
IO = PairingDelegate.IoCapability


class Shows(PairingDelegate):  # type: ignore[misc]
    """Shows the number that both have worked out, as the monitor does."""

    async def generate_passkey(self) -> int:
        return PASSKEY


async def two(address_a: str, address_b: str) -> list[Device]:
    link = LocalLink()
    devices = []
    for address in (address_a, address_b):
        controller = Controller(address, link=link, public_address=Address(address))
        host = Host(controller, AsyncPipeSink(controller))
        devices.append(Device(address=Address(address), host=host))
    for device in devices:
        await device.power_on()
    return devices


@pytest.mark.parametrize(
    ("other", "good"),
    [
        ({"sc": True, "mitm": True, "delegate": Shows(IO.DISPLAY_OUTPUT_ONLY)}, True),
        ({"sc": True, "mitm": False, "delegate": Shows(IO.NO_OUTPUT_NO_INPUT)}, False),
        ({"sc": False, "mitm": True, "delegate": Shows(IO.DISPLAY_OUTPUT_ONLY)}, False),
        ({"sc": False, "mitm": False, "delegate": Shows(IO.NO_OUTPUT_NO_INPUT)}, False),
    ],
    ids=["as the monitor", "just works", "legacy, passkey", "legacy, just works"],
)
def test_less_than_secure_connections_is_no_bond(
    tmp_path: Path, other: dict[str, Any], good: bool
) -> None:
    async def run() -> None:
        keys = Keys(tmp_path / "keys", bytes(32))
        key = keys.add("00" * 8)
        ours, theirs = await two("C0:00:00:00:00:01", "C0:00:00:00:00:02")
        theirs.pairing_config_factory = lambda _: PairingConfig(bonding=True, **other)
        await theirs.start_advertising(auto_restart=False)
        connection = await ours.connect(theirs.random_address)
        assert await secure(connection, PASSKEY, keys, key) is good
        bond = keys.bond(key)
        assert (bond is not None) is good
        assert not good or bond["ltk"]["authenticated"]

    asyncio.run(asyncio.wait_for(run(), 60))
