"""Every command is answered, also while the records under way fill the radio's buffers."""

import asyncio
from pathlib import Path

import pytest
from tests.link.bench import Device

from heartlog._firmware.monitor.link import wire

BEATS = 2000


@pytest.fixture
def device(micropython: str, repository: Path, tmp_path: Path):  # type: ignore[no-untyped-def]
    """One with a backlog, which central 1 has begun to take."""
    with Device(micropython, repository, tmp_path) as made:
        made.say(f"b {BEATS}")
        made.step(20)
        made.say("c 1")
        made.say("m 1 247")
        made.say("w 1 " + wire.command(wire.REPORT, 1, wire.GREATER_OR_EQUAL, 1).hex())
        made.step(20)
        yield made


def _answers(packets: list[tuple[str, bytes]]) -> list[int]:
    """The tags of the answers among these."""
    return [wire.answer(data)[1] for kind, data in packets if kind == "a"]


def test_an_answer_waits_for_a_buffer_and_goes_first(device: Device) -> None:
    device.say("q 3")  # so many buffers are free, and the records take them
    device.say("w 1 " + wire.command(wire.GRANT, 0, 0, 0, 24).hex())
    assert [kind for kind, _ in device.step(1)] == ["n"] * 3
    device.say("q 0")
    for tag in (7, 8):
        device.say("w 1 " + wire.command(wire.PING, tag, 0).hex())
    assert device.step(300) == []
    packets = device.step(1)
    assert _answers(packets) == [7, 8]
    assert packets[0][0] == "a", "a frame of records took the answer's place"
    assert "n" in [kind for kind, _ in packets], "the records do not go on"


def test_an_answer_is_for_the_connection_that_asked(device: Device) -> None:
    device.say("q 0")
    device.say("w 1 " + wire.command(wire.PING, 9, 0).hex())
    assert device.step(1) == []
    device.say("d 1")
    device.say("c 1")
    device.say("m 1 247")
    assert _answers(device.step(50)) == []
    device.say("w 1 " + wire.command(wire.PING, 10, 0).hex())
    assert _answers(device.step(50)) == [10]


def test_a_stack_that_takes_nothing_is_given_up(device: Device) -> None:
    """As the host does; what is asked later is answered."""
    device.say("q 0")
    device.say("w 1 " + wire.command(wire.PING, 11, 0).hex())
    assert device.step(6000) == []
    device.say("w 1 " + wire.command(wire.PING, 12, 0).hex())
    assert _answers(device.step(50)) == [12]


def test_a_host_asks_while_a_backlog_comes(micropython: str) -> None:
    """On NimBLE's twelve buffers, over the whole path: as a recorder that ends a session does."""
    pytest.importorskip("virtual_board")
    from heartlog.ble import find_monitor, open_backend
    from heartlog.link import Monitor
    from virtual_board import Board

    async def go(board: Board, newest: int) -> int:
        async with open_backend(f"virtual:{board.run_dir}") as backend:
            found = await find_monitor(backend)
            async with Monitor(backend, found.device) as monitor:
                here = asyncio.Event()

                async def ask() -> int:
                    answered = 0
                    while not here.is_set():
                        await monitor.request(wire.PING, 1)
                        answered += 1
                    return answered

                asking = asyncio.create_task(ask())
                async for _ in monitor.records(0):
                    assert monitor.flow is not None
                    if asking.done() or monitor.flow.next_seq > newest:
                        break
                here.set()
                return await asking

    with Board(record="demo", loop=True, bulk=True, paused=True, speed=0) as board:
        board.run(1000)
        newest = 1700
        board.control(do="speed", value=20)
        board.control(do="pause", on=False)
        assert asyncio.run(go(board, newest)) > 1
