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

    def now(self) -> float:
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


def test_a_pause_between_two_looks_at_the_clock_is_no_error(monkeypatch: Any) -> None:
    """Whatever stops this computer while clocks are compared, the time told is as true as said."""
    clock = Clock()
    asked: list[float] = []

    def now() -> float:
        read = clock.time
        if not asked:
            clock.time += 3.0  # other programs run, after the clock was read
        return read

    async def request(opcode: int, *_: Any) -> tuple[int, ...]:
        if opcode == wire.SETTING_GET:
            return (0,)  # no quiet hours
        if opcode == wire.PING:
            trip = 0.004 if not asked else 0.010
            asked.append(clock.time + trip / 2)
            clock.time += trip
        return len(asked) - 1, 0, 1

    async def go() -> None:
        made = monitor(clock)
        monkeypatch.setattr(made, "request", request)
        monkeypatch.setattr(clock, "now", now)
        point = await made.synchronize()
        error = abs(point.host_us / 1e6 - asked[point.sample])
        assert error <= point.uncertainty_us / 1e6 + 1e-6
        assert point.uncertainty_us == 5000

    asyncio.run(go())


@pytest.mark.parametrize("late", [[65535] * 20, [65535, 65535, 300, 65535, 900, 40, *[0] * 20]])
def test_a_sample_that_is_too_old_to_tell_the_time_by_is_not_kept(late: list[int]) -> None:
    """As while the front end rests, and its last sample was a minute ago."""
    clock = Clock()
    asked: list[int] = []
    kept: list[tuple[int, ...]] = []

    async def request(opcode: int, *values: Any) -> tuple[int, ...]:
        if opcode == wire.SETTING_GET:
            return (0,)  # no quiet hours
        if opcode == wire.PING:
            asked.append(late[len(asked)])
            clock.time += 0.001 if asked[-1] == 65535 else 0.01
            return len(asked), asked[-1], 1
        kept.append(values)
        return 0, 0, 0

    async def go() -> None:
        made = monitor(clock)
        made.request = request  # type: ignore[method-assign, assignment]
        point = await made.synchronize()
        assert point.vague == (not kept)
        assert bool(kept) == (min(late) < 65535)
        assert [values[3] for values in kept] == [300][: len(kept)]
        assert len(asked) == (8 if kept else 15)

    asyncio.run(go())
