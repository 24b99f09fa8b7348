"""What strangers can do to a paired monitor by what they send: nothing, and not for long."""

import asyncio
import os
import struct
import subprocess
from pathlib import Path

from heartlog._firmware.monitor.link import wire
from heartlog.ble import Backend, find_monitor
from heartlog.link.monitor import Monitor
from heartlog.security.keys import Keys
from virtual_board import Board

from .test_guard import device_on_air, paired, until

CHECK = Path(__file__).with_name("guard_check.py")


def test_a_thousand_tries_and_every_trick(repository: Path, micropython: str) -> None:
    """The firmware's own server, with a radio of two places: see the script, line by line.

    The rightful host is let in at its first try, at any moment; what is journalled and kept of the
    tries stays within some records and one write an hour."""
    done = subprocess.run(
        [micropython, "-X", "heapsize=16M", str(CHECK), str(repository / "firmware"), "1000"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-2000:]
    tries, rounds, told, saved = (int(word) for word in done.stdout.split()[-4:])
    assert tries == 1000
    assert rounds >= 20
    assert told < 40
    assert saved < 10


def attribute_protocol() -> list[bytes]:
    """Requests that no honest client makes, or not so (Bluetooth Core 5.4, volume 3, part F)."""
    packets = [b"", b"\x3f", b"\xff" * 30, b"\x02", struct.pack("<BH", 0x02, 23)]
    for handle in (*range(1, 48), 0, 0xFFFF):
        h = struct.pack("<H", handle)
        packets += [
            b"\x0a" + h,  # read
            b"\x0c" + h + b"\x00\x00",  # from an offset
            b"\x0c" + h + b"\x01\x00",
            b"\x0c" + h + b"\xff\xff",
            b"\x0e" + h + h,  # several
            b"\x12" + h,  # a write of nothing
            b"\x12" + h + bytes(600),  # of more than fits
            b"\x52" + h + os.urandom(19),
            b"\xd2" + h + os.urandom(14),  # signed
            b"\x16" + h + b"\x00\x00" + os.urandom(18),  # prepared, and in pieces
            b"\x16" + h + b"\xf0\xff" + os.urandom(18),
            b"\x12" + h + b"\x01\x00",  # subscribe, if it is a subscription
        ]
    packets += [b"\x18\x01", b"\x18\x00", b"\x18\x07", struct.pack("<BH", 0x02, 517)]
    packets += [b"\x04\x01\x00\xff\xff", b"\x08\x01\x00\xff\xff\x03\x28", b"\x06\x01\x00"]
    return packets


def test_no_trick_of_the_attribute_protocol_tells_anything(tmp_path: Path) -> None:
    async def check(board: Board, backend: Backend, keys: Keys) -> None:
        client = backend.client((await device_on_air(backend))[0])
        await client.connect()
        connection = client._backend.connection
        told: list[bytes] = []
        connection.gatt_client.on_gatt_pdu = lambda pdu: told.append(bytes(pdu))
        for packet in attribute_protocol():
            if not client.is_connected:
                break
            connection.send_l2cap_pdu(4, packet)
            await asyncio.sleep(0)
        await until(lambda: len(told) > 100)
        if client.is_connected:
            await client.disconnect()
        status = board.control(do="status")
        secrets = [bytes.fromhex(status["unique_id"]), b"virtual", b"Heartlog"]
        secrets.append(keys.all()[0].key_bytes)
        for answer in told:
            assert [s for s in secrets if s in answer] == [], answer
            # What is read is nothing, or the place where such sensors are worn, or the name "-".
            if answer[0] in (0x0B, 0x0D) and any(answer[1:]):
                assert len(answer) <= 22, answer
        found = await find_monitor(backend, timeout=60)
        async with Monitor(backend, found.device, found.key) as monitor:
            assert not (await monitor.status())["flags"] & wire.STATUS_FAULT

    paired(tmp_path, check)
