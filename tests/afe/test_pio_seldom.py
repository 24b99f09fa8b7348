"""The PIO and DMA sampler on an emulated RP2040: what happens once in hours or when something goes
wrong, and what is delivered beside the codes."""

import importlib
from typing import Any

import pytest


def settings() -> Any:
    return importlib.import_module("monitor.sampler_pio")


@pytest.mark.parametrize("part", ["ADS1292R", "ADS1191"])
def test_the_status_word_comes_with_each_frame(bench: Any, part: str) -> None:
    """24 bits of it whatever the part's own width: 1100, and the inputs that are off."""
    b = bench(part)
    sampler = b.start(500, lead_off="dc")
    seen = set()
    for on in (True, False):
        b.device.electrodes.set("LA", on=on)
        b.chip.advance(100_000)
        b.take()
        b.chip.advance(100_000)
        sampler.verify(importlib.import_module("time").ticks_ms(), at_once=True)
        n = sampler.take()
        assert n > 40
        word = b.device.afe.analog.status(b.device.afe.regs)
        word = word << 8 if b.afe.part.bits == 16 else word
        assert set(sampler.status[:n]) == {word}
        assert word >> 20 == 0xC
        seen.add(word)
    assert len(seen) == 2


def test_the_newest_sample_has_its_index_and_its_time(bench: Any) -> None:
    """Taken or not, the index is that of the last conversion, and the time is when it came."""
    b = bench("ADS1292R")
    sampler = b.start(500)
    begins = []
    for step in range(12):
        b.chip.advance(61_300)
        if step % 3 == 0:
            b.check(b.take())
        if step:  # (before the first block was taken nothing is known of time)
            index, us = sampler.newest()
            assert index == b.device.afe.frames - 1
            assert 0 <= us < 4000
            begins.append(b.rp.clock.micros - us - 2000 * index)
    assert max(begins) - min(begins) < 2100
    sampler.halt()
    assert sampler.newest()[0] == (sampler.index + sampler._pending - 1) & 0xFFFFFFFF


def test_the_dma_channel_begins_anew_before_it_runs_out(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every few hours; here a run is a second long."""
    b = bench("ADS1292R")
    monkeypatch.setattr(settings(), "_FULL", 9 * 500)
    monkeypatch.setattr(settings(), "_LOW", 9 * 250)
    sampler = b.start(500)
    for _ in range(25):
        b.chip.advance(123_400)
        assert sampler.watch() == 0
        b.check(b.take())
    assert sampler.lost == 0
    assert sampler.index == b.device.afe.frames > 1500
    assert b.device.afe.complaints == []


def test_the_dma_channel_begins_anew_between_two_frames_only(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    b = bench("ADS1292R")
    monkeypatch.setattr(settings(), "_LOW", settings()._FULL)  # at every block that is taken
    sampler = b.start(500)
    for step in range(12):
        b.chip.advance(210_000)
        blocks = []
        while sampler.take():
            codes = [list(c[: sampler.index - sampler.start]) for c in sampler.channels]
            blocks.append((sampler.start, sampler.gap, sampler.gap_reason, codes))
            # The next block is taken in the middle of a frame.
            device = b.device
            b.chip.advance(device.afe._next_ns / 1000 - b.rp.clock.micros + 3 + 2 * step)
        assert len(blocks) > 1
        b.check(blocks)
    assert sampler.lost == 0
    assert b.device.afe.complaints == []


def test_fast_frames_are_vouched_for_without_an_audit(bench: Any) -> None:
    """Between frames that come faster than once in 990 us no registers are read."""
    b = bench("ADS1292R")
    sampler = b.start(2000)
    audits = []
    sampler.afe.audit_running = lambda: audits.append(1)
    for _ in range(5):
        b.chip.advance(50_000)
        assert sampler.watch() == 0
        b.check(b.take())
    assert sampler.lost == 0
    assert sampler.index in (b.device.afe.frames, b.device.afe.frames - 1)  # one on its way
    assert audits == []


def test_frames_that_never_begin_with_1100_are_one_fault(bench: Any) -> None:
    b = bench("ADS1292R")
    sampler = b.start(500)
    b.chip.advance(250_000)
    b.check(b.take())
    status = b.device.afe.analog.status
    b.device.afe.analog.status = lambda regs: 0x600000
    faults = []
    for _ in range(40):
        b.chip.advance(25_000)
        b.take(vouch=False)
        code = sampler.watch()
        if code:
            faults.append(code)
            b.device.afe.analog.status = status
    assert faults == [5]  # out of sync: told once, and mended at once
    assert b.take()
    assert sampler.running
    assert sampler.bad_frames >= 8


def test_what_nobody_took_before_a_pause_is_part_of_its_gap(bench: Any) -> None:
    b = bench("ADS1292R")
    sampler = b.start(250)
    b.chip.advance(400_000)
    b.check(b.take())
    before, begun = sampler.index, b.rp.clock.micros
    b.chip.advance(150_000)  # not yet vouched for
    sampler.pause()
    assert not sampler.running
    assert sampler.take() == 0
    done = b.device.afe.frames
    b.chip.advance(100_000)
    assert b.device.afe.frames == done  # it does not convert
    sampler.resume()
    b.chip.advance(300_000)
    blocks = b.take()
    assert blocks[0][0] - before == blocks[0][1]
    elapsed = (b.rp.clock.micros - begun) / 4000
    assert abs(sampler.index - before - elapsed) < 4


def test_what_a_slow_audit_misses_counts_when_it_finds_a_fault(bench: Any) -> None:
    b = bench("ADS1292R")
    sampler = b.start(250)
    b.chip.advance(400_000)
    b.check(b.take())
    before, begun = sampler.index, b.rp.clock.micros
    audit = sampler.afe.audit_running

    def slow() -> Any:
        b.chip.advance(111_000)  # 27 periods
        return audit()

    sampler.afe.audit_running = slow
    b.device.afe.regs[4] ^= 0x10
    b.chip.advance(100_000)
    faults = []
    while not faults:
        code = sampler.watch()
        if code:
            faults.append(code)
        b.chip.advance(20_000)
    assert faults == [7]  # register changed
    sampler.afe.audit_running = audit
    b.chip.advance(300_000)
    b.take()
    elapsed = (b.rp.clock.micros - begun) / 4000
    assert abs(sampler.index - before - elapsed) < 4
