"""A computer that is busy, or was asleep, takes no monitor for silent because of that."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from heartlog._firmware.monitor.link import wire
from heartlog.link import LinkLost
from heartlog.link.monitor import Monitor, MonitorInfo


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def ticks(self) -> float:
        return self.time


def monitor(clock: Clock) -> Monitor:
    """One that is connected, with a client that takes every write and answers a REPORT."""

    async def write(_uuid: str, packet: bytes, response: bool) -> None:
        if packet[0] == wire.REPORT:
            made._on_answer(None, bytearray((wire.REPORT | 0x80, packet[1], wire.OK)) + bytes(8))

    client = SimpleNamespace(write_gatt_char=write)
    backend: Any = SimpleNamespace(
        clock=clock, keys=None, client=lambda device, disconnected_callback: client
    )
    made = Monitor(backend, None)
    made.info = MonitorInfo(wire.VERSION, "aa", 1, 2, "", "")
    return made


def idle(counter: int) -> bytearray:
    head = bytes((wire.VERSION << 4 | wire.FRAME_IDLE,)) + counter.to_bytes(2, "little")
    return bytearray(head + (11).to_bytes(4, "little"))


@pytest.mark.parametrize("there", [True, False])
def test_what_came_while_this_computer_was_late_is_read_first(there: bool) -> None:
    clock = Clock()

    def stall() -> None:
        time.sleep(0.7)  # longer than records() waits: nothing is read meanwhile
        clock.time += 30.0

    async def go() -> int:
        made = monitor(clock)
        loop = asyncio.get_running_loop()
        loop.call_later(0.05, stall)
        if there:  # in the socket since then, but not yet looked at
            loop.call_later(0.8, lambda: made._on_frame(None, idle(0)))
        async for batch in made.records(10):
            if batch.newest:
                return batch.newest
        raise AssertionError

    if there:
        assert asyncio.run(go()) == 10
    else:
        with pytest.raises(LinkLost, match="silent for 5 s"):
            asyncio.run(go())
