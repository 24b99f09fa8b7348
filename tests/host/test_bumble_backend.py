"""bleak on Bumble, against a peripheral in another process."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bleak import BleakClient, BleakScanner
from bleak.exc import BleakDeviceNotFoundError, BleakError, BleakGATTProtocolError

from heartlog.ble import find_monitor, open_backend, scan
from heartlog.errors import BluetoothProblem, NotFound, UsageProblem, explain

SERVICE = "7e1d0001-5c2b-4f8e-a3d4-68656172746c"
ECHO = SERVICE.replace("0001", "00f1", 1)
REFUSED = SERVICE.replace("0001", "00f2", 1)
STREAM = SERVICE.replace("0001", "00f3", 1)
SILENT = SERVICE.replace("0001", "00f4", 1)


class Peripheral:
    def __init__(self, *names: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("peripheral.py")), *names],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.hci: list[str] = json.loads(self.process.stdout.readline())["hci"]

    def do(self, command: str) -> None:
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline().strip() == "done"

    async def later(self, command: str) -> None:
        await asyncio.to_thread(self.do, command)

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()

    def backend(self, index: int = 0):
        return open_backend(f"bumble:{self.hci[index]}")


@pytest.fixture
def peripheral() -> Iterator[Peripheral]:
    made = Peripheral("Alpha")
    yield made
    made.stop()


@pytest.fixture
def two_peripherals() -> Iterator[Peripheral]:
    made = Peripheral("Alpha", "Beta")
    yield made
    made.stop()


def test_the_objects_are_bleaks_own(peripheral):
    async def go():
        async with peripheral.backend() as backend:
            assert type(backend.scanner()) is BleakScanner
            found = await find_monitor(backend, timeout=60)
            assert type(backend.client(found.device)) is BleakClient
            assert found.name == "Alpha"
            assert found.address == "C0:00:00:00:00:01"

    asyncio.run(go())


def test_discovery_mtu_read_write(peripheral):
    async def go():
        async with peripheral.backend() as backend:
            found = await find_monitor(backend, timeout=60)
            async with backend.client(found.device) as client:
                assert client.name == "Alpha"
                assert client.mtu_size == 247
                uuids = {c.uuid: c for c in client.services.characteristics.values()}
                assert {ECHO, REFUSED, STREAM} <= set(uuids)
                assert set(uuids[ECHO].properties) == {"read", "write", "write-without-response"}
                assert uuids[ECHO].max_write_without_response_size == 244
                descriptor = uuids[ECHO].get_descriptor("2901")
                assert await client.read_gatt_descriptor(descriptor.handle) == b"echo"
                assert await client.read_gatt_char(ECHO) == b"\x01\x02"
                await client.write_gatt_char(ECHO, b"hello", response=True)
                assert await client.read_gatt_char(ECHO) == b"hello"
                await client.write_gatt_char(ECHO, bytes(range(244)), response=False)
                assert await client.read_gatt_char(ECHO) == bytes(range(244))
                with pytest.raises(BleakError, match="244 at most"):
                    await client.write_gatt_char(ECHO, bytes(245), response=False)
            assert not client.is_connected

    asyncio.run(go())


def test_notifications_arrive_complete_and_in_order(peripheral):
    async def go():
        got = []
        async with peripheral.backend() as backend:
            found = await find_monitor(backend, timeout=60)
            async with backend.client(found.device) as client:
                await client.start_notify(STREAM, lambda _, value: got.append(bytes(value)))
                await peripheral.later("notify 200")
                async with asyncio.timeout(10):
                    while len(got) < 200:
                        await asyncio.sleep(0.01)
                await client.stop_notify(STREAM)
                await peripheral.later("notify 5")
                await asyncio.sleep(0.2)
        assert got == [i.to_bytes(4, "little") for i in range(200)]

    asyncio.run(go())


def test_att_error_is_bleaks(peripheral):
    async def go():
        async with peripheral.backend() as backend:
            found = await find_monitor(backend, timeout=60)
            async with backend.client(found.device) as client:
                with pytest.raises(BleakGATTProtocolError) as caught:
                    await client.read_gatt_char(REFUSED)
                assert caught.value.code == 0x11
                assert "Insufficient Resource" in explain(caught.value).message
                assert client.is_connected

    asyncio.run(go())


def test_link_ended_by_the_peer_in_mid_request(peripheral):
    async def go():
        ended = []
        async with peripheral.backend() as backend:
            found = await find_monitor(backend, timeout=60)
            client = backend.client(found.device, disconnected_callback=ended.append)
            await client.connect()
            reading = asyncio.create_task(client.read_gatt_char(SILENT))
            await asyncio.sleep(0.2)
            await peripheral.later("drop")
            with pytest.raises(BleakError, match="ended"):
                await asyncio.wait_for(reading, 5)
            assert ended == [client]
            assert not client.is_connected
            with pytest.raises(BleakError, match="Service Discovery has not been performed"):
                await client.read_gatt_char(ECHO)
            await client.connect()  # the same object connects again
            assert await client.read_gatt_char(ECHO) == b"\x01\x02"
            await client.disconnect()
            assert ended == [client, client]

    asyncio.run(go())


def test_cancelling_a_request_stays_a_cancellation(peripheral):
    async def go():
        async with peripheral.backend() as backend:
            found = await find_monitor(backend, timeout=60)
            async with backend.client(found.device) as client:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(client.read_gatt_char(SILENT), 0.3)
                assert client.is_connected

    asyncio.run(go())


def test_nobody_at_the_address(peripheral):
    async def go():
        async with peripheral.backend() as backend:
            with pytest.raises(BleakDeviceNotFoundError) as caught:
                await backend.client("C0:00:00:00:00:99", timeout=0.5).connect()
            assert explain(caught.value).exit_code == 3
            with pytest.raises(BleakDeviceNotFoundError):
                backend.client("somebody")

    asyncio.run(go())


def test_two_adapters_and_two_monitors_at_once(two_peripherals):
    async def go():
        async with two_peripherals.backend(0) as one, two_peripherals.backend(1) as two:
            assert {f.name for f in await scan(one, 1.0)} == {"Alpha", "Beta"}
            with pytest.raises(UsageProblem, match="Several monitors"):
                await find_monitor(one, timeout=10)
            alpha, beta = await asyncio.gather(
                find_monitor(one, "alpha"), find_monitor(two, "00:02")
            )
            assert beta.name == "Beta"
            async with one.client(alpha.device) as first, two.client(beta.device) as second:
                await first.write_gatt_char(ECHO, b"to alpha", response=True)
                await second.write_gatt_char(ECHO, b"to beta", response=True)
                assert await first.read_gatt_char(ECHO) == b"to alpha"
                assert await second.read_gatt_char(ECHO) == b"to beta"
            # and both monitors over one adapter
            beta = await find_monitor(one, "beta")
            async with one.client(alpha.device) as first, one.client(beta.device) as second:
                assert await first.read_gatt_char(ECHO) == b"to alpha"
                assert await second.read_gatt_char(ECHO) == b"to beta"

    asyncio.run(go())


def test_two_scanners_share_an_adapter(peripheral):
    async def go():
        async with peripheral.backend() as backend:
            results = await asyncio.gather(scan(backend, 0.4), scan(backend, 0.8))
            assert [[f.name for f in found] for found in results] == [["Alpha"], ["Alpha"]]

    asyncio.run(go())


def test_silence_is_not_found(peripheral):
    async def go():
        peripheral.do("hush")
        async with peripheral.backend() as backend:
            with pytest.raises(NotFound, match="No monitor was found"):
                await find_monitor(backend, timeout=0.5)

    asyncio.run(go())


def test_adapter_that_goes_away(peripheral):
    async def go():
        ended = asyncio.Event()
        async with peripheral.backend() as backend:
            found = await find_monitor(backend, timeout=60)
            client = backend.client(found.device, disconnected_callback=lambda _: ended.set())
            await client.connect()
            peripheral.stop()
            await asyncio.wait_for(ended.wait(), 5)
            assert not client.is_connected
            with pytest.raises(BluetoothProblem, match="is gone"):
                await scan(backend, 0.5)
            with pytest.raises(BluetoothProblem, match="is gone"):
                await client.connect()

    asyncio.run(go())


def test_no_adapter_there():
    async def go():
        with pytest.raises(BluetoothProblem, match="can't be opened"):
            async with open_backend("bumble:tcp-client:127.0.0.1:1"):
                pass
        with pytest.raises(BluetoothProblem, match="can't be opened"):
            async with open_backend("bumble:nonsense:7"):
                pass

    asyncio.run(go())
