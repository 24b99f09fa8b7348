"""A wiped monitor's memory card, in the hands of somebody who has all that a thief can have."""

import asyncio
import hmac
import time
from pathlib import Path

import pytest

from heartlog._firmware.monitor import ecgblocks, settings
from heartlog._firmware.monitor.link import ecg, wire
from heartlog.ble import find_monitor, open_backend
from heartlog.link.monitor import Monitor
from heartlog.link.problems import LinkLost
from heartlog.security.cables import VirtualCable
from heartlog.security.journal import SEALED_BLOCK, emergency_key, follow, stream
from heartlog.security.keys import Keys
from heartlog.security.pair import pair
from heartlog.security.wipe import _card_progress
from virtual_board import Board

pytestmark = pytest.mark.usefixtures("micropython")
BLOCK = 4096


def blocks_on(card: bytes) -> list[tuple[int, int, bytes]]:
    """(journal, number, block) of every block of ECG that a card holds, as a reader finds them."""
    found = []
    for start in range(0, len(card), BLOCK):
        data = card[start : start + BLOCK]
        if int.from_bytes(data[:2], "little") != ecgblocks.MAGIC:
            continue
        number, journal = (int.from_bytes(data[i : i + 4], "little") for i in (8, 12))
        at = ecgblocks.HEAD
        while at + 2 <= BLOCK:
            size = data[at] << 8 | data[at + 1]
            if data[at] == 0xFF:
                at += 512 - at % 512
                continue
            assert size
            if not size & ecgblocks.MARK:
                found.append((journal, number, data[at + 2 : at + 2 + size]))
                number += 1
            at += 2 + (size & ~ecgblocks.MARK)
    return found


def opens(key: bytes, block: tuple[int, int, bytes]) -> bool:
    """Whether a sealed block opens under K(n): its own checksum tells."""
    journal, number, data = block
    cover = stream(key, 2, 0, journal, number, 16)
    first = bytes(a ^ b for a, b in zip(data[1:9], cover[1:9], strict=True))
    if first[0] > 7:  # the channel: spares the rest for nearly every wrong key
        return False
    size = len(data) - 4
    cover = stream(key, 2, 0, journal, number, size)
    plain = bytes((data[0] - 0x10,)) + bytes(
        a ^ b for a, b in zip(data[1:size], cover[1:], strict=True)
    )
    try:
        ecg.head(plain)
    except ValueError:
        return False
    return True


def thief(flash: bytes, before: bytes, card: bytes) -> int:
    """How many sealed blocks open under any key that can be made of any bytes of the flash.

    Every 16 bytes may be a J(n) or a K(n), every 32 a pairing key, at any place; but for what
    was in the flash before the monitor was paired."""
    sealed = [b for b in blocks_on(card) if b[2][0] >> 4 == SEALED_BLOCK]
    assert len({b[2][-2:] for b in sealed}) > 1, "under several keys"
    last = sealed[-1]  # a key leads to those after it: whoever opens any opens the last one
    n = int.from_bytes(last[2][-2:], "little")
    known = {before[i : i + 16] for i in range(len(before))}
    windows = {flash[i : i + 16]: i for i in range(len(flash))}
    for window, at in windows.items():
        if window in known:
            continue
        candidates = [window, window]
        for _ in range(2):
            candidates.append(follow(candidates[-1]))
        pairing = emergency_key(flash[at : at + 32])
        for _ in range(n):
            pairing = follow(pairing)
        candidates.append(pairing)
        page_keys = [hmac.digest(k, b"heartlog page", "sha256")[:16] for k in candidates[1:]]
        for key in (window, *page_keys):
            if opens(key, last):
                return sum(opens(key, block) for block in sealed)
    return 0


def files(board: Board) -> tuple[bytes, bytes]:
    return tuple((board.run_dir / name).read_bytes() for name in ("flash.bin", "card.img"))  # type: ignore[return-value]


async def wear(board: Board, keys: Keys, session: int, least: int) -> None:
    """A session, until so many blocks of its ECG lie on the card."""
    async with open_backend(f"virtual:{board.run_dir}", keys=keys) as backend:
        found = await find_monitor(backend, timeout=60)
        async with Monitor(backend, found.device, found.key) as monitor:
            _, begun, _, _ = await monitor.request(wire.ECG_RANGE)
            await monitor.start_session(session)
            async with asyncio.timeout(60):
                while (await monitor.request(wire.ECG_RANGE))[1] < begun + least:
                    await asyncio.sleep(0.1)
            await monitor.stop_session()


def test_a_thief_reads_nothing_of_a_wiped_monitors_card(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys", bytes(32))
    with Board(
        record="demo", speed=25, loop=True, run_dir=tmp_path / "board", card_bytes=2 << 20
    ) as board:
        asyncio.run(wear(board, keys, 1, 12))  # on the bench, unpaired: in clear
        before, _ = files(board)
        pair(VirtualCable(board.run_dir), keys, session=2)
        asyncio.run(wear(board, keys, 2, 30))
        VirtualCable(board.run_dir).restart()  # another key
        asyncio.run(wear(board, keys, 3, 30))
        flash, card = files(board)
        assert thief(flash, before, card) > 20, "the search finds what can be found"
        boots = board.control(do="status")["boots"]
        asyncio.run(wipe(board, keys))
        assert thief(files(board)[0], before, card) == 0, "the monitor has answered already"
        end = time.monotonic() + 60
        while board.control(do="status")["boots"] == boots:
            assert time.monotonic() < end
            time.sleep(0.1)
        board.control(do="power", on=False)  # wherever it is now, it goes on
        board.control(do="power", on=True)
        done = asyncio.run(progress(board, keys))
        assert done is None or 0 <= done <= 100
        asyncio.run(finished(board))
        assert asyncio.run(progress(board, keys)) is None
        assert blocks_on(files(board)[1]) == []
        assert not files(board)[1].strip(b"\xff\0")


async def wipe(board: Board, keys: Keys) -> None:
    async with open_backend(f"virtual:{board.run_dir}", keys=keys) as backend:
        found = await find_monitor(backend, timeout=60)
        async with Monitor(backend, found.device, found.key) as monitor:
            await monitor.wipe()


async def progress(board: Board, keys: Keys) -> int | None:
    """What `heartlog wipe` asks for where the monitor was paired, and holds no key any more."""
    async with open_backend(f"virtual:{board.run_dir}", keys=keys) as backend:
        found = await find_monitor(backend, timeout=60)
        assert found.key is None
        return await _card_progress(backend, found)


async def finished(board: Board) -> None:
    """Until the monitor, which nobody has a key for now, says that it is done."""
    async with open_backend(f"virtual:{board.run_dir}") as backend, asyncio.timeout(90):
        while True:
            found = await find_monitor(backend, timeout=60)
            try:
                async with Monitor(backend, found.device) as monitor:
                    while True:
                        (part,) = await monitor.request(wire.SETTING_GET, settings.CARD_WIPE)
                        if not part:
                            return
                        await asyncio.sleep(0.1)
            except LinkLost:
                continue
