"""A paired monitor on the air: its own host gets everything, a stranger nothing."""

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from bleak.exc import BleakError

from heartlog._firmware.monitor.link import wire
from heartlog.ble import Backend, find_monitor, open_backend, scan
from heartlog.errors import NotFound
from heartlog.link.monitor import Monitor
from heartlog.link.problems import LinkLost, NotLetIn
from heartlog.link.records import Record
from heartlog.security.cables import VirtualCable
from heartlog.security.keys import Keys
from heartlog.security.pair import pair
from virtual_board import Board

pytestmark = pytest.mark.usefixtures("micropython")
OVERHEAD = 12  # of a sealed frame: counter and tag
Check = Callable[[Board, Backend, Keys], Awaitable[None]]


def paired(tmp_path: Path, check: Check, stack: str = "nimble", **options: Any) -> None:
    """A paired virtual monitor, and `check` done to it."""
    keys = Keys(tmp_path / "keys", bytes(32))

    async def run() -> None:
        with Board(
            record="demo", speed=20, stack=stack, run_dir=tmp_path / "board", **options
        ) as board:
            pair(VirtualCable(board.run_dir), keys, session=1)
            async with open_backend(f"virtual:{board.run_dir}", keys=keys) as backend:
                await settle(backend)
                await check(board, backend, keys)
            assert board.complaints == []

    asyncio.run(run())


class Listened(Monitor):
    """A monitor of whose frames somebody else hears when they come and how long they are."""

    heard: list[int]

    def _on_frame(self, sender: Any, data: bytearray) -> None:
        self.heard.append(len(data))
        super()._on_frame(sender, data)


async def device_on_air(backend: Backend) -> Any:
    """Any connectable device at all, as a stranger's scanner sees it."""
    seen: dict[str, Any] = {}
    async with backend.scanner(detection_callback=lambda d, a: seen.update({d.address: (d, a)})):
        await until(lambda: seen)
    return next(iter(seen.values()))


async def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait, in real time, until it is true."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.05)


async def records_of(monitor: Monitor, *wanted: str) -> list[Record]:
    """Records from the first one on, until one of each wanted name has come."""
    found: list[Record] = []
    async for batch in monitor.records(0):
        found += batch.records
        if {r.name for r in found} >= set(wanted):
            break
        assert len(found) < 2000, f"no {wanted} came"
    return found


async def settle(backend: Backend) -> None:
    """Wait until what is on the air is the paired monitor, not what it was before."""
    for _ in range(60):
        heard = await scan(backend, 10, lambda found: True)
        if heard and all(found.key for found in heard):
            return
        await asyncio.sleep(0.5)
    pytest.fail("the paired monitor never came on the air")


@pytest.mark.parametrize("stack", ["nimble", "btstack"])
def test_the_paired_host_gets_everything(tmp_path: Path, stack: str) -> None:
    async def check(board: Board, backend: Backend, keys: Keys) -> None:
        found = await find_monitor(backend)
        assert found.key == keys.all()[0].key_bytes
        async with Monitor(backend, found.device, found.key) as monitor:
            assert monitor.info.device_id == keys.all()[0].device
            assert monitor.info.model == "virtual"
            assert monitor.info.firmware
            assert monitor.link_secured == (stack == "nimble")
            await monitor.start_session(5)
            for _ in range(60):  # sealed, the 48th and 49th begin like the handshake's commands
                await monitor.acknowledge(0)
            await monitor.synchronize()
            assert (await monitor.status())["session"] == 5
            await records_of(monitor, "boot", "beat", "sync", "session")
        async with Listened(backend, (await find_monitor(backend)).device, found.key) as again:
            status = await again.status()
            assert status["session"] == 5
            again.heard = []
            # Who watches the radio learns nothing of the heart from how long the frames are.
            async for _ in again.records(status["next_seq"] - 1):
                if len(again.heard) >= 25:
                    break
            usual = wire.LIVE_HEAD + 3 * (2 + wire.SIZE[wire.BEAT]) + OVERHEAD
            assert again.heard.count(usual) >= 15, again.heard
            await again.stop_session()
            assert (await again.status())["session"] == 0

    paired(tmp_path, check, stack)


def test_a_stranger_sees_no_name_and_no_service(tmp_path: Path) -> None:
    async def check(board: Board, backend: Backend, keys: Keys) -> None:
        _, advertisement = await device_on_air(backend)
        assert advertisement.local_name is None
        assert wire.SERVICE_UUID not in advertisement.service_uuids
        stranger = Keys(tmp_path / "others", bytes(32))
        stranger.add("00" * 8)
        backend.keys = stranger
        assert await scan(backend, 2) == []
        backend.keys = None
        with pytest.raises(NotFound):
            await find_monitor(backend, timeout=2)

    paired(tmp_path, check)


