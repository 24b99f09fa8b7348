"""The sample path as the boards' processors execute it: any frame, any gap, and what it costs."""

from array import array
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heartlog.machine_code import ARCHITECTURES, Program

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
CAPACITY = 33
PERIOD = 4000  # us

# Instructions and Cortex-M0+ cycles of one DRDY (`store`), cycles of taking a frame (`run_length`,
# `column`) in blocks of 32: channels, bits -> store instructions, store cycles, take cycles.
# These only go down.
RATCHET = {(2, 24): (615, 959, 391), (8, 24): (1089, 1673, 946), (2, 16): (577, 899, 391)}


class Ring:
    """One ring on one architecture."""

    def __init__(self, program: Program, channels: int, bits: int, capacity: int = CAPACITY):
        self.core: Any = program.module("monitor.sampler_core")
        core = self.core
        self.cpu = program.processor
        self.channels = channels
        self.bits = bits
        self.state = array("i", bytes(4 * core.STATES))
        self.ring = array("i", bytes(4 * capacity * (channels + 2)))
        self.status_bytes = 2 if bits == 16 and channels <= 2 else 3
        self.state[core.CAPACITY] = capacity
        self.state[core.CHANNELS] = channels
        self.state[core.SAMPLE_BYTES] = bits // 8
        self.state[core.STATUS_BYTES] = self.status_bytes
        self.state[core.SYNC_MASK] = 0xF00000
        self.state[core.SYNC] = 0xC00000
        self.state[core.PERIOD] = PERIOD * 16
        self.state[core.FOLLOW] = PERIOD * 16 >> 8
        self.rx = bytearray(self.status_bytes + channels * bits // 8)

    def frame(self, status: int, codes: list[int]) -> None:
        word = status >> 8 if self.status_bytes == 2 else status
        self.rx[:] = word.to_bytes(self.status_bytes, "big") + b"".join(
            code.to_bytes(self.bits // 8, "big", signed=True) for code in codes
        )

    def store(self, ticks: int) -> None:
        self.core.store(self.rx, self.ring, self.state, ticks)

    def take(self, limit: int = 64) -> tuple[int, int, list[int], list[list[int]]]:
        """-> gap, reason, status words, codes by channel."""
        core = self.core
        self.state[core.VOUCHED] = self.state[core.HEAD]
        n = core.run_length(self.ring, self.state, limit)
        tail = self.state[core.TAIL]
        gap = self.ring[tail * (self.channels + 2)] if n else 0
        columns = []
        for word in range(1, self.channels + 2):
            out = array("i", bytes(4 * 64))
            core.column(self.ring, self.state, out, n << 8 | word)
            columns.append(list(out[:n]))
        self.state[core.TAIL] = (tail + n) % self.state[core.CAPACITY]
        return gap & core.LOST_MASK, gap >> 26, columns[0], columns[1:]


@pytest.fixture(scope="module", params=ARCHITECTURES)
def program(request: pytest.FixtureRequest) -> Program:
    return Program(request.param, FIRMWARE)


def _codes(bits: int) -> st.SearchStrategy[int]:
    top = 1 << (bits - 1)
    return st.one_of(st.integers(-top, top - 1), st.sampled_from([-top, top - 1, -1, 0, 1]))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_frame_comes_out_as_it_went_in(program: Program, data: st.DataObject) -> None:
    bits = data.draw(st.sampled_from([16, 24]))
    channels = data.draw(st.integers(1, 8))
    path = Ring(program, channels, bits)
    frames = data.draw(
        st.lists(
            st.tuples(
                st.integers(0, 0xFFFFF),
                st.lists(_codes(bits), min_size=channels, max_size=channels),
            ),
            min_size=1,
            max_size=CAPACITY - 1,
        )
    )
    start = data.draw(st.integers(0, (1 << 30) - 1))
    for k, (low, codes) in enumerate(frames):
        path.frame(0xC00000 | low, codes)
        path.store((start + k * PERIOD) % (1 << 30))
    gap, _, statuses, columns = path.take()
    mask = 0xFFFF00 if path.status_bytes == 2 else 0xFFFFFF
    assert gap == 0
    assert statuses == [(0xC00000 | low) & mask for low, _ in frames]
    assert columns == [
        list(column) for column in zip(*(codes for _, codes in frames), strict=True)
    ]


@settings(max_examples=60, deadline=None)
@given(
    lost=st.lists(st.integers(0, 200), min_size=1, max_size=20),
    start=st.integers(0, (1 << 30) - 1),
    jitter=st.lists(st.integers(0, 3200), min_size=20, max_size=20),
)
def test_every_missed_sample_is_counted_by_the_clock(
    program: Program, lost: list[int], start: int, jitter: list[int]
) -> None:
    """Reads up to 80 % of a period late, any number of DRDYs missed between them."""
    path = Ring(program, 2, 24)
    at = 0
    path.frame(0xC00000, [0, 0])
    path.store(start)
    for missed, late in zip(lost, jitter, strict=False):
        at += missed + 1
        path.frame(0xC00000, [at, -at])
        path.store((start + at * PERIOD + late) % (1 << 30))
    index = 0
    seen = []
    while True:
        gap, _, statuses, columns = path.take()
        if not statuses:
            break
        index += gap
        for code in columns[0]:
            assert code == index
            seen.append(code)
            index += 1
    assert len(seen) == len(lost) + 1
    assert path.state[path.core.PLACE] == index


@settings(max_examples=60, deadline=None)
@given(
    first=st.integers(0, PERIOD * 99 // 100),
    early=st.lists(st.integers(0, PERIOD * 3 // 4), min_size=6, max_size=6),
    prompt=st.integers(0, 5),
    lost=st.lists(st.integers(0, 200), min_size=12, max_size=12),
    jitter=st.lists(st.integers(0, PERIOD * 3 // 4), min_size=12, max_size=12),
    start=st.integers(0, (1 << 30) - 1),
)
def test_a_first_frame_read_late_shifts_nothing(
    program: Program,
    first: int,
    early: list[int],
    prompt: int,
    lost: list[int],
    jitter: list[int],
    start: int,
) -> None:
    """However late, as long as one of the next six is read in time; then anything is missed."""
    early[prompt] = PERIOD // 10
    path = Ring(program, 2, 24)
    reads = [(0, first), *((k + 1, late) for k, late in enumerate(early))]
    for missed, late in zip(lost, jitter, strict=True):
        reads.append((reads[-1][0] + missed + 1, late))
    for at, late in reads:
        path.frame(0xC00000, [at, -at])
        path.store((start + at * PERIOD + late) % (1 << 30))
    index = 0
    seen = []
    while True:
        gap, _, statuses, columns = path.take()
        if not statuses:
            break
        index += gap
        for code in columns[0]:
            assert code == index
            seen.append(code)
            index += 1
    assert seen == [at for at, _ in reads]  # none dropped, either


@settings(max_examples=40, deadline=None)
@given(bad=st.lists(st.booleans(), min_size=30, max_size=30))
def test_frames_out_of_sync_are_gaps(program: Program, bad: list[bool]) -> None:
    path = Ring(program, 2, 24)
    for k, wrong in enumerate(bad):
        path.frame(0x600000 if wrong else 0xC00000, [k, k])
        path.store(k * PERIOD)
    index = 0
    while True:
        gap, reason, statuses, columns = path.take()
        if not statuses:
            break
        assert reason == (path.core.SYNC_LOST if gap else 0)
        index += gap
        for code in columns[0]:
            assert code == index
            assert not bad[code]
            index += 1
    assert path.state[path.core.BAD] == sum(bad)


@settings(max_examples=30, deadline=None)
@given(taken=st.lists(st.integers(0, 40), min_size=1, max_size=12))
def test_a_full_ring_loses_the_newest_and_says_so(program: Program, taken: list[int]) -> None:
    path = Ring(program, 1, 24)
    k = index = 0
    for count in taken:
        for _ in range(count):
            path.frame(0xC00000, [k])
            path.store(k * PERIOD)
            k += 1
        while True:
            gap, reason, statuses, columns = path.take(7)
            if not statuses:
                break
            assert reason == (path.core.RING_FULL if gap else 0)
            index += gap
            for code in columns[0]:
                assert code == index
                index += 1
    assert index + path.state[path.core.PENDING] == k


def test_extra_drdys_of_a_part_that_reset_itself_are_no_samples(program: Program) -> None:
    path = Ring(program, 1, 24)
    for k in range(-10, 0):  # (before it did)
        path.frame(0xC00000, [2 * k])
        path.store((k + 20) * PERIOD)
    for k in range(60):
        path.frame(0xC00000, [k])
        path.store(20 * PERIOD + k * PERIOD // 2)
        if k % 20 == 19:
            assert all(code % 2 == 0 for code in path.take()[3][0])
    assert path.state[path.core.EARLY] == 30
    assert path.state[path.core.PLACE] == 10 + 30


@pytest.mark.parametrize(("channels", "bits"), list(RATCHET))
def test_what_it_costs(channels: int, bits: int) -> None:
    program = Program("armv6m", FIRMWARE)
    path = Ring(program, channels, bits, 64)
    cpu = path.cpu

    def spent() -> tuple[float, float]:
        return cpu.instructions, cpu.cycles

    path.frame(0xC00000, [-1] * channels)
    path.store(0)
    path.take()
    path.state[path.core.DOUBT] = 0  # as after some hundred frames read in time
    before = spent()
    for k in range(1, 33):
        path.store(k * PERIOD)
    after = spent()
    path.take(32)
    taken = spent()
    store_instructions = round((after[0] - before[0]) / 32)
    store_cycles = round((after[1] - before[1]) / 32)
    take_cycles = round((taken[1] - after[1]) / 32)
    measured = (store_instructions, store_cycles, take_cycles)
    print(f"{channels} x {bits} bits: {measured}")
    assert all(m <= r for m, r in zip(measured, RATCHET[channels, bits], strict=True)), measured
