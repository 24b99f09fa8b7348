"""A Bumble peripheral in a process of its own, for the tests of the host's Bumble backend.

Prints one JSON line {"hci": [transport, ...]} with an HCI port for each adapter that may come.
Then it obeys lines on stdin: `notify COUNT`, `drop` (the peripheral ends every link), `hush`
(stops advertising), `say NAME HEX` (that one advertises these bytes), `quit`; each is answered by
`done`.
"""

import asyncio
import json
import socket
import sys

from bumble import att, hci
from bumble.controller import Controller
from bumble.core import UUID, AdvertisingData
from bumble.device import Device
from bumble.gatt import Characteristic, CharacteristicValue, Descriptor, Service
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport import open_transport
from bumble.transport.common import AsyncPipeSink

SERVICE = "7e1d0001-5c2b-4f8e-a3d4-68656172746c"
ECHO = "7e1d00f1-5c2b-4f8e-a3d4-68656172746c"
REFUSED = "7e1d00f2-5c2b-4f8e-a3d4-68656172746c"
STREAM = "7e1d00f3-5c2b-4f8e-a3d4-68656172746c"
SILENT = "7e1d00f4-5c2b-4f8e-a3d4-68656172746c"
Props, Perms = Characteristic.Properties, Characteristic.Permissions


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class HostController(Controller):
    """Ends a cancelled connection attempt, which Bumble's virtual controller never does."""

    def on_hci_le_create_connection_cancel_command(self, command):
        pending, self.pending_le_connection = self.pending_le_connection, None
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


class Peripheral:
    def __init__(self, link: LocalLink, name: str, address: str) -> None:
        self.name = name
        self.value = b"\x01\x02"
        controller = Controller("peripheral", link=link)
        self.device = Device(
            name, hci.Address(address), host=Host(controller, AsyncPipeSink(controller))
        )
        self.stream = Characteristic(STREAM, Props.NOTIFY, Perms.READABLE, b"")
        self.device.add_service(
            Service(
                UUID(SERVICE),
                [
                    Characteristic(
                        ECHO,
                        Props.READ | Props.WRITE | Props.WRITE_WITHOUT_RESPONSE,
                        Perms.READABLE | Perms.WRITEABLE,
                        CharacteristicValue(read=lambda _: self.value, write=self.write),
                        [Descriptor(UUID.from_16_bits(0x2901), Perms.READABLE, b"echo")],
                    ),
                    Characteristic(
                        REFUSED, Props.READ, Perms.READABLE, CharacteristicValue(read=self.refuse)
                    ),
                    Characteristic(
                        SILENT, Props.READ, Perms.READABLE, CharacteristicValue(read=self.sulk)
                    ),
                    self.stream,
                ],
            )
        )

    def write(self, _, value: bytes) -> None:
        self.value = bytes(value)

    def refuse(self, _) -> bytes:
        raise att.ATT_Error(att.ErrorCode.INSUFFICIENT_RESOURCES)

    async def sulk(self, _) -> bytes:
        await asyncio.sleep(60)
        return b""

    async def start(self) -> None:
        await self.device.power_on()
        self.device.gatt_server.max_mtu = 247
        await self.device.start_advertising(
            auto_restart=True,
            advertising_interval_min=50,
            advertising_interval_max=50,
            advertising_data=bytes(
                AdvertisingData(
                    [
                        (AdvertisingData.FLAGS, b"\x06"),
                        (
                            AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
                            bytes(UUID(SERVICE)),
                        ),
                        (AdvertisingData.SHORTENED_LOCAL_NAME, self.name.encode()),
                    ]
                )
            ),
        )

    async def obey(self, command: str, *words: str) -> None:
        if command == "notify":
            for i in range(int(words[0])):
                await self.device.notify_subscribers(self.stream, i.to_bytes(4, "little"))
        elif command == "drop":
            for connection in list(self.device.connections.values()):
                await connection.disconnect()
        elif command == "say" and words[0] == self.name:
            await self.device.stop_advertising()
            await self.device.start_advertising(
                auto_restart=True,
                advertising_interval_min=50,
                advertising_interval_max=50,
                advertising_data=bytes.fromhex(words[1]),
            )
        elif command == "hush":
            await self.device.stop_advertising()


async def main(names: list[str]) -> None:
    link = LocalLink()
    peripherals = [
        Peripheral(link, name, f"C0:00:00:00:00:{i:02X}") for i, name in enumerate(names, 1)
    ]
    for one in peripherals:
        await one.start()
    ports = [free_port() for _ in range(2)]
    for i, port in enumerate(ports):
        transport = await open_transport(f"tcp-server:127.0.0.1:{port}")
        Controller(f"host{i}", host_source=transport.source, host_sink=transport.sink, link=link)
    print(json.dumps({"hci": [f"tcp-client:127.0.0.1:{p}" for p in ports]}), flush=True)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := (await reader.readline()).decode().split():
        if line[0] == "quit":
            return
        for one in peripherals:
            await one.obey(*line)
        print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
