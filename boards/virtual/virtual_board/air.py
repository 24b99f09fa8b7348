"""The air: Bumble's virtual link, clocked by the board's simulated time.

Nothing crosses this link by itself. Packets wait until the board's next connection event fetches
them (`Air.to_board`) or brings its own (`Air.to_host`), so that a link can't be faster than its
connection interval, and a host that is slow in real time holds simulated time up, not the data.

What Bumble 0.0.236's link gets wrong is mended here: data from a public address, two hosts that
answer one advertisement, control packets for a connection that has just ended.
"""

import asyncio
import struct
from collections import deque
from collections.abc import Callable
from typing import Any

from bumble import hci, ll
from bumble.controller import Connection, Controller, LegacyAdvertiser
from bumble.core import PhysicalTransport
from bumble.link import LocalLink

from virtual_board.hosts import LL_OCTETS, HostController


class Air(LocalLink):  # type: ignore[misc]
    """The link between one board's controller and any number of hosts' controllers.

    `on_inbound(handle)` is called when a host has sent something on the board's connection
    `handle`, `on_outbound(handle)` when the board's own stack has; `on_listeners(count)` when
    hosts begin or end to scan or to connect.
    """

    def __init__(self) -> None:
        super().__init__()
        self.board: BoardController | None = None
        self.rssi = -55
        self.on_inbound: Callable[[int], None] = lambda handle: None
        self.on_outbound: Callable[[int], None] = lambda handle: None
        self.on_listeners: Callable[[int], None] = lambda count: None
        self.on_gone: Callable[[int], None] = lambda handle: None
        self.inbound: dict[int, deque[bytes]] = {}
        self.outbound: dict[int, deque[bytes]] = {}
        self.severed: set[int] = set()

    # -- what Bumble calls ---

    def find_le_controller(self, address: hci.Address) -> Controller | None:
        """The controller that has a connection under this address, or owns it."""
        for controller in self.controllers:
            for connection in controller.le_connections.values():
                if connection.self_address == address:
                    return controller
        for controller in self.controllers:
            if address in (controller.random_address, controller.public_address):
                return controller
        return None

    def send_acl_data(
        self,
        sender_controller: Controller,
        destination_address: hci.Address,
        transport: PhysicalTransport,
        data: bytes,
    ) -> None:
        """Queue an L2CAP packet until the next connection event."""
        connection = sender_controller.le_connections.get(destination_address)
        if connection is None:
            return
        if sender_controller is self.board:
            self.outbound.setdefault(connection.handle, deque()).append(data)
            self.on_outbound(connection.handle)
            return
        at_board = self.at_board(connection.self_address)
        if at_board is not None and at_board.handle not in self.severed:
            self.inbound.setdefault(at_board.handle, deque()).append(data)
            self.on_inbound(at_board.handle)

    def send_ll_control_pdu(
        self, sender_address: hci.Address, receiver_address: hci.Address, packet: ll.ControlPdu
    ) -> None:
        """Control packets pass at once, unless the link is dead."""
        receiver = self.find_le_controller(receiver_address)
        if receiver is None or sender_address not in receiver.le_connections:
            return
        at_board = self.at_board(sender_address if receiver is self.board else receiver_address)
        if at_board is not None and at_board.handle in self.severed:
            return
        asyncio.get_running_loop().call_soon(
            self._deliver_control, receiver, sender_address, packet
        )

    @staticmethod
    def _deliver_control(
        receiver: Controller, sender_address: hci.Address, packet: ll.ControlPdu
    ) -> None:
        if sender_address in receiver.le_connections:  # it may have ended meanwhile
            receiver.on_ll_control_pdu(sender_address, packet)

    def send_advertising_pdu(self, sender_controller: Controller, packet: Any) -> None:
        """Advertisements go to hosts, connection requests to the board if it still takes one."""
        loop = asyncio.get_running_loop()
        if isinstance(packet, ll.ConnectInd):
            board = self.board
            if board is not None and board.le_legacy_advertiser.enabled:
                board.interval = packet.interval, packet.latency, packet.timeout
                board.on_ll_advertising_pdu(packet)
            else:  # another host was faster
                loop.call_soon(self._never_established, sender_controller, packet)
            return
        for controller in list(self.controllers):
            if controller is not sender_controller:
                loop.call_soon(controller.on_ll_advertising_pdu, packet)

    @staticmethod
    def _never_established(host: Controller, packet: ll.ConnectInd) -> None:
        connection = host.le_connections.get(packet.advertiser_address)
        if connection is not None:
            host.on_le_disconnected(
                connection, hci.HCI_ErrorCode.CONNECTION_FAILED_TO_BE_ESTABLISHED_ERROR
            )

    # -- what the radio calls ---

    def at_board(self, host_address: hci.Address) -> Connection | None:
        """The board's end of its connection with the host of this address."""
        return self.board.le_connections.get(host_address) if self.board else None

    def at_host(self, handle: int) -> "tuple[HostController, Connection] | None":
        """The host's controller and its end of the board's connection `handle`."""
        connection = self.board and self.board.find_le_connection_by_handle(handle)
        if not connection:
            return None
        for controller in self.controllers:
            if isinstance(controller, HostController):
                there = controller.le_connections.get(connection.self_address)
                if there is not None and there.self_address == connection.peer_address:
                    return controller, there
        return None

    def to_host(self, handle: int, packet: bytes) -> "HostController | None":
        """Deliver an L2CAP packet to the host; returns the controller that got it."""
        found = self.at_host(handle)
        if found is None:
            return None
        host, connection = found
        host.on_link_acl_data(connection.peer_address, PhysicalTransport.LE, packet)
        return host

    def to_board(self, handle: int, packet: bytes) -> None:
        """Deliver an L2CAP packet to the board's stack."""
        connection = self.board and self.board.find_le_connection_by_handle(handle)
        if connection:
            assert self.board is not None
            self.board.on_link_acl_data(connection.peer_address, PhysicalTransport.LE, packet)

    def forget(self, handle: int) -> None:
        """Drop what waits on a connection that has ended."""
        self.inbound.pop(handle, None)
        self.outbound.pop(handle, None)
        self.severed.discard(handle)

    def break_link(self, handle: int, reason: int) -> None:
        """End a connection at both ends, each finding out by itself (supervision timeout)."""
        found = self.at_host(handle)
        connection = self.board and self.board.find_le_connection_by_handle(handle)
        if found is not None:
            found[0].on_le_disconnected(found[1], reason)
        if connection:
            assert self.board is not None
            self.board.on_le_disconnected(connection, reason)
        self.forget(handle)

    def tell_listeners(self) -> None:
        """Count the hosts that scan or want to connect, and say so."""
        self.on_listeners(
            sum(
                bool(c.le_scan_enable or c.pending_le_connection)
                for c in self.controllers
                if isinstance(c, HostController)
            )
        )


