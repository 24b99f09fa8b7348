"""The air: no faster than its events, lossy, late, out of reach; and whoever dies is missed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from bumble.core import TimeoutError as CoreTimeout

from virtual_board import Board

from .central import STREAM, VALUE, central
from .conftest import wait_for

STACKS = ("nimble", "btstack")


@pytest.mark.parametrize("packets", [1, 4])
def test_the_link_is_no_faster_than_its_events(start: Callable[..., Board], packets: int) -> None:
    board = start("link", radio={"packets": packets})

    async def run() -> None:
        async with central(board) as host:
            connection = await host.connect()
            await host.order("n", 400)
            await host.until(lambda: len(host.got) == 400)
            interval = connection.parameters.connection_interval / 1000
            least = (400 / packets - 1) * interval
            took = host.times[-1] - host.times[0]
            assert least - 0.001 <= took < 1.3 * least + 0.1
            # All that came in one connection event came at one time.
            assert len(set(host.times)) >= 400 / packets - 1

    asyncio.run(run())


def test_loss_delays_and_loses_nothing(start: Callable[..., Board]) -> None:
    board = start("link", radio={"loss": 0.4, "seed": 7})

    async def run() -> None:
        async with central(board) as host:
            connection = await host.connect()
            await host.order("n", 200)
            await host.until(lambda: len(host.got) == 200)
            assert host.numbers() == list(range(200))
            plain = 200 / 4 * connection.parameters.connection_interval / 1000
            assert host.times[-1] - host.times[0] > 1.3 * plain

    asyncio.run(run())


def test_delay(start: Callable[..., Board]) -> None:
    board = start("link")

    async def run() -> None:
        async with central(board) as host:
            await host.connect()
            board.control(do="radio", delay_ms=500)
            begun = host.clock()
            await host.characteristic(VALUE).read_value()
            assert host.clock() - begun >= 1.0, "request and answer are 500 ms late each"

    asyncio.run(run())


@pytest.mark.parametrize("stack", STACKS)
def test_the_link_dies_at_the_nth_notification(start: Callable[..., Board], stack: str) -> None:
    board = start("link", stack=stack)

    async def run() -> None:
        for n in (1, 2, 5, 13):
            async with central(board) as host:
                await host.connect()
                timeout = host.connection.parameters.supervision_timeout / 1000
                board.control(do="radio", drop_after=n)
                begun = host.clock()
                await host.order("n", 50, answered=False)
                await host.until(lambda host=host: host.reasons)
                assert host.numbers() == list(range(n - 1))
                assert host.reasons == [0x08]
                assert host.clock() - begun >= timeout

    asyncio.run(run())
    wait_for(board, "disconnected", count=4)


def test_out_of_range_and_back(start: Callable[..., Board]) -> None:
    board = start("link")

    async def run() -> None:
        async with central(board) as host:
            await host.connect()
            board.control(do="radio", range=False)
            await host.until(lambda: host.reasons)
            assert host.reasons == [0x08]
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await host.scan()
            board.control(do="radio", range=True)
            await host.connect()
            assert await host.characteristic(VALUE).read_value() == b"initial"

    asyncio.run(run())


def test_connecting_out_of_range_can_be_given_up(start: Callable[..., Board]) -> None:
    board = start("link")

    async def run() -> None:
        async with central(board) as host:
            advertisement = (await host.scan())[0]
            board.control(do="radio", range=False)
            with pytest.raises((TimeoutError, CoreTimeout)):
                await host.device.connect(advertisement.address, timeout=0.3)
            board.control(do="radio", range=True)
            await host.connect()

    asyncio.run(run())


def test_a_killed_host_is_missed_after_the_supervision_timeout(
    start: Callable[..., Board],
) -> None:
    board = start("link")
    code = (
        "import asyncio, sys\n"
        f"sys.path.insert(0, {os.path.dirname(os.path.dirname(os.path.dirname(__file__)))!r})\n"
        "from tests.virtual.central import central\n"
        "class B: pass\n"
        "async def run():\n"
        "    b = B(); b.description = {'hci': sys.argv[1]}\n"
        "    async with central(b) as host:\n"
        "        host.clock = lambda: 0.0\n"
        "        await host.connect()\n"
        "        print('connected', flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(run())\n"
    )
    host = subprocess.Popen(
        [sys.executable, "-c", code, board.description["hci"]], stdout=subprocess.PIPE, text=True
    )
    assert host.stdout is not None
    assert host.stdout.readline() == "connected\n"
    host.send_signal(signal.SIGKILL)
    host.wait()
    host.stdout.close()
    wait_for(board, "disconnected")

    async def again() -> None:
        async with central(board) as new:
            await new.connect()

    asyncio.run(again())


def test_a_board_that_loses_power_is_missed(start: Callable[..., Board]) -> None:
    board = start("link")

    async def run() -> None:
        async with central(board) as host:
            await host.connect()
            begun = host.clock()
            await asyncio.to_thread(board.control, do="power", on=False)
            await host.until(lambda: host.reasons)
            assert host.reasons == [0x08]
            assert 0.7 <= host.clock() - begun < 20
            await asyncio.to_thread(board.control, do="power", on=True)
            await host.connect()
            await asyncio.to_thread(board.control, do="reset")
            await host.until(lambda: len(host.reasons) == 2)
            await host.connect()

    asyncio.run(run())


def test_lockstep(start: Callable[..., Board]) -> None:
    """At full speed, the clock stands at the connection event while the host handles its data."""
    board = start("link")

    async def run() -> None:
        async with central(board) as host:
            await host.connect()
            late: list[float] = []

            def slow(value: bytes) -> None:
                before = host.clock()
                time.sleep(0.02)
                late.append(host.clock() - before)

            await host.characteristic(STREAM).subscribe(slow)
            await host.order("n", 20)
            await host.until(lambda: len(late) == 20)
            assert late == [0.0] * 20

    asyncio.run(run())
