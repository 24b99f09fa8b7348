"""Delete, erase, identify, count, abort: asked over the link of the whole firmware."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from heartlog._firmware.monitor import patterns, settings
from heartlog._firmware.monitor.link import pack, wire
from heartlog.ble import find_monitor, open_backend
from heartlog.link import Monitor, Record, RequestRefused
from virtual_board import Board

pytestmark = pytest.mark.usefixtures("micropython")
Check = Callable[[Board, Monitor, list[Record]], Awaitable[None]]


async def collect(monitor: Monitor, records: list[Record], after: int) -> None:
    async for batch in monitor.records(after):
        records += batch.records


def connected(board: Board, check: Check, after: int = 0) -> None:
    """Runs `check` with a connected monitor whose records come in."""

    async def run() -> None:
        async with open_backend(f"virtual:{board.run_dir}") as backend:
            found = await find_monitor(backend)
            async with Monitor(backend, found.device) as monitor:
                records: list[Record] = []
                reading = asyncio.create_task(collect(monitor, records, after))
                try:
                    async with asyncio.timeout(60):
                        await check(board, monitor, records)
                finally:
                    reading.cancel()
                    await asyncio.gather(reading, return_exceptions=True)

    asyncio.run(run())


async def result(monitor: Monitor, opcode: int, *operands: int) -> int:
    """What the monitor says to a request."""
    try:
        await monitor.request(opcode, *operands)
    except RequestRefused as error:
        return error.result
    return wire.OK


async def all_acknowledged(monitor: Monitor, records: list[Record]) -> int:
    """Acknowledges all that there is; the number of the last record."""
    while True:
        last = (await monitor.status())["next_seq"] - 1
        if records and records[-1].seq >= last:
            await monitor.acknowledge(last)
            return last
        await asyncio.sleep(0.02)


def test_what_the_access_control_point_asks(tmp_path: Path) -> None:
    async def check(board: Board, monitor: Monitor, records: list[Record]) -> None:
        last = await all_acknowledged(monitor, records)
        assert await monitor.request(wire.COUNT, wire.LESS_OR_EQUAL, 3) == (3,)
        first = records[0].seq
        assert first == 1
        (count,) = await monitor.request(wire.COUNT, wire.GREATER_OR_EQUAL, last)
        assert count >= 1
        assert await result(monitor, wire.COUNT, 5, 0) == wire.NO_OPERATOR
        assert await result(monitor, wire.COUNT, 99, 0) == wire.BAD_OPERATOR
        assert await result(monitor, wire.ABORT, 3) == wire.BAD_OPERATOR
        assert await result(monitor, wire.SETTING_SET, settings.DELETED, 3) == wire.NO_OPERAND
        # delete: acknowledged ones, and each once
        assert await result(monitor, wire.DELETE, wire.LESS_OR_EQUAL, last + 500) == (
            wire.BAD_OPERAND
        )
        assert await result(monitor, wire.DELETE, wire.ALL, 0) == wire.NO_OPERATOR
        assert await result(monitor, wire.DELETE, 77, 0) == wire.BAD_OPERATOR
        assert await monitor.request(wire.DELETE, wire.LESS_OR_EQUAL, 3) == (3,)
        assert await result(monitor, wire.DELETE, wire.LESS_OR_EQUAL, 3) == wire.NONE_FOUND
        assert (await monitor.request(wire.REPORT, wire.ALL, 0))[0] == 4
        assert (await monitor.status())["first_seq"] == 4
        assert await result(monitor, wire.ABORT, 0) == wire.OK
        # and they stay away when the power goes
        board.control(do="power", on=False)
        board.control(do="power", on=True)

    async def again(board: Board, monitor: Monitor, records: list[Record]) -> None:
        assert (await monitor.status())["first_seq"] == 4
        assert (await monitor.request(wire.REPORT, wire.ALL, 0))[0] == 4

    with Board(record="demo", speed=20, run_dir=tmp_path) as board:
        connected(board, check)
        connected(board, again)
        assert board.complaints == []


def test_a_monitor_is_erased_only_when_all_is_on_the_host(tmp_path: Path) -> None:
    kept: dict[str, int] = {}

    async def erase(monitor: Monitor, records: list[Record]) -> int:
        """Acknowledges what comes until nothing comes between that and the erasing."""
        while True:
            last = await all_acknowledged(monitor, records)
            _, following, *_ = await monitor.request(wire.ECG_RANGE)
            await monitor.request(wire.ECG_ACK, following - 1)
            try:
                (kept["seq"],) = await monitor.request(wire.ERASE, monitor.info.journal)
                return last
            except RequestRefused as error:
                if error.result != wire.NOT_COMPLETED:
                    raise

    async def check(board: Board, monitor: Monitor, records: list[Record]) -> None:
        while len(records) < 40:
            await asyncio.sleep(0.02)
        journal = monitor.info.journal
        assert await result(monitor, wire.ERASE, journal) == wire.NOT_COMPLETED
        await all_acknowledged(monitor, records)
        assert await result(monitor, wire.ERASE, journal ^ 1) == wire.BAD_OPERAND
        await monitor.start_session(5)
        await all_acknowledged(monitor, records)
        assert await result(monitor, wire.ERASE, journal) == wire.NOT_COMPLETED
        await monitor.stop_session()
        last = await erase(monitor, records)
        dropped = None
        while dropped is None:
            await asyncio.sleep(0.02)
            dropped = next((r for r in records if r.name == "dropped"), None)
        assert dropped.seq == kept["seq"] > last
        assert dropped.values["reason"] == wire.DROPPED_ERASED
        assert dropped.values["first"] == 1
        assert dropped.values["count"] == last
        status = await monitor.status()
        assert status["first_seq"] == last + 1
        assert status["journal"] == journal
        # it samples again when the flash is erased, and goes on journalling
        seen = len(records)
        while len([r for r in records[seen:] if r.name == "beat"]) < 5:
            await asyncio.sleep(0.02)
        seqs = [r.seq for r in records]
        assert seqs == list(range(1, len(seqs) + 1))
        kept["last"], kept["next"] = last, status["next_seq"]
        kept["beats"] = len(seqs)

    async def again(board: Board, monitor: Monitor, records: list[Record]) -> None:
        status = await monitor.status()
        assert status["first_seq"] == kept["last"] + 1
        assert status["next_seq"] > kept["next"]
        assert status["journal"] == monitor.info.journal

    with Board(record="demo", speed=20, run_dir=tmp_path) as board:
        connected(board, check)
        board.control(do="power", on=False)
        flash = (tmp_path / "flash.bin").read_bytes()
        board.control(do="power", on=True)
        connected(board, again, after=kept["last"])
        assert board.complaints == []
    # no page of the journal from before is left in the flash: the ones that are hold new numbers
    pages = 0
    for at in range(0, len(flash), 4096):
        if flash[at : at + 2] == b"\x48\x4c":
            for page in (32, 1024, 2048, 3072):
                head = flash[at + page : at + page + 16]
                if head[0] == pack.PAGE_KIND:
                    pages += 1
                    assert int.from_bytes(head[4:8], "little") > kept["last"]
    assert pages


def test_the_light_says_which_monitor_it_is(tmp_path: Path) -> None:
    row = patterns.ANSWERS[patterns.IDENTIFY][1]

    async def check(board: Board, monitor: Monitor, records: list[Record]) -> None:
        assert await result(monitor, wire.IDENTIFY, 0) == wire.BAD_OPERAND
        board.control(do="trace", pin="LED")
        await monitor.request(wire.IDENTIFY, 5)
        end = board.control(do="status")["now_us"] + 9e6
        while board.control(do="status")["now_us"] < end:
            await asyncio.sleep(0.02)

    with Board(record="demo", speed=20, run_dir=tmp_path) as board:
        connected(board, check)
        edges = board.control(do="trace", pin="LED", take=True)["edges"]
    rises = [t for t, level in edges if level]
    long = [
        t
        for t, level in edges
        if level and any(not off and abs(u - t - 1000 * row[0]) < 30_000 for u, off in edges)
    ]
    assert 3 <= len(long) <= 6
    assert long[-1] - long[0] < 6e6
    assert len(rises) >= 3 * len(long)
