"""LE Secure Connections beneath the sealed channel, and addresses that nobody can follow."""

import asyncio
import os
from pathlib import Path

import pytest
from bumble.core import BaseBumbleError
from bumble.hci import HCI_Error
from bumble.pairing import PairingConfig, PairingDelegate

from heartlog.ble import Backend, find_monitor, link_security
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


@pytest.mark.timeout(900)
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
        # The monitor has lost its side: a new pairing mends that, unasked, with a connection after
        # the one that finds it out.
        board.control(do="put", path="/bonds", hex="")
        VirtualCable(board.run_dir).restart()
        assert not await connect(backend)
        assert keys.bond(key) is None
        assert await connect(backend)
        assert keys.bond(key) != bond
        # Another key: what was bonded by the one before is erased.
        pair(VirtualCable(board.run_dir), keys, session=2)
        await settle(backend)
        assert kept[4:12] not in bonds_on(board)
        assert await connect(backend)

    paired(tmp_path, check)


@pytest.mark.timeout(900)
def test_each_pairing_succeeds_at_its_first_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else is said on the link meanwhile; more of them: HEARTLOG_PAIRINGS=30."""

    async def check(board: Board, backend: Backend, keys: Keys) -> None:
        (key,) = (p.key_bytes for p in keys.all())
        for _ in range(int(os.environ.get("HEARTLOG_PAIRINGS", "3"))):
            keys.keep_bond(key, None)
            assert await connect(backend)
        # One that takes too long does not keep the host from the monitor, nor from the next one.
        keys.keep_bond(key, None)
        with monkeypatch.context() as patch:
            patch.setattr(link_security, "SECONDS", 0.0)
            assert not await connect(backend)
        assert keys.bond(key) is None
        assert await connect(backend)

    paired(tmp_path, check)


class Stranger(PairingDelegate):  # type: ignore[misc]
    """Types a number that nobody told it, or none."""

    async def get_number(self) -> int:
        return 0


def test_a_stranger_leaves_no_bond(tmp_path: Path) -> None:
    async def check(board: Board, backend: Backend, keys: Keys) -> None:
        before = bonds_on(board)
        io = PairingDelegate.IoCapability
        for capability in (io.KEYBOARD_INPUT_ONLY, io.NO_OUTPUT_NO_INPUT):
            guesses = capability == io.KEYBOARD_INPUT_ONLY
            config = PairingConfig(
                sc=True, mitm=guesses, bonding=True, delegate=Stranger(capability)
            )
            client = backend.client((await device_on_air(backend))[0])
            await client.connect()
            connection = client._backend.connection
            connection.device.pairing_config_factory = lambda _, config=config: config
            try:
                await asyncio.wait_for(connection.pair(), 30)
                joined = True
            except (BaseBumbleError, HCI_Error, asyncio.CancelledError):
                joined = False
            assert joined != guesses, "nobody guesses six digits that nobody was told"
            if client.is_connected:
                await client.disconnect()
        await asyncio.sleep(0.5)
        assert bonds_on(board) == before
        assert await connect(backend), "the rightful host is not kept away by it"

    paired(tmp_path, check)


def test_the_address_changes_with_the_identifier(tmp_path: Path) -> None:
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
        assert len(addresses) == len(seen)
        assert all(int(address[:2], 16) < 0x40 for address in addresses), "non-resolvable"

    paired(tmp_path, check, bulk=True, loop=True)
