"""Pairing, bonding and encryption of the board's side, where its stack has them.

MicroPython on BTstack is built without the security manager: pairing is refused there. On NimBLE
the firmware keeps the bonds (`_IRQ_GET_SECRET`, `_IRQ_SET_SECRET`) and answers for passkeys.
"""

import asyncio
import json
from typing import TYPE_CHECKING, Any

from bumble.device import Connection, Device
from bumble.keys import KeyStore, PairingKeys
from bumble.pairing import PairingConfig, PairingDelegate

if TYPE_CHECKING:
    from virtual_board.radio import Radio

# Actions of MicroPython's _IRQ_PASSKEY_ACTION.
INPUT, DISPLAY, COMPARE = 2, 3, 4
_PASSKEY_SECONDS = 60.0
# The secret's type under which NimBLE keeps bonds: "our security" is 1, "peer security" 2.
_PEER_SECURITY = 2


class Pairing:
    """Everything of one radio that concerns security."""

    def __init__(self, radio: "Radio") -> None:
        self.radio = radio
        self._passkeys: dict[int, asyncio.Future[int]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    def attach(self, device: Device) -> None:
        """Make a device use the firmware's bonds and ask for its consent."""
        device.keystore = _FirmwareKeys(self.radio)
        device.pairing_config_factory = self._config

    def _config(self, connection: Connection) -> PairingConfig:
        chosen = self.radio.config
        return PairingConfig(
            sc=True,
            mitm=bool(chosen.get("mitm")),
            bonding=bool(chosen.get("bond")),
            delegate=_Delegate(self, connection, int(chosen.get("io", 3))),
        )

    def allowed(self) -> bool:
        """Whether this stack has a security manager at all."""
        return not self.radio.btstack

    async def request(self, connection: Connection) -> dict[str, Any]:
        """The firmware asks the host to pair."""
        if not self.allowed():
            return {"refused": True}
        self.radio._on().request_pairing(connection)
        return {}

    async def ask(self, connection: Connection, action: int, number: int = 0) -> int:
        """Put a passkey question to the firmware and wait for its answer."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._passkeys[connection.handle] = future
        self.radio.report_passkey(connection.handle, action, number)
        return await asyncio.wait_for(future, _PASSKEY_SECONDS)

    def answer(self, handle: int, passkey: int) -> None:
        """`gap_passkey` of the firmware."""
        future = self._passkeys.pop(handle, None)
        if future is not None and not future.done():
            future.set_result(passkey)

    def watch(self, connection: Connection) -> None:
        """Report changes of the link's encryption."""
        connection.mitm = connection.bonded = connection.pairing_now = False

        def started() -> None:
            connection.pairing_now = True

        def paired(keys: PairingKeys) -> None:
            key = keys.ltk or keys.ltk_peripheral or keys.ltk_central
            connection.mitm = bool(key and key.authenticated)
            connection.pairing_now = False
            bonded = bool(self.radio.config.get("bond"))
            self.radio.report_encryption(connection.handle, 1, connection.mitm, bonded)

        async def changed() -> None:
            if connection.pairing_now:
                return  # `paired` tells it, with more to tell
            keys = await _FirmwareKeys(self.radio).get(str(connection.peer_address))
            key = keys and (keys.ltk or keys.ltk_peripheral or keys.ltk_central)
            if key:
                connection.mitm, connection.bonded = bool(key.authenticated), True
            self.radio.report_encryption(
                connection.handle, bool(connection.encryption), connection.mitm, connection.bonded
            )

        def change() -> None:
            task = asyncio.create_task(changed())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        connection.on(connection.EVENT_PAIRING_START, started)
        connection.on(connection.EVENT_PAIRING, paired)
        connection.on(connection.EVENT_CONNECTION_ENCRYPTION_CHANGE, change)


class _Delegate(PairingDelegate):  # type: ignore[misc]
    """The firmware's part in a pairing."""

    def __init__(self, pairing: Pairing, connection: Connection, io: int) -> None:
        super().__init__(PairingDelegate.IoCapability(io))
        self._pairing = pairing
        self._connection = connection

    async def accept(self) -> bool:
        return self._pairing.allowed()

    async def generate_passkey(self) -> int:
        return await self._pairing.ask(self._connection, DISPLAY)  # the firmware picks it

    async def display_number(self, number: int, digits: int) -> None:
        return None

    async def get_number(self) -> int | None:
        return await self._pairing.ask(self._connection, INPUT)

    async def compare_numbers(self, number: int, digits: int) -> bool:
        return bool(await self._pairing.ask(self._connection, COMPARE, number))


class _FirmwareKeys(KeyStore):  # type: ignore[misc]
    """Bonds live in the firmware, as on a board: they outlast a power cycle if it keeps them."""

    def __init__(self, radio: "Radio") -> None:
        self._radio = radio

    async def update(self, name: str, keys: PairingKeys) -> None:
        value = json.dumps(keys.to_dict()).encode()
        await self._radio.questions.secret(1, _PEER_SECURITY, name.encode(), value)

    async def delete(self, name: str) -> None:
        await self._radio.questions.secret(2, _PEER_SECURITY, name.encode(), b"")

    async def get(self, name: str) -> PairingKeys | None:
        value = await self._radio.questions.secret(0, _PEER_SECURITY, name.encode(), b"")
        return PairingKeys.from_dict(json.loads(value)) if value else None

    async def get_all(self) -> list[tuple[str, PairingKeys]]:
        return []
