"""What sealing costs: machine code as a ratchet, and not one sample."""

import asyncio
import shutil
import time
from pathlib import Path

import pytest

from heartlog._firmware.monitor.link import wire
from heartlog.bench.security import FRAME, at_rest, instructions
from heartlog.ble import find_monitor, open_backend
from heartlog.link.monitor import Monitor
from heartlog.link.records import Record
from heartlog.security.cables import VirtualCable
from heartlog.security.keys import Keys
from heartlog.security.pair import pair
from virtual_board import Board
from virtual_board.settings import default_image

FULL_FRAME = {"armv6m": 9_297, "armv7emsp": 9_422, "rv32imc": 8_253}
"""Viper instructions for a frame of 220 bytes: should not get worse."""


def test_sealing_a_full_frame_stays_cheap() -> None:
    count, blocks = instructions()
    assert count <= FULL_FRAME["armv6m"]
    # CBC-MAC: B0, header, 14 text blocks; CTR: 15 (RFC 3610).
    assert blocks == 2 + -(-FRAME // 16) + 1 + -(-FRAME // 16)


def test_every_architecture_seals() -> None:
    counts = {architecture: instructions(architecture)[0] for architecture in FULL_FRAME}
    assert all(0 < n <= FULL_FRAME[a] for a, n in counts.items()), counts


AT_REST = {"armv6m": 800, "armv7emsp": 820, "rv32imc": 740}
"""Viper instructions to seal sixteen bytes of the journal, ten beats: should not get worse."""


def test_ten_beats_at_rest_cost_one_aes_block() -> None:
    for architecture, most in AT_REST.items():
        count, blocks = at_rest(architecture)
        assert 0 < count <= most, (architecture, count)
        assert blocks == 1


SLOW_SEALS = """
import time
from monitor.link import ccm
seal = ccm.Ccm.seal

def slow(self, *args):
    time.sleep_us(5000)
    return seal(self, *args)

ccm.Ccm.seal = slow
import start
"""
"""On the virtual board computing takes no time; here a seal takes five milliseconds. By its
instructions, 31 AES blocks and some forty calls it takes an RP2040 about two."""


@pytest.mark.parametrize(("rate", "stack"), [(250, "btstack"), (500, "nimble")])
def test_no_sample_is_missed_while_a_backlog_is_sealed(
    micropython: str, tmp_path: Path, rate: int, stack: str
) -> None:
    image = tmp_path / "image"
    shutil.copytree(default_image(), image)
    (image / "main.py").write_text(SLOW_SEALS)
    keys = Keys(tmp_path / "keys", bytes(32))

    async def fetch(board: Board) -> tuple[list[Record], dict[str, int], int]:
        records: list[Record] = []
        blocks = []
        async with open_backend(f"virtual:{board.run_dir}", keys=keys) as backend:
            found = await find_monitor(backend, timeout=60)
            async with Monitor(backend, found.device, found.key) as monitor:
                monitor.on_ecg = blocks.append
                await monitor.start_ecg()
                wanted = (await monitor.status())["next_seq"] + 20
                async for batch in monitor.records(0):
                    records += batch.records
                    if records and records[-1].seq >= wanted:
                        break
                return records, await monitor.status(), len(blocks)

    async def set_rate(board: Board) -> None:
        async with open_backend(f"virtual:{board.run_dir}", keys=keys) as backend:
            found = await find_monitor(backend, timeout=60)
            async with Monitor(backend, found.device, found.key) as monitor:
                await monitor.request(wire.SETTING_SET, 2, rate)

    with Board(image=image, speed=20, loop=True, stack=stack, run_dir=tmp_path / "b") as board:
        cable = VirtualCable(board.run_dir)
        pair(cable, keys)
        asyncio.run(set_rate(board))
        cable.restart()
        board.control(do="speed", value=0)
        board.control(do="status")
        while board.control(do="status")["samples"] < 30 * rate:
            time.sleep(0.02)
        board.control(do="speed", value=5)
        records, status, blocks = asyncio.run(fetch(board))
        assert board.control(do="status")["missed_edges"] == 0
        assert board.complaints == []
    boots = [r for r in records if r.name == "boot"]
    assert boots[-1].values["rate"] == rate
    after = [r for r in records if r.seq > boots[-1].seq]
    assert sum(r.name == "beat" for r in after) > 20
    assert blocks > 5, "live ECG came beside it"
    assert [r for r in after if r.name == "gap"] == []
    assert status["overruns"] == 0