def test_a_stranger_who_connects_learns_nothing(tmp_path: Path) -> None:
    """Reads every characteristic, subscribes to all, sends every command, floods."""

    async def check(board: Board, backend: Backend, keys: Keys) -> None:
        device, _ = await device_on_air(backend)
        heard: dict[str, list[bytes]] = {}
        client = backend.client(device)
        await client.connect()
        identity = bytes.fromhex(keys.all()[0].device)
        for service in client.services:
            for char in service.characteristics:
                if "read" in char.properties:
                    value = bytes(await client.read_gatt_char(char))
                    if char.uuid.startswith("00002a38"):
                        continue  # where on the body such sensors are worn: the same for all
                    if char.uuid.startswith("00002a00"):
                        assert b"Heart" not in value
                        continue
                    assert not any(value), f"{char.uuid} reads {value!r}"
                if "notify" in char.properties:
                    heard[char.uuid] = []
                    await client.start_notify(
                        char, lambda c, data: heard[c.uuid].append(bytes(data))
                    )
        for opcode in (*wire.COMMANDS, 0, 99, 255):
            if opcode in (wire.KEY_HELLO, wire.KEY_ANSWER):
                continue
            packet = bytes((opcode, 7)) + bytes(wire.OPERAND_SIZE.get(opcode, 30))
            await client.write_gatt_char(wire.CONTROL_UUID, packet, response=True)
        await until(lambda: len(heard[wire.CONTROL_UUID]) >= len(wire.COMMANDS))
        answers = heard.pop(wire.CONTROL_UUID)
        assert answers
        assert all(len(a) == 3 and a[2] == wire.REFUSED for a in answers)
        assert not any(heard.values()), heard
        assert identity not in b"".join(answers)
        await client.disconnect()

    paired(tmp_path, check)


def test_wrong_keys_are_refused_journalled_and_slowed(tmp_path: Path) -> None:
    async def check(board: Board, backend: Backend, keys: Keys) -> None:
        found = await find_monitor(backend)
        for _ in range(4):
            with pytest.raises((NotLetIn, LinkLost, BleakError)):
                async with Monitor(backend, found.device, os.urandom(32)):
                    pass
        with pytest.raises(NotLetIn):
            async with Monitor(backend, found.device):  # no key at all
                pass
        right = (await find_monitor(backend)).key
        assert right is not None
        # A liar sends wrong answers by hand: the monitor must see the failures.
        for _ in range(9):
            client = backend.client(found.device)
            await client.connect()
            hello = wire.command(wire.KEY_HELLO, 1, 1, os.urandom(16))
            await client.write_gatt_char(wire.CONTROL_UUID, hello, response=True)
            lie = wire.command(wire.KEY_ANSWER, 2, os.urandom(16))
            with contextlib.suppress(BleakError):  # it may end before the write is answered
                await client.write_gatt_char(wire.CONTROL_UUID, lie, response=True)
            await until(lambda: not client.is_connected)  # noqa: B023
        end = time.monotonic() + 90
        while time.monotonic() < end:  # for strangers the gate is shut; for its host it is not
            await asyncio.sleep(0.5)
            try:
                async with Monitor(backend, found.device, right) as monitor:
                    links = [r for r in await records_of(monitor, "link") if r.name == "link"]
                    break
            except LinkLost:
                continue
        else:
            pytest.fail("the rightful host was never let in again")
        assert any(r.values["action"] == wire.LINK_REFUSED for r in links)

    paired(tmp_path, check)


def test_a_forged_frame_ends_the_connection(tmp_path: Path) -> None:
    async def check(board: Board, backend: Backend, keys: Keys) -> None:
        found = await find_monitor(backend)
        async with Monitor(backend, found.device, found.key) as monitor:
            with contextlib.suppress(BleakError):  # it may end before the write is answered
                await monitor._client.write_gatt_char(
                    wire.CONTROL_UUID, os.urandom(40), response=True
                )
            await until(lambda: not monitor._client.is_connected)

    paired(tmp_path, check)


def test_a_damaged_key_file_lets_nobody_in(tmp_path: Path) -> None:
    async def check(board: Board, backend: Backend, keys: Keys) -> None:
        key = keys.all()[0].key_bytes
        board.control(do="put", path="/pairing", hex=(b"HLK1" + key + b"\0\0").hex())
        VirtualCable(board.run_dir).restart()
        device, _ = await device_on_air(backend)
        for given in (key, None):
            with pytest.raises((NotLetIn, LinkLost, BleakError)):
                async with Monitor(backend, device, given):
                    pass

    paired(tmp_path, check)
