"""Bytes that no honest peer sends, into everything that takes bytes; figures of what was tried.

    fuzz_host(5000, seed=1)                              # frames, pages, ECG, answers, advertising
    fuzz_device(folder, 300, seed=1, sealed=True)        # writes on every characteristic

Half of what is tried is honest bytes with a few of them changed, cut or doubled: those get
further than chance does.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import tracemalloc
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bleak.exc import BleakError
from bumble.core import AdvertisingData

from heartlog._firmware.monitor.link import ecg, wire
from heartlog.ble import Backend, Found, open_backend, scan
from heartlog.ble.advertising import parse
from heartlog.errors import CommandError
from heartlog.link import Monitor
from heartlog.link.ecgflow import EcgFlow
from heartlog.link.flow import RecordFlow
from heartlog.security.cables import VirtualCable
from heartlog.security.channel import Channel, Forged
from heartlog.security.keys import Keys
from heartlog.security.pair import pair
from virtual_board import Board


@dataclass
class Tried:
    """What was tried: inputs, how many of them were taken for honest, and what it cost."""

    inputs: int
    taken: int
    growth: int
    """Bytes of memory that stayed behind: host's (traced) or device's heap."""


def spoil(rng: random.Random, honest: bytes) -> bytes:
    """Random bytes, or honest ones with a few changed, cut, doubled."""
    how = rng.randrange(6)
    if how == 0 or not honest:
        return rng.randbytes(rng.randrange(260))
    data = bytearray(honest)
    if how == 1:
        return bytes(data[: rng.randrange(len(data))])
    if how == 2:
        at = rng.randrange(len(data))
        return bytes(data[:at] + data[at // 2 :])[:512]
    for _ in range(rng.choice((1, 1, 2, 8))):
        at = rng.randrange(len(data))
        data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, data[at] ^ 1 << rng.randrange(8)))
    return bytes(data)


def honest_frames(rng: random.Random) -> list[bytes]:
    """Frames of each kind as a monitor sends them."""
    live = bytearray(200)
    at = wire.put_live_begin(live, rng.randrange(65536), rng.randrange(1, 1000))
    for _ in range(6):
        body = bytes(rng.randrange(256) for _ in range(wire.SIZE[wire.BEAT]))
        at = wire.put_record(live, at, wire.BEAT, body, len(body)) or at
    head = lambda kind: bytes((wire.VERSION << 4 | kind, rng.randrange(3), 0))  # noqa: E731
    number = lambda: rng.choice((0, 1, 11, 500, 2**32 - 1)).to_bytes(4, "little")  # noqa: E731
    page = number() + rng.choice((0, 200, 0x80C8)).to_bytes(2, "little") + rng.randbytes(200)
    return [
        bytes(live[:at]),
        head(wire.FRAME_PAGE) + page,
        head(wire.FRAME_IDLE) + number(),
        head(wire.FRAME_SKIP) + number() + number(),
        head(wire.FRAME_ECG) + page,
    ]


def fuzz_host(inputs: int, seed: int) -> Tried:
    """Everything of the host's that takes a monitor's bytes. Raises what must never be raised."""
    rng = random.Random(seed)
    taken = 0
    targets: list[Callable[[bytes], int]] = [_frames(rng), _ecg_frames(), _answer, _status, _block]
    targets += [_sealed(), _advertisement]
    for target in targets:  # what is made once is no growth
        target(b"")
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for i in range(inputs):
        honest = rng.choice(honest_frames(rng))
        taken += targets[i % len(targets)](spoil(rng, honest))
    growth = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return Tried(inputs, taken, growth)


def _frames(rng: random.Random) -> Callable[[bytes], int]:
    flow = RecordFlow(boot=1, journal=2, after=10)

    def take(data: bytes) -> int:
        if flow.must_report:
            flow.report()
            if rng.random() < 0.7:
                flow.reported()
        before = flow.next_seq
        batch = flow.receive(data)
        seqs = [record.seq for record in batch.records]
        assert all(a < b for a, b in zip([before - 1, *seqs], seqs, strict=False))
        assert flow.next_seq >= before
        if flow.next_seq > 2**31:
            flow.next_seq = 11  # a number from nowhere: begin again
        return len(seqs)

    return take


def _ecg_frames() -> Callable[[bytes], int]:
    flow = EcgFlow()
    return lambda data: sum(len(block.codes) <= 500 for block in flow.receive(data))


def _answer(data: bytes) -> int:
    try:
        wire.answer(data)
    except wire.WireError:
        return 0
    return 1


def _status(data: bytes) -> int:
    try:
        return len(wire.status(data)) > 0
    except wire.WireError:
        return 0


def _block(data: bytes) -> int:
    try:
        codes = ecg.decode(data)
    except wire.WireError:
        return 0
    assert isinstance(codes, array)
    return 1


def _advertisement(data: bytes) -> int:
    said = parse([(int(k), d) for k, d in AdvertisingData.from_bytes(data).ad_structures])
    assert said.name is None or said.name.isprintable()
    return bool(said.services or said.manufacturer or said.name)


def _sealed() -> Callable[[bytes], int]:
    def take(data: bytes) -> int:
        try:
            Channel(bytes(16)).open(3, data)
        except Forged:
            return 0
        raise AssertionError("bytes without a key were believed")

    return take


def nonsense(rng: random.Random) -> bytes:
    """A write: a command with wild operands, wrong length or unknown opcode, or anything."""
    opcode = rng.choice([*sorted(wire.COMMANDS), rng.randrange(256)])
    size = max(0, wire.OPERAND_SIZE.get(opcode, 8) + rng.choice((-2, -1, 0, 0, 0, 1, 40)))
    return spoil(rng, bytes((opcode, rng.randrange(256))) + rng.randbytes(size))[:244]


def fuzz_device(folder: Path, inputs: int, seed: int, sealed: bool, stack: str) -> Tried:
    """Writes to every characteristic of the whole firmware, by a peer that holds the key and one
    that does not; afterwards the monitor records and answers as before."""
    rng = random.Random(seed)
    keys = Keys(folder / "keys", bytes(32))

    async def attack(board: Board, inputs: int) -> int:
        refused = done = 0
        async with open_backend(f"virtual:{board.run_dir}", keys=keys) as backend:
            while done < inputs:
                found = await _find(backend)
                with contextlib.suppress(BleakError, CommandError):
                    async with Monitor(backend, found.device, found.key) as monitor:
                        while done < inputs:
                            done += 1
                            refused += await _write(monitor, rng)
            found = await _find(backend)
            async with asyncio.timeout(60), Monitor(backend, found.device, found.key) as monitor:
                await monitor.synchronize()
                last = (await monitor.status())["next_seq"] + 3
                async for batch in monitor.records(0):
                    assert not any(r.name == "fault" for r in batch.records), batch.records
                    if monitor.flow is not None and monitor.flow.next_seq > last:
                        return done - refused
        raise AssertionError("the records ended")

    with Board(
        record="demo", speed=60, loop=True, bulk=True, stack=stack, run_dir=folder / "board"
    ) as board:
        if sealed:
            pair(VirtualCable(board.run_dir), keys, session=1)
        asyncio.run(attack(board, inputs // 4))  # what is made or imported once is no growth
        before = board.control(do="status")["heap_used"]
        taken = asyncio.run(attack(board, inputs))
        after = board.control(do="status")["heap_used"]
        assert board.complaints == []
        assert "Traceback" not in board.log(), board.log()
        return Tried(inputs, taken, after - before)


async def _find(backend: Backend) -> Found:
    """The monitor; a paired one changes its address, and may be heard under two of them."""
    heard: list[Found] = []

    def hear(found: Found) -> bool:
        heard.append(found)
        return True

    async with asyncio.timeout(60):
        while not heard:
            await scan(backend, 5, hear)
    return heard[-1]


async def _write(monitor: Monitor, rng: random.Random) -> int:
    """One write; 1 when it was refused at once by the attribute protocol."""
    client: Any = monitor._client
    packet = nonsense(rng)
    if monitor._seal is not None and rng.random() < 0.9:
        packet = monitor._seal.seal(1, packet[:200])
    everywhere = [c for s in client.services for c in s.characteristics]
    target = rng.choice(everywhere) if rng.random() < 0.2 else wire.CONTROL_UUID
    try:
        await client.write_gatt_char(target, packet, response=True)
    except BleakError:
        if not client.is_connected:
            raise
        return 1
    return 0
