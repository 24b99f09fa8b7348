"""What lies in a monitor's flash after a session: sealed, and nothing that names anybody."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartlog._firmware.monitor.link import pack, wire
from heartlog.ble import find_monitor, open_backend
from heartlog.link.ecgflow import EcgBlock
from heartlog.link.monitor import Monitor
from heartlog.link.problems import LostMonitor
from heartlog.link.records import Record
from heartlog.security.cables import VirtualCable
from heartlog.security.journal import JournalKeys, follow
from heartlog.security.keys import Keys
from heartlog.security.pair import pair
from virtual_board import Board

from .flash import pages

pytestmark = pytest.mark.usefixtures("micropython")
BLOCK = 4096


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys", bytes(range(32)))


@pytest.fixture
def board(tmp_path: Path, keys: Keys) -> Iterator[Board]:
    """A paired monitor that records."""
    with Board(record="demo", speed=25, loop=True, run_dir=tmp_path / "board") as board:
        pair(VirtualCable(board.run_dir), keys, session=1)
        yield board
        assert board.complaints == []


async def fetch(board: Board, keys: Keys, least: int) -> tuple[list[Record], Monitor]:
    """Records from the first on, once the monitor has flushed more than it holds in RAM."""
    async with open_backend(f"virtual:{board.run_dir}", keys=keys) as backend:
        found = await find_monitor(backend, timeout=60)
        async with Monitor(backend, found.device, found.key) as monitor:
            end = time.monotonic() + 60
            while (await monitor.status())["next_seq"] < least:
                assert time.monotonic() < end
                await asyncio.sleep(0.2)
            last = (await monitor.status())["next_seq"] - 1
            records: list[Record] = []
            async for batch in monitor.records(0):
                records += batch.records
                if records and records[-1].seq >= last:
                    return records, monitor
    raise AssertionError


def test_the_journal_is_sealed_and_its_host_reads_it(
    board: Board, keys: Keys, tmp_path: Path
) -> None:
    asyncio.run(strip_and_back(board, keys))
    records, monitor = asyncio.run(fetch(board, keys, 220))
    assert monitor.flow is not None
    assert (monitor.flow.locked_pages, monitor.flow.damaged_pages) == (0, 0)
    assert len([r for r in records if r.name == "beat"]) > 100
    numbers = [r.seq for r in records]
    assert numbers == sorted(set(numbers))
    flash = (board.run_dir / "flash.bin").read_bytes()
    boot = monitor.info.boot
    written = pages(flash, monitor.info.journal)
    mine = [page for page_boot, page in written if page_boot == boot]
    assert mine
    assert all(page[0] & pack.SEALED for page in mine)
    assert all(page[0] & pack.SEALED == 0 for b, page in written if b < boot)  # not yet paired
    # The pairing key can be read out, the journal's first key can't: it is nowhere any more.
    first = keys.journal_key(keys.all()[0].key_bytes)
    assert keys.all()[0].key_bytes in flash
    assert first not in flash
    chain = [first]
    while chain[-1] not in flash:
        chain.append(follow(chain[-1]))
        assert len(chain) < 20
    # Another computer pairs it: what was sealed before is told to be locked, and goes on being so.
    other = Keys(tmp_path / "other", bytes(32))
    pair(VirtualCable(board.run_dir), other)
    theirs, monitor = asyncio.run(fetch(board, other, numbers[-1] + 100))
    assert monitor.flow is not None
    assert monitor.flow.locked_pages >= len(mine)
    assert {r.seq for r in theirs if r.boot == boot} == set()
    flash = (board.run_dir / "flash.bin").read_bytes()
    assert keys.all()[0].key_bytes not in flash  # nor any copy of it in the file system's log
    # And back: the first computer reads its own again.
    pair(VirtualCable(board.run_dir), keys)
    again, monitor = asyncio.run(fetch(board, keys, theirs[-1].seq + 100))
    assert [r.body for r in again if r.boot == boot][: len(numbers) // 2] == [
        r.body for r in records if r.boot == boot
    ][: len(numbers) // 2]


async def strip_and_back(board: Board, keys: Keys) -> None:
    """An ECG strip comes out of the flash: with the keys, and not without them."""
    async with open_backend(f"virtual:{board.run_dir}", keys=keys) as backend:
        found = await find_monitor(backend, timeout=60)
        async with Monitor(backend, found.device, found.key) as monitor:
            await monitor.mark(wire.EVENT_MARK)
            strips: list[Record] = []
            blocks: list[EcgBlock] = []
            locked = False
            monitor.on_ecg = blocks.append
            end = time.monotonic() + 60
            async for batch in monitor.records(0):
                assert time.monotonic() < end
                strips += [r for r in batch.records if r.name == "strip"]
                if strips and not blocks:
                    fields = strips[0].values
                    await monitor.fetch_ecg(fields["block"], fields["blocks"])
                if not locked and strips and len(blocks) >= strips[0].values["blocks"]:
                    assert monitor.ecg_flow.damaged == 0
                    assert all(len(block.codes) > 0 for block in blocks)
                    locked = True
                    count = len(blocks)
                    monitor.ecg_flow._keys = JournalKeys([])
                    await monitor.fetch_ecg(strips[0].values["block"], 3)
                if locked and monitor.ecg_flow.damaged >= 3:
                    assert len(blocks) == count
                    return


def wait_until_wiped(board: Board, boots: int) -> bytes:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        status = board.control(do="status")
        if status["boots"] > boots and status["radio"]["advertising"]:
            return (board.run_dir / "flash.bin").read_bytes()
        time.sleep(0.2)
    raise AssertionError(board.log()[-2000:])


def test_a_lost_monitor_is_wiped_when_it_is_met_and_refused(board: Board, keys: Keys) -> None:
    records, monitor = asyncio.run(fetch(board, keys, 90))
    assert records
    device, journal = monitor.info.device_id, monitor.info.journal
    assert pages((board.run_dir / "flash.bin").read_bytes(), journal)
    keys.mark_lost(device)
    boots = int(board.control(do="status")["boots"])
    with pytest.raises(LostMonitor, match="has now been wiped"):
        asyncio.run(fetch(board, keys, 1))
    flash = wait_until_wiped(board, boots)
    pairing = keys.all()[0]
    assert pairing.wiped
    assert pages((board.run_dir / "flash.bin").read_bytes(), journal) == []
    assert pairing.key_bytes not in flash, "the pairing key is still in the file system's log"
    chain = keys.journal_key(pairing.key_bytes)
    for _ in range(20):
        assert chain not in flash
        chain = follow(chain)
    with pytest.raises(LostMonitor, match="was reported lost"):  # though it asks for no key now
        asyncio.run(fetch(board, keys, 1))
    pair(VirtualCable(board.run_dir), keys, session=2)
    again, monitor = asyncio.run(fetch(board, keys, 10))
    assert monitor.info.device_id == device
    assert monitor.info.journal != journal
    assert again[0].seq == 1
