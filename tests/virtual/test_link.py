"""The two stacks: what a host sees of the board, what the firmware sees of its radio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from bumble import att
from bumble.core import ProtocolError
from bumble.device import Connection
from bumble.pairing import PairingConfig, PairingDelegate

from virtual_board import Board

from .central import SECRET, VALUE, central
from .conftest import wait_for, wait_until

STACKS = ("nimble", "btstack")


async def printed(board: Board, text: str, count: int = 1) -> str:
    """Wait for what the firmware prints; the host's stack goes on meanwhile."""
    return await asyncio.to_thread(wait_for, board, text, 60, count)


@pytest.mark.parametrize("stack", STACKS)
def test_a_session(start: Callable[..., Board], stack: str) -> None:
    """Scan, connect, read, write, notify, indicate, disconnect, and once more."""
    board = start("link", stack=stack)

    async def run() -> None:
        async with central(board) as host:
            heard = await host.scan(active=True, count=4)
            names = {a.data.get(0x09) for a in heard}
            assert "test" in names, "the scan response is missing"
            passive = await host.scan(active=False, count=3)
            assert all(a.data.get(0x09) is None for a in passive)
            assert all(-80 < a.rssi < -40 for a in heard)
            connection = await host.connect()
            assert connection.att_mtu == (256 if stack == "nimble" else 517)
            value = host.characteristic(VALUE)
            assert await value.read_value() == b"initial"
            await value.write_value(b"0123456789" * 3, with_response=True)
            assert await value.read_value() == b"0123456789" * 2, "20 bytes are the default"
            await host.order("s", 50)
            await value.write_value(b"abcde" * 3, with_response=True)
            await value.write_value(b"fghij" * 3, with_response=True)
            log = await printed(board, "fghij")
            assert "written b'01234567890123456789abcdeabcdeabcde'" in log, "not appended"
            assert "written b'fghijfghijfghij'" in log, "reading did not empty the buffer"
            await host.order("n", 100)
            await host.until(lambda: len(host.got) == 100)
            assert host.numbers() == list(range(100))
            host.got.clear()
            await host.order("b", 3)
            await host.until(lambda: len(host.got) == 3)
            assert {len(data) for data in host.got} == {connection.att_mtu - 3}
            host.got.clear()
            await host.order("u")
            await host.until(lambda: host.got == [b"update"])
            await host.order("i")
            await printed(board, "indicated 0")
            await host.order("k")
            assert "kept dddddddddddd" in await printed(board, "kept"), "the memoryview lives on"
            await host.order("d")
            await host.until(lambda: host.reasons)
            assert host.reasons == [0x13]
            await printed(board, "disconnected")
            host.got.clear()
            await host.connect()
            await host.order("n", 5)
            await host.until(lambda: len(host.got) == 5)

    asyncio.run(run())
    wait_for(board, "disconnected", count=2)
    assert board.complaints == []


def test_errors_as_the_stacks_give_them(start: Callable[..., Board]) -> None:
    expected = {
        "nimble": [
            "notify None raised TypeError can't convert NoneType to int",
            "notify gone raised OSError 107",
            "disconnect gone gave False",
            "write nowhere raised OSError 22",
            "long advertisement raised OSError -18",
            "burst 12",
        ],
        "btstack": [
            "no security: unknown config param",
            "notify None raised TypeError can't convert NoneType to int",
            "notify gone raised OSError 22",
            "disconnect gone gave True",
            "write nowhere raised OSError 22",
            "long advertisement gave None",
            "burst 2000",
        ],
    }

    for stack, lines in expected.items():
        board = start("link", stack=stack)

        async def scenario(board: Board = board) -> None:
            async with central(board) as host:
                await host.connect()
                await host.order("o")
                await printed(board, "long advertisement")
                await host.order("m")
                await host.order("r", 2000)
                board.control(do="radio", delay_ms=10_000)
                await printed(board, "burst")

        asyncio.run(scenario())
        log = board.log()
        for line in lines[:-1]:
            assert line in log
        sent = int(log.split("burst ")[1].split()[0])
        if stack == "nimble":
            assert "refused 12" in log
            assert 12 <= sent < 40
        else:
            assert sent == 2000


def test_btstack_leaks_its_queue_with_the_link(start: Callable[..., Board]) -> None:
    board = start("link", stack="btstack")

    async def run() -> None:
        async with central(board) as host:
            await host.connect()
            await host.order("m")
            await printed(board, "memory")
            await host.order("r", 2000)
            await printed(board, "burst 2000")
            board.control(do="radio", drop=True)
            await host.until(lambda: host.reasons)
            await host.connect()
            await host.order("m")
            await printed(board, "memory", count=2)

    asyncio.run(run())
    assert board.control(do="status")["radio"]["leaked"] > 500
    before, after = (
        int(line.split()[1]) for line in board.log().splitlines() if line.startswith("memory")
    )
    assert after - before > 500 * 7, "what was queued is not on the heap"


