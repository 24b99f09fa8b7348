"""The PIO and DMA sampler on an emulated RP2040: its program, ring, gaps and recoveries."""

from itertools import pairwise
from typing import Any

import pytest


@pytest.mark.parametrize("part", ["ADS1292R", "ADS1191", "ADS1298", "ADS1299-4"])
def test_every_frame_arrives_without_the_processor(bench: Any, part: str) -> None:
    b = bench(part)
    sampler = b.start(500)
    b.chip.advance(300_000)  # nobody looks: no interrupt is needed either
    count = b.check(b.take())
    assert abs(count - 150) <= 3
    assert sampler.lost == 0
    assert b.device.afe.unread == 0
    assert b.device.afe.complaints == []
    # DRDY to the first clock: a wait and two instructions of the state machine.
    assert max(b.device.latencies[-100:]) < 1.0


def test_the_ring_wraps_and_says_when_it_went_round(bench: Any) -> None:
    b = bench("ADS1292R")
    sampler = b.start(1000, 0.2)
    for _ in range(6):
        b.chip.advance(150_000)
        b.check(b.take())
    assert sampler.lost == 0
    holds = sampler._holds
    b.chip.advance(1000 * (holds + 100))
    blocks = b.take()
    assert blocks[0][1] > 50
    assert blocks[0][2] == 2  # ring full
    assert sampler.overruns == sampler.lost
    b.check(blocks)
    b.chip.advance(100_000)
    b.check(b.take())
    assert abs(sampler.index - b.device.afe.frames) <= 1


def test_registers_are_audited_between_frames(bench: Any) -> None:
    b = bench("ADS1292R")
    sampler = b.start(250)
    for _ in range(10):
        b.chip.advance(200_000)
        assert sampler.watch() == 0
        b.check(b.take())
    assert sampler.lost == 0
    assert b.device.afe.unread == 0
    b.device.afe.regs[4] ^= 0x10
    codes = []
    for _ in range(8):
        b.chip.advance(200_000)
        codes.append(sampler.watch())
        b.take(vouch=False)
    assert 7 in codes  # register changed
    assert "CH1SET" in sampler.last_fault_text
    assert b.device.afe.complaints == []


def test_a_stopped_drdy_is_a_gap_of_the_right_length(bench: Any) -> None:
    b = bench("ADS1292R")
    sampler = b.start(250)
    b.chip.advance(400_000)
    b.check(b.take())
    before = sampler.index
    begun = b.rp.clock.micros
    b.device.afe.faults["stuck_drdy"] = True
    faults = []
    for _ in range(5):
        b.chip.advance(200_000)
        faults.append(sampler.watch())
    assert 4 in faults
    b.device.afe.faults["stuck_drdy"] = False
    blocks: list[Any] = []
    while not blocks:
        b.chip.advance(100_000)
        sampler.watch()
        blocks = b.take()
        assert b.rp.clock.micros - begun < 4e6
    assert blocks[0][2] == 4  # restarted
    end = blocks[-1][0] + len(blocks[-1][3][0])
    elapsed = (b.rp.clock.micros - begun) / 4000
    assert abs(end - before - elapsed) < 4


def test_frames_out_of_sync_are_dropped_and_counted(bench: Any) -> None:
    b = bench("ADS1292R")
    sampler = b.start(500)
    b.chip.advance(100_000)
    b.take()
    b.device.afe.faults["bit_errors"] = 20000
    b.chip.advance(200_000)
    b.device.afe.faults["bit_errors"] = 0
    blocks = b.take()
    assert any(gap and reason == 3 for _, gap, reason, _ in blocks)
    assert sampler.bad_frames > 2
    b.chip.advance(100_000)
    blocks = b.take()
    b.check(blocks)
    assert sampler.index == b.device.afe.frames


def test_nothing_is_delivered_that_nobody_vouches_for(bench: Any) -> None:
    """The part loses its settings: not one of its samples at another scale comes out."""
    b = bench("ADS1292R")
    sampler = b.start(500)
    b.chip.advance(300_000)
    b.check(b.take(vouch=False))
    b.device.afe.brown_out()  # 500 samples/s is what it does after a reset: only registers tell
    faults, blocks = [], []
    for _ in range(40):
        b.chip.advance(25_000)
        found = b.take(vouch=False)
        for _, _, _, columns in found:  # of every second, 2 uV a sample at our gain, 41.6 codes
            sizes = [abs(code) for code in columns[0][::2]]
            steps = [b - a for a, b in pairwise(sizes)]
            assert all(step in (41, 42, -20738, -20737) for step in steps), steps
        blocks += found
        faults.append(sampler.watch())
    assert 7 in faults[:20]
    gaps = [(gap, reason) for _, gap, reason, _ in blocks if gap]
    assert len(gaps) == 1
    assert gaps[0][1] == 4  # restarted


def test_a_charger_pauses_it_and_the_pause_is_counted(bench: Any) -> None:
    b = bench("ADS1292R")
    sampler = b.start(250)
    b.chip.advance(400_000)
    b.check(b.take())
    before, begun = sampler.index, b.rp.clock.micros
    sampler.pause()
    for _ in range(10):
        b.chip.advance(100_000)
        assert sampler.watch() == 0
        assert b.take() == []
    sampler.resume()
    blocks: list[Any] = []
    while not blocks:
        b.chip.advance(50_000)
        blocks = b.take()
    assert blocks[0][2] == 5  # paused
    b.chip.advance(300_000)
    b.take()
    elapsed = (b.rp.clock.micros - begun) / 4000
    assert abs(sampler.index - before - elapsed) < 4


def test_what_a_slow_audit_misses_is_a_gap_where_it_is(bench: Any) -> None:
    """On a real RP2040 an audit takes MicroPython a while: it may not lose samples in silence."""
    b = bench("ADS1292R")
    sampler = b.start(250)
    audit = sampler.afe.audit_running

    def slow() -> Any:
        b.chip.advance(11_000)  # between two and three periods
        return audit()

    sampler.afe.audit_running = slow
    for _ in range(6):
        b.chip.advance(200_000)
        assert sampler.watch() == 0
        b.check(b.take())
    assert sampler.lost >= 6
    assert sampler.overruns >= sampler.lost
    assert sampler.gap_reason in (0, 1)
    assert b.device.afe.complaints == []


@pytest.mark.parametrize("looks_again", [True, False])
def test_a_frame_that_falls_due_at_the_end_of_an_audit(bench: Any, looks_again: bool) -> None:
    """DRDY is low already when the state machine goes on: read, or else counted as lost."""
    b = bench("ADS1292R")
    b.chip.looks_again = looks_again
    sampler = b.start(250)
    clock = sampler.afe.bus.clock

    def slow(baudrate: int) -> None:
        clock(baudrate)
        if baudrate == sampler.afe.bus.sample_baudrate:  # RDATAC was sent
            unread = b.device.afe.frames
            while b.device.afe.frames == unread:
                b.chip.advance(1)
            b.chip.advance(300)

    sampler.afe.bus.clock = slow
    for _ in range(6):
        b.chip.advance(200_000)
        assert sampler.watch() == 0
        b.check(b.take())
    sampler.afe.bus.clock = clock
    b.chip.advance(100_000)
    b.check(b.take())
    assert sampler.overruns == sampler.lost
    if looks_again:
        assert sampler.lost == 0
    else:
        assert sampler.lost >= 6
    assert abs(sampler.index - b.device.afe.frames) <= 1
    assert b.device.afe.complaints == []
