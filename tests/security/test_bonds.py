"""LE Secure Connections beneath the sealed channel, and addresses that nobody can follow."""

import asyncio
from pathlib import Path

import pytest
from bumble.core import BaseBumbleError
from bumble.hci import HCI_Error
from bumble.pairing import PairingConfig, PairingDelegate

from heartlog.ble import Backend, find_monitor
from heartlog.link.monitor import Monitor
from heartlog.security.cables import VirtualCable
from heartlog.security.keys import Keys
from heartlog.security.pair import pair
from virtual_board import Board

from .test_guard import device_on_air, paired, settle

pytestmark = pytest.mark.usefixtures("micropython")


async def connect(backend: Backend) -> bool:
    """Whether a connection of the rightful host is encrypted by the link layer too."""
    found = await find_monitor(backend, timeout=60)
    async with Monitor(backend, found.device, found.key) as monitor:
        await monitor.start_session(4)
        return monitor.link_secured


def bonds_on(board: Board) -> bytes:
    files = [name for name, _ in board.control(do="list")["files"]]
    if "bonds" not in files:
        return b""
    return bytes.fromhex(board.control(do="get", path="/bonds")["hex"])


def test_a_bond_is_made_once_and_outlives_resets(tmp_path: Path) -> None:
    async def check(board: Board, backend: Backend, keys: Keys) -> None:
        (key,) = (p.key_bytes for p in keys.all())
        assert await connect(backend)
        bond = keys.bond(key)
        assert bond is not None
        assert bond["ltk"]["authenticated"], "by the passkey, not Just Works"
        assert "encrypted (True, True, True)" not in board.log()
        kept = bonds_on(board)
        assert kept.startswith(b"HLB1")
        assert await connect(backend)
        assert keys.bond(key) == bond, "the bond was used, not made anew"
        VirtualCable(board.run_dir).restart()
        assert await connect(backend)
        assert keys.bond(key) == bond
        assert bonds_on(board) == kept
        # The monitor has lost its side: a new pairing mends that, unasked.
        board.control(do="put", path="/bonds", hex="")
        VirtualCable(board.run_dir).restart()
        assert await connect(backend)
        assert keys.bond(key) != bond
        # Another key: what was bonded by the one before is erased.
        pair(VirtualCable(board.run_dir), keys, session=2)
        await settle(backend)
        assert kept[4:12] not in bonds_on(board)
        assert await connect(backend)

    paired(tmp_path, check)


def test_where_the_stack_has_none_the_sealed_channel_is_enough(tmp_path: Path) -> None:
    async def check(board: Board, backend: Backend, keys: Keys) -> None:
        assert not await connect(backend)
        assert bonds_on(board) == b""

    paired(tmp_path, check, "btstack")


@pytest.mark.parametrize("keyboard", [True, False], ids=["guesses the number", "just works"])
def test_a_stranger_leaves_no_bond(tmp_path: Path, keyboard: bool) -> None:
    class Stranger(PairingDelegate):  # type: ignore[misc]
        async def get_number(self) -> int:
            return 0

    io = PairingDelegate.IoCapability
    delegate = Stranger(io.KEYBOARD_INPUT_ONLY if keyboard else io.NO_OUTPUT_NO_INPUT)

    async def check(board: Board, backend: Backend, keys: Keys) -> None:
        device, _ = await device_on_air(backend)
        before = bonds_on(board)
        client = backend.client(device)
        await client.connect()
        connection = client._backend.connection
        connection.device.pairing_config_factory = lambda _: PairingConfig(
            sc=True, mitm=keyboard, bonding=True, delegate=delegate
        )
        try:
            await asyncio.wait_for(connection.pair(), 30)
            joined = True
        except (BaseBumbleError, HCI_Error, asyncio.CancelledError):
            joined = False
        assert joined != keyboard, "nobody guesses six digits that nobody was told"
        await asyncio.sleep(1)
        assert bonds_on(board) == before
        if client.is_connected:
            await client.disconnect()
        assert await connect(backend), "the rightful host is not kept away by it"

    paired(tmp_path, check)


@pytest.mark.parametrize("stack", ["nimble", "btstack"])
def test_the_address_changes_with_the_identifier(tmp_path: Path, stack: str) -> None:
    async def check(board: Board, backend: Backend, keys: Keys) -> None:
        board.control(do="speed", value=0)
        seen = set()
        for _ in range(400):
            device, advertisement = await device_on_air(backend)
            seen.add((device.address, advertisement.manufacturer_data[0xFFFF]))
            if len(seen) >= 3:
                break
            await asyncio.sleep(0.1)
        assert len(seen) >= 3
        assert all(keys.whose(identifier) for _, identifier in seen)
        addresses = {address for address, _ in seen}
        identifiers = {identifier for _, identifier in seen}
        assert len(identifiers) == len(seen)
        assert len(addresses) == (len(seen) if stack == "nimble" else 1)
        if stack == "nimble":
            assert all(int(address[:2], 16) < 0x40 for address in addresses), "non-resolvable"

    paired(tmp_path, check, stack, bulk=True, loop=True)