@pytest.mark.parametrize("stack", STACKS)
def test_notifications_reach_those_who_did_not_subscribe(
    start: Callable[..., Board], stack: str
) -> None:
    board = start("link", stack=stack)

    async def run() -> None:
        async with central(board) as host:
            await host.connect(subscribe=False)
            assert host.peer is not None
            seen: list[bytes] = []
            client = host.peer.gatt_client
            client.on_att_handle_value_notification = lambda pdu: seen.append(pdu.attribute_value)
            await host.order("n", 3)
            await host.until(lambda: len(seen) == 3)

    asyncio.run(run())


def test_nimble_serves_several_centrals(start: Callable[..., Board]) -> None:
    board = start("link")

    async def run() -> None:
        async with central(board) as one, central(board) as two:
            await one.connect()
            await one.order("o")  # makes the firmware advertise again
            await two.connect()
            await one.order("n", 50)
            await one.until(lambda: len(one.got) == 50 and len(two.got) == 50)
            assert one.numbers() == two.numbers() == list(range(50))
            assert board.control(do="status")["radio"]["connections"] == 2

    asyncio.run(run())


def test_btstack_has_one_place_and_advertises_again_by_itself(
    start: Callable[..., Board],
) -> None:
    board = start("link", stack="btstack")

    async def run() -> None:
        async with central(board) as one, central(board) as two:
            await one.connect()
            await one.order("o")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await two.scan()
            await one.order("d")
            await two.connect()  # the firmware did not ask for it

    asyncio.run(run())


def test_two_who_connect_at_once(start: Callable[..., Board]) -> None:
    board = start("link")

    async def run() -> None:
        async with central(board) as one, central(board) as two:
            advertisement = (await one.scan())[0]
            done = await asyncio.gather(
                one.device.connect(advertisement.address, timeout=30),
                two.device.connect(advertisement.address, timeout=30),
                return_exceptions=True,
            )
            await asyncio.sleep(0.3)
            assert len(done) == 2
            alive = len(one.device.connections) + len(two.device.connections)
            assert alive == 1
            assert board.control(do="status")["radio"]["connections"] == 1

    asyncio.run(run())


def test_btstack_table_overflows_silently(start: Callable[..., Board]) -> None:
    board = start("overflow", stack="btstack")
    log = wait_for(board, "distinct")
    # 65 + 24 + n * 49 <= 512 holds for 8 characteristics.
    assert "distinct 8" in log
    wait_until(lambda: board.complaints)
    assert (
        "takes 512 bytes, these services need 579: 2 characteristics vanished"
        in (board.complaints[0])
    )
    other = start("overflow", stack="nimble")
    assert "distinct 10" in wait_for(other, "distinct")
    assert other.complaints == []


class Keyboard(PairingDelegate):  # type: ignore[misc]
    """Types the number that the test firmware shows."""

    def __init__(self) -> None:
        super().__init__(PairingDelegate.IoCapability.KEYBOARD_INPUT_ONLY)

    async def get_number(self) -> int:
        return 123456


def by_passkey(_: Connection) -> PairingConfig:
    return PairingConfig(sc=True, mitm=True, bonding=True, delegate=Keyboard())


def test_pairing_on_nimble(start: Callable[..., Board]) -> None:
    board = start("link")

    async def run() -> None:
        async with central(board) as host:
            host.device.pairing_config_factory = by_passkey
            await host.connect()
            secret = host.peer.get_characteristics_by_uuid(SECRET)[0]
            with pytest.raises(att.ATT_Error) as refused:
                await secret.read_value()
            assert refused.value.error_code in (5, 15)
            await asyncio.wait_for(host.connection.pair(), 60)
            assert await secret.read_value() == b"secret"

    asyncio.run(run())
    log = wait_for(board, "encrypted")
    assert "passkey action 3" in log
    assert "encrypted (True, True, True)" in log


def test_what_the_board_begins_needs_no_other_traffic(start: Callable[..., Board]) -> None:
    """A request to pair, a passkey told late, keys after the encryption: nobody asked for them
    with a packet, and on a link where nothing else is said they must come all the same."""
    board = start("link")

    async def run() -> None:
        async with central(board) as host:
            host.device.pairing_config_factory = by_passkey
            for times in range(1, 4):
                connection = await host.connect(subscribe=False)
                asked: list[int] = []
                connection.on(connection.EVENT_SECURITY_REQUEST, asked.append)
                await host.order("p", 500)  # by then the order has long been confirmed
                await host.until(lambda asked=asked: asked)
                await asyncio.wait_for(connection.pair(), 60)
                await printed(board, "encrypted (True, True, True)", times)
                await connection.disconnect()

    asyncio.run(run())


def test_no_pairing_on_btstack(start: Callable[..., Board]) -> None:
    board = start("link", stack="btstack")

    async def run() -> None:
        async with central(board) as host:
            await host.connect()
            with pytest.raises(ProtocolError):
                await asyncio.wait_for(host.connection.pair(), 10)
            await host.order("p")
            await printed(board, "pair raised AttributeError")

    asyncio.run(run())