class _OnDemandAdvertiser(LegacyAdvertiser):  # type: ignore[misc]
    """Advertises when told, not by a timer of this computer's clock."""

    def start(self) -> None:
        self.enabled = True

    def stop(self) -> None:
        self.enabled = False


class BoardController(Controller):  # type: ignore[misc]
    """The board's own controller. `interval`: what the latest connection request asked for."""

    le_acl_data_packet_length = LL_OCTETS
    supported_max_tx_octets = supported_max_rx_octets = LL_OCTETS
    le_features = Controller.le_features & ~hci.LeFeatureMask.LE_EXTENDED_ADVERTISING
    supported_commands = Controller.supported_commands

    def __init__(self, air: Air) -> None:
        super().__init__("board", link=air)
        self.le_legacy_advertiser = _OnDemandAdvertiser(self)
        self.interval = (24, 0, 42)
        air.board = self

    def send_hci_packet(self, packet: hci.HCI_Packet) -> None:
        """Put the real parameters into the event that Bumble fills with placeholders."""
        if (
            isinstance(packet, hci.HCI_LE_Connection_Complete_Event)
            and packet.role == hci.Role.PERIPHERAL
        ):
            interval, latency, timeout = self.interval
            packet = hci.HCI_LE_Connection_Complete_Event(
                status=packet.status,
                connection_handle=packet.connection_handle,
                role=packet.role,
                peer_address_type=packet.peer_address_type,
                peer_address=packet.peer_address,
                connection_interval=interval,
                peripheral_latency=latency,
                supervision_timeout=timeout,
                central_clock_accuracy=0,
            )
        super().send_hci_packet(packet)


def att_frame(pdu: bytes) -> bytes:
    """An ATT PDU as an L2CAP packet on the attribute protocol's channel."""
    return struct.pack("<HH", len(pdu), 4) + pdu
