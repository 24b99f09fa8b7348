"""An update over the air, end to end: a paired virtual board, its radio, its flash, its loader."""

import asyncio
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from bleak.exc import BleakError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from heartlog._firmware.monitor.link.pack import crc_hqx
from heartlog.ble import open_backend
from heartlog.device.air import UpdateRefused, send_update
from heartlog.device.install import install
from heartlog.device.layout import State, read_state
from heartlog.device.repl import reopen
from heartlog.device.signing import SignedImage, public_bytes, sign_archive
from heartlog.errors import CommandError
from heartlog.image import ImageInfo, boards_dir, build_image, load_image, slotfile
from heartlog.image.board import load_board
from heartlog.image.compile import compile_text
from heartlog.link.monitor import Monitor
from heartlog.security.channel import recognise
from virtual_board import Board as VirtualBoard

VIRTUAL = load_board("virtual")
KEY = bytes(range(32))


def pairing_file() -> bytes:
    """As firmware/monitor/pairing.py reads it."""
    data = b"HLK1" + KEY
    return data + crc_hqx(data, 0xFFFF).to_bytes(2, "little")


async def reach(board: VirtualBoard, use: Any) -> Any:
    """Reach the board, and `use` the link; once more while it is just restarting."""
    for _ in range(4):
        try:
            return await reach_once(board, use)
        except UpdateRefused:
            raise
        except (CommandError, BleakError):  # the link ends with its reset
            await asyncio.sleep(1)
    return await reach_once(board, use)


async def reach_once(board: VirtualBoard, use: Any) -> Any:
    """Find the board by its rotating identifier, connect with the key, and `use` the link."""
    async with open_backend(f"virtual:{board.run_dir}") as backend:
        found: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def hear(device: Any, advertisement: Any) -> None:
            identifier = bytes(advertisement.manufacturer_data.get(0xFFFF, b""))
            if recognise(KEY, identifier) and not found.done():
                found.set_result(device)

        async with backend.scanner(detection_callback=hear):
            device = await asyncio.wait_for(found, 60)
        async with Monitor(backend, device, KEY) as monitor:
            return await use(monitor)


def that_lends(image: ImageInfo) -> ImageInfo:
    """The image with a board.py whose journal lends the room of a second one, as a Pico W's."""
    source = (boards_dir() / "virtual" / "board.py").read_bytes() + b"SECOND_SLOT_LENT = True\n"
    code = compile_text(source, "x64", "board.py")
    (image.folder / "board.mpy").write_bytes(code)
    manifest = json.loads((image.folder / "manifest.json").read_text())
    for entry in manifest["files"]:
        if entry["path"] == "board.mpy":
            entry |= {"size": len(code), "sha256": hashlib.sha256(code).hexdigest()}
    (image.folder / "manifest.json").write_text(json.dumps(manifest))
    files = {file.path: (image.folder / file.path).read_bytes() for file in image.files}
    packed = slotfile.pack(
        files, board=image.board, arch=image.arch, version=image.version, build=image.build
    )
    image.archive.write_bytes(packed)
    return load_image(image.folder)


@pytest.mark.slow
def test_update_over_the_air(micropython: str, tmp_path: Path) -> None:
    image = that_lends(build_image("virtual", tmp_path / "image"))
    signing = Ed25519PrivateKey.generate()
    empty = tmp_path / "empty.py"
    empty.write_text("")
    pairing = tmp_path / "pairing"
    pairing.write_bytes(pairing_file())
    signed = sign_archive(image.archive.read_bytes(), signing)
    stranger = SignedImage(signed.data, signed.sha256, os.urandom(64))
    with VirtualBoard(
        record="demo",
        image=image.folder,
        speed=20,
        console=True,
        flash_bytes=848 << 10,  # a Pico W's
        files={"/main.py": str(empty), "/pairing": str(pairing)},
    ) as board:
        port = json.loads((Path(board.run_dir) / "board.json").read_text())["console"]
        install(VIRTUAL, image, port, update_key=public_bytes(signing))

        async def forged(monitor: Monitor) -> None:
            with pytest.raises(UpdateRefused, match="not by the key that it knows"):
                await send_update(monitor, stranger)

        async def half(monitor: Monitor) -> None:
            """The host leaves in the middle."""
            half_way = SignedImage(signed.data[: signed.size // 2], signed.sha256, b"")
            seen = 0
            from heartlog._firmware.monitor.link import wire

            _, offset = await monitor.request(
                wire.UPDATE_BEGIN, signed.size, signed.sha256, signed.signature
            )
            while offset < half_way.size:
                _, offset = await monitor.request(
                    wire.UPDATE_DATA, offset, tail=signed.data[offset : offset + 160]
                )
                seen = offset
            assert seen >= half_way.size

        async def whole(monitor: Monitor) -> int:
            return await send_update(monitor, signed)

        asyncio.run(reach(board, forged))
        asyncio.run(reach(board, half))
        went_on_from = asyncio.run(reach(board, whole))
        assert went_on_from > signed.size // 2 - 4096, "what had come was sent again"

        async def alive(monitor: Monitor) -> str:
            await asyncio.sleep(3)  # a minute of simulated wear
            return monitor.info.firmware

        assert asyncio.run(reach(board, alive)) == image.version
        with reopen(port) as repl:
            assert read_state(repl, VIRTUAL) == State("b", "-", 0, "kept-b")
            # What was there before has gone: its room is the journal's.
            assert "a.img" not in repl.value("os.listdir('/slots')", "import os")
        shutil.copy(Path(board.run_dir) / "board.log", tmp_path)
