"""The air: Bumble's virtual link, clocked by simulated time, and the hosts' controllers.

Nothing crosses this link by itself. Packets wait until the board's next connection event fetches
them (`Air.to_board`) or brings its own (`Air.to_host`), so that a link can't be faster than its
connection interval, and a host that is slow in real time holds simulated time up, not the data.

Each TCP connection to the HCI port gets a controller of its own. What Bumble 0.0.236's virtual
controller lacks or gets wrong, and a host stack needs, is mended here: data from a public
address, scan responses of their own, RSSI, data length, PHY, cancelling a connection.
"""

import asyncio
import contextlib
import struct
from collections import deque
from collections.abc import Callable
from typing import Any

from bumble import hci, ll
from bumble.controller import Connection, Controller, LegacyAdvertiser
from bumble.core import PhysicalTransport
from bumble.link import LocalLink
from bumble.transport.common import StreamPacketSink, StreamPacketSource

# Bytes of one link-layer packet with the data length extension.
LL_OCTETS = 251
# How long to wait for a host to have handled what it was sent, in real time.
_BARRIER_SECONDS = 0.5
# Rounds of question and answer until a host's program has had its say too.
_BARRIER_ROUNDS = 2


class Air(LocalLink):  # type: ignore[misc]
    """The link between one board's controller and any number of hosts' controllers.

    `on_inbound(handle)` is called when a host has sent something on the board's connection
    `handle`; `on_listeners(count)` when hosts begin or end to scan or to connect.
    """

    def __init__(self) -> None:
        super().__init__()
        self.board: BoardController | None = None
        self.rssi = -55
        self.on_inbound: Callable[[int], None] = lambda handle: None
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


