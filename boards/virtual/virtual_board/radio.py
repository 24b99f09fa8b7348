"""The board's radio: what the firmware's `bluetooth` module talks to, on a Bumble stack.

The firmware's process is the clock. It asks for one connection event at a time (an EXCHANGE frame)
and gets what happened in it; see runtime/air.py for the other end and the frames' layout. Between
two exchanges the radio only says that it has something (`AIR` frames).
"""

import asyncio
import struct
from collections.abc import Callable
from typing import Any

from bumble import att, hci
from bumble.device import Connection, Device, DeviceConfiguration
from bumble.host import Host
from bumble.transport.common import AsyncPipeSink

from virtual_board import gatt as table
from virtual_board.air import Air, BoardController, att_frame
from virtual_board.hosts import HostController
from virtual_board.pairing import Pairing
from virtual_board.questions import Questions
from virtual_board.reports import (
    CONNECTED,
    DISCONNECTED,
    ENCRYPTED,
    INDICATED,
    MTU,
    PASSKEY,
    UPDATED,
    WRITTEN,
)

# Operations of an EXCHANGE frame.
FETCH, EVENT, ADVERTISE, BREAK, TERMINATE = range(5)
# What an AIR frame says.
INBOUND, LISTENERS, GONE, EVENTS = range(1, 5)

_CONFIRMATION = 0x1E
# Turns of the event loop after which Bumble's stack has dealt with a packet.
_TURNS = 8
_USER_ENDED = hci.HCI_ErrorCode.REMOTE_USER_TERMINATED_CONNECTION_ERROR


