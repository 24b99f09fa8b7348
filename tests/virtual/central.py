"""A Bumble central in this process, on the HCI port of a board in another: the tests' host."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any

from bumble import hci
from bumble.core import UUID, ProtocolError
from bumble.device import Connection, Device, Peer
from bumble.transport import open_transport

from virtual_board import Board

CONTROL, STREAM, VALUE, SECRET = (UUID.from_16_bits(0xF001 + i) for i in range(4))


class Central:
    """A host: `device` is Bumble's. Use as `async with central(board) as host`."""

    def __init__(self, board: Board, device: Device) -> None:
        self.board = board
        self.device = device
        self.got: list[bytes] = []
        self.times: list[float] = []
        self.reasons: list[int] = []
        self.connection: Connection | None = None
        self.peer: Peer | None = None

    def clock(self) -> float:
        """The board's simulated UNIX time."""
        (now,) = struct.unpack("<d", (self.board.run_dir / "clock").read_bytes())
        return float(now)

    async def scan(self, active: bool = True, count: int = 1) -> list[Any]:
        """The first `count` advertisements."""
        found: list[Any] = []
        enough = asyncio.Event()

        def heard(advertisement: Any) -> None:
            found.append(advertisement)
            if len(found) >= count:
                enough.set()

        self.device.on("advertisement", heard)
        await self.device.start_scanning(active=active, filter_duplicates=False)
        try:
            await asyncio.wait_for(enough.wait(), 60)
        finally:
            self.device.remove_listener("advertisement", heard)
            await self.device.stop_scanning()
        return found

    async def connect(self, mtu: int | None = 517, subscribe: bool = True) -> Connection:
        """Find the board, connect, discover, subscribe to the stream."""
        (advertisement,) = (await self.scan())[:1]
        connection = await self.device.connect(advertisement.address, timeout=60)
        self.connection = connection
        connection.on(connection.EVENT_DISCONNECTION, self.reasons.append)
        self.peer = Peer(connection)
        if mtu:
            await self.peer.request_mtu(mtu)
        await self.peer.discover_services()
        for service in self.peer.services:
            await service.discover_characteristics()
        if subscribe:
            await self.characteristic(STREAM).subscribe(self._notified)
        return connection

    def _notified(self, value: bytes) -> None:
        self.got.append(bytes(value))
        self.times.append(self.clock())

    def characteristic(self, uuid: UUID) -> Any:
        assert self.peer is not None
        (found,) = self.peer.get_characteristics_by_uuid(uuid)
        return found

    async def order(self, kind: str, count: int = 0, answered: bool = True) -> None:
        """Tell the test firmware what to do."""
        order = kind.encode() + struct.pack("<H", count)
        await self.characteristic(CONTROL).write_value(order, with_response=answered)

    async def until(self, condition: Callable[[], object], seconds: float = 60.0) -> None:
        """Wait, in real time, until `condition()` is true."""
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.005)

    def numbers(self) -> list[int]:
        """The counters at the head of what was notified."""
        return [struct.unpack_from("<I", value)[0] for value in self.got]


@contextlib.asynccontextmanager
async def central(board: Board) -> AsyncIterator[Central]:
    transport = await open_transport(board.description["hci"])
    address = hci.Address.generate_static_address()
    device = Device.with_hci("host", address, transport.source, transport.sink)
    await device.power_on()
    try:
        yield Central(board, device)
    finally:
        with contextlib.suppress(ProtocolError, TimeoutError, asyncio.CancelledError):
            for connection in list(device.connections.values()):
                await asyncio.wait_for(connection.disconnect(), 5)
        await transport.close()
