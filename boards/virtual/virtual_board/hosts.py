"""The hosts' controllers: every TCP connection to the HCI port gets one of its own.

What Bumble 0.0.236's virtual controller lacks and a host's stack needs is added here: scan
responses of their own, RSSI, data length, PHY, cancelling a connection. `barrier` keeps a host in
step with simulated time.
"""

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from bumble import hci
from bumble.controller import Controller
from bumble.transport.common import StreamPacketSink, StreamPacketSource

if TYPE_CHECKING:
    from virtual_board.air import Air

# Bytes of one link-layer packet with the data length extension.
LL_OCTETS = 251
# How long to wait for a host to have handled what it was sent, in real time.
_BARRIER_SECONDS = 0.5
# Rounds of question and answer until a host's program has had its say too.
_BARRIER_ROUNDS = 2


class HostController(Controller):  # type: ignore[misc]
    """The controller of one host that came to the HCI port."""

    le_acl_data_packet_length = LL_OCTETS
    supported_max_tx_octets = supported_max_rx_octets = LL_OCTETS

    def __init__(self, air: "Air", name: str, sink: StreamPacketSink) -> None:
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

    def __init__(self, air: "Air") -> None:
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