class Radio:
    """One board's radio on the air; `hint(kind, number)` tells the firmware's side."""

    def __init__(self, air: Air, stack: str, unique: bytes, hint: Callable[[int, int], None]):
        self.air = air
        self.btstack = stack == "btstack"
        # A static random address made of the board's own id.
        self.address = hci.Address(
            bytes([*unique[:5], unique[5] | 0xC0]), hci.Address.RANDOM_DEVICE_ADDRESS
        )
        self.device: Device | None = None
        self.controller: BoardController | None = None
        self.config: dict[str, Any] = {}
        self.left_out = 0
        self._events: list[bytes] = []
        self._hint = hint
        self._busy = False
        self._talking: int | None = None  # the connection whose event is being carried out
        self.questions = Questions(self._report)
        self._timeouts: dict[int, int] = {}  # supervision timeouts in microseconds
        self._orphans: list[tuple[int, HostController, Any]] = []
        self.pairing = Pairing(self)
        air.on_inbound = lambda handle: hint(INBOUND, handle)
        air.on_outbound = self._queued
        air.on_gone = lambda handle: hint(GONE, handle)
        air.on_listeners = lambda count: hint(LISTENERS, count)

    # -- calls that are rare: JSON ---

    async def call(self, question: dict[str, Any]) -> dict[str, Any]:
        """One request of the firmware's side; returns the reply."""
        name = question["call"]
        if name == "on":
            await self._power_on(question)
            return {"address": bytes(reversed(bytes(self.address))).hex()}
        if name == "off":
            await self.power_off()
        elif name == "config":
            self._configure(question)
        elif name == "address":
            self._move(hci.Address(bytes(reversed(bytes.fromhex(question["address"])))))
        elif name == "services":
            return self._register(question["services"])
        elif name == "advertise":
            self._advertise(question)
        elif name == "advertise_again":
            if self.controller is not None:
                self.controller.le_legacy_advertiser.start()
        elif name == "subscribers":
            return {"connections": self._subscribers(question["handle"])}
        elif name == "secret":
            self.questions.answer(question["number"], 0, bytes.fromhex(question["value"]))
        elif name == "pair":
            return await self.pairing.request(self._connection(question["connection"]))
        elif name == "passkey":
            self.pairing.answer(question["connection"], question["passkey"])
        return {}

    async def _power_on(self, question: dict[str, Any]) -> None:
        await self.vanish(None)
        self.pass_time(None)  # a board that is back does not know the links of before
        self.controller = controller = BoardController(self.air)
        host = Host(controller, AsyncPipeSink(controller))
        self.device = device = Device(
            config=DeviceConfiguration(
                name="board", address=self.address, gap_service_enabled=False
            ),
            host=host,
        )
        self.pairing.attach(device)
        device.on(Device.EVENT_CONNECTION, self._on_connection)
        self._configure(question)
        await device.power_on()
        self.pairing.attach(device)  # power_on makes a key store of its own
        self.air.tell_listeners()

    def _configure(self, question: dict[str, Any]) -> None:
        self.config.update(question["config"])
        if self.device is not None and "mtu" in self.config:
            self.device.gatt_server.max_mtu = max(23, min(517, self.config["mtu"]))

    def _move(self, address: hci.Address) -> None:
        """From now on the board is to be found under another random address."""
        device = self._on()
        device.random_address = address
        assert self.controller is not None
        self.controller.random_address = address

    async def power_off(self) -> None:
        """The firmware switches the radio off: it ends its links first."""
        for handle in self._handles():
            self.air.break_link(handle, _USER_ENDED)
        await self._turns()
        await self.vanish(None)

    async def vanish(self, now_us: int | None) -> None:
        """The board is silent from now on; hosts find out when their supervision times out."""
        for handle in self._handles():
            found = self.air.at_host(handle)
            if found is not None and now_us is not None:
                self._orphans.append((now_us + self._timeouts.get(handle, 0), *found))
            self.air.forget(handle)
        self.questions.forget()
        self._events.clear()
        controller, self.controller, self.device = self.controller, None, None
        if controller is not None:
            controller.le_connections.clear()
            self.air.board = None
            self.air.controllers.discard(controller)
        await self._turns()

    def pass_time(self, now_us: int | None) -> None:
        """End hosts' links to a silent board that are due by `now_us` (None: all)."""
        kept = []
        for due_us, host, connection in self._orphans:
            if now_us is not None and now_us < due_us:
                kept.append((due_us, host, connection))
            elif host.le_connections.get(connection.peer_address) is connection:
                host.on_le_disconnected(connection, hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)
        self._orphans = kept

    def _handles(self) -> list[int]:
        if self.controller is None:
            return []
        return [connection.handle for connection in self.controller.le_connections.values()]

    def _register(self, services: list[Any]) -> dict[str, Any]:
        device = self._on()
        table.clear(device.gatt_server, lambda: bytes.fromhex(self.config["gap_name"]))
        built = table.build(
            device.gatt_server,
            table.wanted(services),
            self.btstack,
            self.questions.read,
            self._write,
        )
        self.left_out = built.left_out
        return {"handles": built.handles, "used": built.used, "left_out": built.left_out}

    def _advertise(self, question: dict[str, Any]) -> None:
        assert self.controller is not None
        advertiser = self.controller.le_legacy_advertiser
        advertiser.stop()
        if question["on"]:
            advertiser.own_address_type = hci.Address.RANDOM_DEVICE_ADDRESS
            advertiser.advertising_type = 0  # connectable, scannable, undirected
            advertiser.advertising_data = bytes.fromhex(question["data"])
            advertiser.scan_response_data = bytes.fromhex(question["response"])
            advertiser.start()

    def _subscribers(self, handle: int) -> list[int]:
        """Connections whose host has switched on notifications of the attribute."""
        server = self._on().gatt_server
        return [
            connection.handle
            for connection, wishes in server.subscribers.items()
            if (wishes.get(handle) or b"\0")[0] & 1
        ]

    def _on(self) -> Device:
        if self.device is None:
            raise RuntimeError("the firmware used the radio before it switched it on")
        return self.device

    def _connection(self, handle: int) -> Connection:
        return self._on().lookup_connection(handle)

    # -- exchanges: one for each advertising or connection event ---

    async def exchange(self, payload: bytes) -> bytes:
        """Carry out one event on the air; returns the EXCHANGED frame's payload."""
        operation = payload[0]
        more = False
        self._busy = True
        try:
            if operation == EVENT:
                more = await self._connection_event(payload)
            elif operation == ADVERTISE:
                await self._advertising_event(payload)
            elif operation == BREAK:
                handle, reason = struct.unpack_from("<HB", payload, 1)
                self.air.break_link(handle, reason)
                await self._turns()
            elif operation == TERMINATE:
                await self._terminate(struct.unpack_from("<H", payload, 1)[0])
        finally:
            self._busy = False
            self._talking = None
        events, self._events = self._events, []
        return bytes([more]) + b"".join(events)

    async def _turns(self) -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    async def _advertising_event(self, payload: bytes) -> None:
        (self.air.rssi,) = struct.unpack_from("<b", payload, 1)
        if self.controller is None:
            return
        self.controller.le_legacy_advertiser.send_advertising_data()
        await self._turns()
        await self._barrier()

    async def _barrier(self, hosts: "set[HostController] | None" = None) -> None:
        if hosts is None:
            hosts = {c for c in self.air.controllers if isinstance(c, HostController)}
        for host in hosts:
            await host.barrier()

    async def _connection_event(self, payload: bytes) -> bool:
        handle, inbound, answers, pdus = struct.unpack_from("<HBBB", payload, 1)
        self._talking = handle
        at = 6
        for _ in range(answers):
            number, status, length = struct.unpack_from("<IBH", payload, at)
            at += 7
            self.questions.answer(number, status, payload[at : at + length])
            at += length
        if answers:
            await self._turns()
        hosts: set[HostController] = set()
        waiting = self.air.outbound.get(handle)
        while waiting:
            self._deliver(hosts, handle, waiting.popleft())
        for _ in range(pdus):
            (length,) = struct.unpack_from("<H", payload, at)
            self._deliver(hosts, handle, att_frame(payload[at + 2 : at + 2 + length]))
            at += 2 + length
        queue = self.air.inbound.get(handle)
        while queue and inbound:
            inbound -= 1
            self._receive(handle, queue.popleft())
        await self._turns()
        await self._barrier(hosts)
        return bool(self.air.inbound.get(handle) or self.air.outbound.get(handle))

    def _queued(self, handle: int) -> None:
        """The board's stack has something to send; the link's own event finds that by itself.

        Not all that a stack sends answers what has just come: keys follow when the controller says
        that the link is encrypted, a confirmation when the firmware has told the passkey. Such a
        packet must ask for an event, or it waits for traffic that may never come.
        """
        if handle != self._talking:
            self._hint(INBOUND, handle)

    def _deliver(self, hosts: "set[HostController]", handle: int, packet: bytes) -> None:
        host = self.air.to_host(handle, packet)
        if host is not None:
            hosts.add(host)

    def _receive(self, handle: int, packet: bytes) -> None:
        channel = packet[2] | packet[3] << 8 if len(packet) > 4 else 0
        if channel == att.ATT_CID and packet[4] == _CONFIRMATION:
            self._report(INDICATED, struct.pack("<HB", handle, 0))
            return
        self.air.to_board(handle, packet)

    async def _terminate(self, handle: int) -> None:
        connection = self.device.lookup_connection(handle) if self.device else None
        if connection is not None and self.controller is not None:
            there = self.controller.find_le_connection_by_handle(handle)
            if there is not None:
                # What the stack has answered before goes first.
                hosts: set[HostController] = set()
                waiting = self.air.outbound.get(handle)
                while waiting:
                    self._deliver(hosts, handle, waiting.popleft())
                await self._barrier(hosts)
                self.air.break_link(handle, _USER_ENDED)
        await self._turns()

    # -- what happens on the air ---

    def _report(self, kind: int, payload: bytes) -> None:
        self._events.append(struct.pack("<BH", kind, len(payload)) + payload)
        if not self._busy:
            self._hint(EVENTS, 0)

    def report_encryption(self, handle: int, on: int, mitm: int, bonded: int) -> None:
        """The link's encryption has changed."""
        self._report(ENCRYPTED, struct.pack("<HBBBB", handle, on, mitm, bonded, 16))

    def report_passkey(self, handle: int, action: int, number: int) -> None:
        """Pairing wants the firmware's answer."""
        self._report(PASSKEY, struct.pack("<HBI", handle, action, number))

    async def _write(self, connection: Any, handle: int, value: bytes) -> None:
        self._report(WRITTEN, struct.pack("<HH", connection.handle, handle) + value)

    def _on_connection(self, connection: Connection) -> None:
        handle = connection.handle
        peer = connection.peer_address
        address = bytes(reversed(bytes(peer)))
        assert self.controller is not None
        interval, latency, timeout = self.controller.interval
        self._timeouts[handle] = timeout * 10_000
        self._report(
            CONNECTED,
            struct.pack("<HB", handle, 0 if peer.is_public else 1)
            + address
            + struct.pack("<HHH", interval, latency, timeout),
        )
        self.air.tell_listeners()

        def ended(reason: int) -> None:
            self.air.forget(handle)
            self._report(DISCONNECTED, struct.pack("<HB", handle, reason))

        def mtu() -> None:
            self._report(MTU, struct.pack("<HH", handle, connection.att_mtu))

        def updated() -> None:
            now = connection.parameters
            self._report(
                UPDATED,
                struct.pack(
                    "<HHHH",
                    handle,
                    round(now.connection_interval / 1.25),
                    now.peripheral_latency,
                    round(now.supervision_timeout / 10),
                ),
            )

        connection.on(connection.EVENT_DISCONNECTION, ended)
        connection.on(connection.EVENT_CONNECTION_ATT_MTU_UPDATE, mtu)
        connection.on(connection.EVENT_CONNECTION_PARAMETERS_UPDATE, updated)
        self.pairing.watch(connection)