class HostController(Controller):  # type: ignore[misc]
    """The controller of one host that came to the HCI port."""

    le_acl_data_packet_length = LL_OCTETS
    supported_max_tx_octets = supported_max_rx_octets = LL_OCTETS

    def __init__(self, air: Air, name: str, sink: StreamPacketSink) -> None:
        super().__init__(name, host_sink=sink, link=air)
        self.air = air
        self._echo: asyncio.Future[None] | None = None

    # -- lockstep ---

    async def barrier(self) -> None:
        """Wait until the host has handled what it was sent.

        A "remote connection parameter request" is the one question that a host's stack answers by
        itself, after all that came before it. A host that does not answer is not waited for again
        until it does.
        """
        connection = next(iter(self.le_connections.values()), None)
        if connection is None:
            return
        for _ in range(_BARRIER_ROUNDS):
            if self._echo is not None and not self._echo.done():
                return
            self._echo = asyncio.get_running_loop().create_future()
            self.send_hci_packet(
                hci.HCI_LE_Remote_Connection_Parameter_Request_Event(
                    connection_handle=connection.handle,
                    interval_min=24,
                    interval_max=24,
                    max_latency=0,
                    timeout=42,
                )
            )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._echo), _BARRIER_SECONDS)

    def _answered(self, handle: int) -> hci.HCI_StatusAndConnectionHandleReturnParameters:
        if self._echo is not None and not self._echo.done():
            self._echo.set_result(None)
        return hci.HCI_StatusAndConnectionHandleReturnParameters(
            status=hci.HCI_ErrorCode.SUCCESS, connection_handle=handle
        )

    def on_hci_le_remote_connection_parameter_request_reply_command(
        self, command: hci.HCI_LE_Remote_Connection_Parameter_Request_Reply_Command
    ) -> hci.HCI_StatusAndConnectionHandleReturnParameters:
        """The answer to `barrier`'s question."""
        return self._answered(command.connection_handle)

    def on_hci_le_remote_connection_parameter_request_negative_reply_command(
        self, command: hci.HCI_LE_Remote_Connection_Parameter_Request_Negative_Reply_Command
    ) -> hci.HCI_StatusAndConnectionHandleReturnParameters:
        """So is a refusal."""
        return self._answered(command.connection_handle)

    def leave(self) -> None:
        """The host's program is gone: nobody answers on its links any more."""
        if self._echo is not None and not self._echo.done():
            self._echo.set_result(None)
        for connection in list(self.le_connections.values()):
            at_board = self.air.at_board(connection.self_address)
            if at_board is not None:
                self.air.severed.add(at_board.handle)
                self.air.on_gone(at_board.handle)
        self.le_connections.clear()
        self.air.controllers.discard(self)
        self.air.tell_listeners()

    # -- what Bumble's controller lacks ---

    def send_hci_packet(self, packet: hci.HCI_Packet) -> None:
        """Give advertising reports the signal strength and the scan response they should have."""
        if isinstance(packet, hci.HCI_LE_Extended_Advertising_Report_Event):
            kinds = hci.HCI_LE_Extended_Advertising_Report_Event.EventType
            for report in packet.reports:
                report.rssi = self.air.rssi
                if report.event_type & kinds.SCAN_RESPONSE:
                    report.data = self._scan_response()
                    if not self.le_scan_type or not report.data:
                        return
            packet = hci.HCI_LE_Extended_Advertising_Report_Event(packet.reports)
        super().send_hci_packet(packet)

    def _scan_response(self) -> bytes:
        board = self.air.board
        return bytes(board.le_legacy_advertiser.scan_response_data) if board else b""

    def on_hci_le_set_extended_scan_parameters_command(
        self, command: hci.HCI_LE_Set_Extended_Scan_Parameters_Command
    ) -> hci.HCI_StatusReturnParameters:
        """Remember whether the scan is active: only then are scan responses asked for."""
        self.le_scan_type = max(command.scan_types)
        return super().on_hci_le_set_extended_scan_parameters_command(command)

    def on_hci_le_set_extended_scan_enable_command(
        self, command: hci.HCI_LE_Set_Extended_Scan_Enable_Command
    ) -> hci.HCI_StatusReturnParameters:
        """As Bumble does, and tell the board that someone listens."""
        result = super().on_hci_le_set_extended_scan_enable_command(command)
        self.air.tell_listeners()
        return result

    def on_hci_le_set_scan_enable_command(
        self, command: hci.HCI_LE_Set_Scan_Enable_Command
    ) -> hci.HCI_StatusReturnParameters:
        """As Bumble does, and tell the board that someone listens."""
        result = super().on_hci_le_set_scan_enable_command(command)
        self.air.tell_listeners()
        return result

    def on_hci_le_create_connection_command(
        self, command: hci.HCI_LE_Create_Connection_Command
    ) -> None:
        """As Bumble does, and tell the board that someone wants to connect."""
        super().on_hci_le_create_connection_command(command)
        self.air.tell_listeners()

    def on_hci_le_extended_create_connection_command(
        self, command: hci.HCI_LE_Extended_Create_Connection_Command
    ) -> None:
        """As Bumble does, and tell the board that someone wants to connect."""
        super().on_hci_le_extended_create_connection_command(command)
        self.air.tell_listeners()

    def create_le_connection(self, peer_address: hci.Address) -> None:
        """As Bumble does; the wish is fulfilled."""
        super().create_le_connection(peer_address)
        self.air.tell_listeners()

    pending_le_connection: Any

    def on_hci_le_create_connection_cancel_command(
        self, _command: hci.HCI_LE_Create_Connection_Cancel_Command
    ) -> hci.HCI_StatusReturnParameters:
        """Give up connecting, and say so in the event that ends the attempt."""
        pending: Any = self.pending_le_connection
        self.pending_le_connection = None
        self.air.tell_listeners()
        if pending is None:
            return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        ended = hci.HCI_LE_Connection_Complete_Event(
            status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
            connection_handle=0,
            role=hci.Role.CENTRAL,
            peer_address_type=pending.peer_address_type,
            peer_address=pending.peer_address,
            connection_interval=0,
            peripheral_latency=0,
            supervision_timeout=0,
            central_clock_accuracy=0,
        )
        asyncio.get_running_loop().call_soon(self.send_hci_packet, ended)
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    def on_hci_read_rssi_command(self, command: hci.HCI_Read_RSSI_Command) -> Any:
        """How strong the board is."""
        return hci.HCI_Read_RSSI_ReturnParameters(
            status=hci.HCI_ErrorCode.SUCCESS, handle=command.handle, rssi=self.air.rssi
        )

    def on_hci_le_set_data_length_command(
        self, command: hci.HCI_LE_Set_Data_Length_Command
    ) -> hci.HCI_StatusAndConnectionHandleReturnParameters:
        """Grant what is asked."""
        self.send_hci_packet(
            hci.HCI_LE_Data_Length_Change_Event(
                connection_handle=command.connection_handle,
                max_tx_octets=command.tx_octets,
                max_tx_time=command.tx_time,
                max_rx_octets=command.tx_octets,
                max_rx_time=command.tx_time,
            )
        )
        return hci.HCI_StatusAndConnectionHandleReturnParameters(
            status=hci.HCI_ErrorCode.SUCCESS, connection_handle=command.connection_handle
        )

    def on_hci_le_set_phy_command(self, command: hci.HCI_LE_Set_PHY_Command) -> None:
        """Grant 2M if it is among those asked for."""
        self._send_hci_command_status(hci.HCI_COMMAND_STATUS_PENDING, command.op_code)
        phy = hci.Phy.LE_2M if command.tx_phys & 2 else hci.Phy.LE_1M
        self.send_hci_packet(
            hci.HCI_LE_PHY_Update_Complete_Event(
                status=hci.HCI_ErrorCode.SUCCESS,
                connection_handle=command.connection_handle,
                tx_phy=phy,
                rx_phy=phy,
            )
        )


class HciPort:
    """The TCP port where hosts' stacks find a controller each."""

    def __init__(self, air: Air) -> None:
        self._air = air
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.BaseTransport] = set()
        self._count = 0

    async def open(self, port: int) -> int:
        """Listen on this computer only; returns the port.

        Raises:
            OSError: the port is taken.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Client(self), "127.0.0.1", port)
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """End every host's connection."""
        if self._server is not None:
            self._server.close()
        for client in list(self._clients):
            client.close()

    def came(self, client: "_Client", transport: asyncio.Transport) -> HostController:
        """A host's program has connected."""
        self._clients.add(transport)
        self._count += 1
        controller = HostController(self._air, f"host{self._count}", StreamPacketSink(transport))
        client.set_packet_sink(controller)
        return controller

    def left(self, transport: asyncio.BaseTransport) -> None:
        """It has gone."""
        self._clients.discard(transport)


class _Client(StreamPacketSource):  # type: ignore[misc]
    """One host's TCP connection."""

    def __init__(self, port: HciPort) -> None:
        super().__init__()
        self._port = port
        self._controller: HostController | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._controller = self._port.came(self, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._port.left(self._transport)
        if self._controller is not None:
            self._controller.leave()


def att_frame(pdu: bytes) -> bytes:
    """An ATT PDU as an L2CAP packet on the attribute protocol's channel."""
    return struct.pack("<HH", len(pdu), 4) + pdu
