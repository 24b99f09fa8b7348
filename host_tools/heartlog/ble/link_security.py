"""LE Secure Connections with a monitor, on a Bumble adapter of our own.

    secured = await secure_link(client, handshake.passkey, keys, key)

The passkey comes from the handshake of the same connection (`security.channel`), so nobody
types one. The bond is kept with the pairing key, not under the monitor's address, which changes
every quarter of an hour. With the system's own Bluetooth there is no such thing: it keeps bonds
under addresses and asks people for numbers; the sealed channel alone protects there.
"""

from __future__ import annotations

import asyncio
from typing import Any

from bleak import BleakClient
from bleak.exc import BleakError
from bumble.core import BaseBumbleError
from bumble.device import Connection
from bumble.hci import HCI_Error
from bumble.keys import KeyStore, PairingKeys
from bumble.pairing import PairingConfig, PairingDelegate

from heartlog.ble.bumble_client import BumbleClient
from heartlog.ble.cancellation import asked
from heartlog.security.keys import Keys

SECONDS = 30.0
"""An elliptic-curve key agreement takes a Cortex-M0+ a second or two."""


class _OneBond(KeyStore):  # type: ignore[misc]
    """The bond with the monitor that has this pairing key, whatever address it has now.

    Only one by LE Secure Connections and the passkey is kept: somebody in between, who has not
    the passkey, can make both sides agree to less.
    """

    def __init__(self, keys: Keys, key: bytes) -> None:
        self._keys, self._key = keys, key

    async def update(self, name: str, keys: PairingKeys) -> None:
        good = keys.ltk is not None and keys.ltk.authenticated
        self._keys.keep_bond(self._key, keys.to_dict() if good else None)

    async def delete(self, name: str) -> None:
        self._keys.keep_bond(self._key, None)

    async def get(self, name: str) -> PairingKeys | None:
        bond = self._keys.bond(self._key)
        return PairingKeys.from_dict(bond) if bond else None

    async def get_all(self) -> list[tuple[str, PairingKeys]]:
        return []


class _Passkey(PairingDelegate):  # type: ignore[misc]
    """Types the number that both sides have worked out."""

    def __init__(self, passkey: int) -> None:
        super().__init__(PairingDelegate.IoCapability.KEYBOARD_INPUT_ONLY)
        self._passkey = passkey

    async def get_number(self) -> int:
        return self._passkey


async def secure_link(client: BleakClient, passkey: int, keys: Keys, key: bytes) -> bool:
    """Encrypt the link by the bond, or pair without one; False when it stays as it is.

    The sealed channel does not depend on it: a failure here is no reason to end the connection.
    """
    backend: Any = client._backend
    if not isinstance(backend, BumbleClient) or backend.connection is None:
        return False
    return await secure(backend.connection, passkey, keys, key)


async def secure(connection: Connection, passkey: int, keys: Keys, key: bytes) -> bool:
    """The same for a Bumble connection."""
    device = connection.device
    device.keystore = _OneBond(keys, key)
    device.pairing_config_factory = lambda _: PairingConfig(
        sc=True, mitm=True, bonding=True, delegate=_Passkey(passkey)
    )
    if keys.bond(key) is not None:
        if await _try(connection.encrypt()):
            return _good(connection)
        # The monitor has lost it. Stacks end such a link or leave it half way; a pairing on it may
        # wait in vain, so the next connection makes one.
        keys.keep_bond(key, None)
        return False
    return await _try(connection.pair()) and _good(connection) and keys.bond(key) is not None


def _good(connection: Connection) -> bool:
    return bool(connection.encryption)


async def _try(step: Any) -> bool:
    try:
        async with asyncio.timeout(SECONDS):
            await step
    except (BaseBumbleError, HCI_Error, BleakError, TimeoutError):
        return False
    except asyncio.CancelledError:
        if asked():
            raise
        return False
    return True
