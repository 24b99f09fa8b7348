"""A hostile client with patience: it listens, replays, floods, connects and holds."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from bleak.exc import BleakError

from heartlog._firmware.monitor import settings
from heartlog._firmware.monitor.link import wire
from heartlog.ble import Backend, find_monitor, open_backend
from heartlog.link.monitor import Monitor
from heartlog.security.cables import VirtualCable
from heartlog.security.keys import Keys
from virtual_board import Board

from .test_guard import device_on_air, paired, records_of, until

pytestmark = pytest.mark.usefixtures("micropython")
HEART_RATE = "00002a37-0000-1000-8000-00805f9b34fb"
HEART_RATE_SERVICE = "0000180d-0000-1000-8000-00805f9b34fb"
STACKS = pytest.mark.parametrize("stack", ["nimble", "btstack"])


@contextlib.asynccontextmanager
async def another(board: Board, tmp_path: Path) -> AsyncIterator[Backend]:
    """Another computer: its own radio address, no key."""
    others = Keys(tmp_path / os.urandom(4).hex(), os.urandom(32))
    async with open_backend(f"virtual:{board.run_dir}", keys=others) as backend:
        yield backend


async def simulated(board: Board, seconds: float) -> None:
    end = board.control(do="status")["now_us"] + seconds * 1e6
    await until(lambda: board.control(do="status")["now_us"] >= end)


async def listen(client: Any) -> dict[str, list[bytes]]:
    """Subscribe to everything that notifies; what comes goes into the lists."""
    heard: dict[str, list[bytes]] = {}
    for service in client.services:
        for char in service.characteristics:
            if "notify" in char.properties:
                heard[char.uuid] = []
                await client.start_notify(char, lambda c, data: heard[c.uuid].append(bytes(data)))
    return heard


def test_the_heart_rate_is_open_only_while_the_patient_wants_it(tmp_path: Path) -> None:
    async def check(board: Board, backend: Backend, keys: Keys) -> None:
        device, advertisement = await device_on_air(backend)
        assert advertisement.service_uuids == []
        async with backend.client(device) as client:
            heard = await listen(client)
            await simulated(board, 6)
            assert not any(heard.values()), heard
        board.control(do="button", ms=7000)
        await simulated(board, 9)
        await until(lambda: board.control(do="status")["radio"]["advertising"])
        device, advertisement = await device_on_air(backend)
        assert advertisement.service_uuids in ([], [HEART_RATE_SERVICE])  # with an active scan
        async with backend.client(device) as client:
            heard = await listen(client)
            await until(lambda: any(m[0] & 0x10 for m in heard[HEART_RATE]))
            rates = [m[1] for m in heard.pop(HEART_RATE) if m[1]]
            assert all(30 < rate < 200 for rate in rates)
            await simulated(board, 35)
            assert client.is_connected, "a listener may stay"
            assert not any(heard.values()), "heart rate only"
            value = await client.read_gatt_char(wire.STATUS_UUID)
            assert not any(value)
        found = await find_monitor(backend, timeout=60)
        async with Monitor(backend, found.device, found.key) as monitor:
            told = [r for r in await records_of(monitor, "setting") if r.name == "setting"]
            assert told[-1].values["key"] == settings.OPEN_HEART_RATE
            assert told[-1].values["value"] == 1
            await monitor.start_session(8)
            (now,) = await monitor.request(wire.SETTING_GET, settings.OPEN_HEART_RATE)
            assert now == 0, "another session may be another patient's"
            await monitor.request(wire.SETTING_SET, settings.OPEN_HEART_RATE, 1)
            last = await monitor.stop_session()
            (now,) = await monitor.request(wire.SETTING_GET, settings.OPEN_HEART_RATE)
            assert now == 0, "it closes with the session"
            async for batch in monitor.records(last - 2):
                told += batch.records
                if told[-1].seq >= last:
                    break
            (closed,) = [r for r in told if r.seq == last - 1]
            assert closed.values["key"] == settings.OPEN_HEART_RATE
            assert closed.values["value"] == 0
            await until(lambda: not board.control(do="status")["radio"]["advertising"])

    paired(tmp_path, check)


def test_what_was_recorded_on_the_air_opens_nothing(tmp_path: Path) -> None:
    async def check(board: Board, backend: Backend, keys: Keys) -> None:
        said: list[bytes] = []
        found = await find_monitor(backend)
        async with Monitor(backend, found.device, found.key) as monitor:
            write = monitor._client.write_gatt_char

            async def overheard(uuid: str, packet: bytes, response: bool) -> None:
                said.append(bytes(packet))
                await write(uuid, packet, response=response)

            # Before the handshake, or the replay would lack it.
            hello = wire.command(wire.KEY_HELLO, 1, 1, os.urandom(16))
            monitor._client.write_gatt_char = overheard  # type: ignore[method-assign]
            await monitor.start_session(3)
            await monitor.synchronize()
            await records_of(monitor, "boot", "beat")
        said.insert(0, hello)
        assert len(said) > 5
        for n, order in enumerate((said, said[1:], said[:0:-1], said)):
            if n == 3:  # and across a start of the monitor
                await asyncio.to_thread(VirtualCable(board.run_dir).restart)
            client = backend.client((await device_on_air(backend))[0])
            await client.connect()
            heard = await listen(client)
            with contextlib.suppress(BleakError):
                for packet in order:
                    await client.write_gatt_char(wire.CONTROL_UUID, packet, response=True)
                await asyncio.sleep(0.3)
            answers = heard.pop(wire.CONTROL_UUID)
            assert not any(heard.values()), heard
            for answer in answers:
                handshake = answer[0] == wire.KEY_HELLO | 0x80
                assert answer[2] in (wire.REFUSED, wire.NOT_COMPLETED) or handshake, answer
            if client.is_connected:
                await client.disconnect()
        found = await find_monitor(backend, timeout=60)
        async with Monitor(backend, found.device, found.key) as monitor:
            assert (await monitor.status())["session"] == 3

    paired(tmp_path, check, "btstack")


def test_a_flood_keeps_nobody_away_and_costs_no_sample(tmp_path: Path) -> None:
    async def check(board: Board, backend: Backend, keys: Keys) -> None:
        async with another(board, tmp_path) as other:
            stranger = other.client((await device_on_air(other))[0])
            await stranger.connect()
            heard = await listen(stranger)
            found = await find_monitor(backend)
            await follow(board, backend, found, stranger, heard)
        assert board.control(do="status")["missed_edges"] == 0

    async def follow(
        board: Board, backend: Backend, found: Any, stranger: Any, heard: dict[str, list[bytes]]
    ) -> None:
        async with Monitor(backend, found.device, found.key) as monitor:
            before = (await monitor.status())["next_seq"]
            advertising = lambda: board.control(do="status")["radio"]["advertising"]  # noqa: E731
            await until(lambda: not advertising())

            async def flood() -> None:
                for n in range(600):
                    packet = os.urandom(n % 100 + 1)
                    if n % 3 == 0:
                        packet = wire.command(wire.KEY_HELLO, n % 256, 1, os.urandom(16))
                    with contextlib.suppress(BleakError):
                        await stranger.write_gatt_char(
                            wire.CONTROL_UUID, packet, response=n % 5 == 0
                        )

            flooding = asyncio.create_task(flood())
            seen = 0
            async for batch in monitor.records(before - 1):
                seen += sum(r.name == "beat" for r in batch.records)
                if seen > 10 and flooding.done():
                    break
            await flooding
            status = await monitor.status()
            assert status["overruns"] == 0
            assert not status["flags"] & wire.STATUS_FAULT
            assert not heard[wire.RECORDS_UUID]
            assert not heard[wire.ECG_UUID]
            with contextlib.suppress(BleakError):
                await stranger.disconnect()

    paired(tmp_path, check)


@STACKS
def test_who_connects_and_holds_is_sent_away(tmp_path: Path, stack: str) -> None:
    places = 2 if stack == "nimble" else 1

    async def hold(board: Board, stack: contextlib.AsyncExitStack) -> list[Any]:
        held = []
        for _ in range(places):
            other = await stack.enter_async_context(another(board, tmp_path))
            client = other.client((await device_on_air(other))[0])
            await client.connect()
            held.append(client)
        return held

    async def check(board: Board, backend: Backend, keys: Keys) -> None:
        begun = board.control(do="status")["now_us"]
        async with contextlib.AsyncExitStack() as strangers:
            held = await hold(board, strangers)
            await until(lambda: not any(client.is_connected for client in held))
        assert board.control(do="status")["now_us"] - begun < 120e6
        found = await find_monitor(backend, timeout=60)
        async with Monitor(backend, found.device, found.key) as monitor:
            await monitor.request(wire.SETTING_SET, settings.OPEN_HEART_RATE, 1)
        if places == 1:
            return
        # Listeners may stay, but they never take the last place.
        async with contextlib.AsyncExitStack() as strangers:
            held = await hold(board, strangers)
            await until(lambda: not all(client.is_connected for client in held))
            found = await find_monitor(backend, timeout=60)
            async with Monitor(backend, found.device, found.key) as monitor:
                assert (await monitor.status())["flags"] & wire.STATUS_PAIRS

    paired(tmp_path, check, stack)
