"""The resampler as the boards' processors execute it: the same on all, and how exact."""

from array import array
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heartlog.machine_code import ARCHITECTURES, Program

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
# Cortex-M0+ cycles for one outgoing sample of one channel. It only goes down.
MOST_CYCLES = 3512


class Kernel:
    """`pass_on` of one architecture, with a state of its own."""

    def __init__(self, program: Program) -> None:
        self.module: Any = program.module("monitor.resample")
        self.cpu = program.processor
        self.ring = array("i", bytes(4 * 32))
        self.state = array("i", (0, 7, 0, 0, 0))
        self.taps = self.module.taps()
        self.out = array("i", bytes(4 * 64))
        self.words = array("i", bytes(4 * 64))

    def feed(self, codes: list[int]) -> list[int]:
        found: list[int] = []
        for at in range(0, len(codes), 64):
            block = array("i", codes[at : at + 64])
            n = len(block)
            self.module.pass_on(block, self.out, self.ring, self.taps, self.state, n)
            found += self.out[: self.state[3]]
            self.module.pick(self.words, self.words, self.state, n)
        return found


@pytest.fixture(scope="module", params=ARCHITECTURES)
def program(request: pytest.FixtureRequest) -> Program:
    return Program(request.param, FIRMWARE)


def response(hertz: float) -> float:
    """Gain of the filter at a frequency, when 400 samples/s come in."""
    from_table = Program("armv6m", FIRMWARE).module("monitor.resample")._HALF
    taps = np.array([*from_table, *from_table[-2::-1]]) / 16384 / 5
    n = np.arange(len(taps)) - 64
    return float(np.sum(taps * np.cos(2 * np.pi * hertz / 2000 * n)))


def test_the_filter_is_what_its_page_says() -> None:
    passed = [response(f) for f in np.arange(0, 90.5, 1)]
    assert 20 * np.log10(min(passed)) > -0.006
    assert 20 * np.log10(max(passed)) < 0.003
    assert 20 * np.log10(response(100)) == pytest.approx(-0.24, abs=0.01)
    folded = [abs(response(f)) for f in np.arange(160, 1000, 1)]
    assert 20 * np.log10(max(folded)) < -71.9


def test_a_sine_keeps_amplitude_and_instant(program: Program) -> None:
    kernel = Kernel(program)
    for hertz, most in ((7.0, 1.5), (40.0, 2.5), (90.0, 7.0)):  # of 8000 codes
        t = np.arange(200) / 400
        codes = np.rint(8000 * np.sin(2 * np.pi * hertz * t)).astype(int).tolist()
        kernel.state[:] = array("i", (0, 7, 0, 0, 0))
        found = np.array(kernel.feed(codes))
        instants = (np.arange(len(found)) + 8) / 250
        expected = 8000 * np.sin(2 * np.pi * hertz * instants)
        assert np.max(np.abs(found - expected)) < most, hertz


@settings(max_examples=4, deadline=None)
@given(st.lists(st.integers(-(2**23), 2**23 - 1), min_size=40, max_size=70))
def test_any_codes_come_out_as_exact_sums_say(program: Program, codes: list[int]) -> None:
    """Against arithmetic without limits; full-scale jumps may pass 24 bits, and still add up."""
    kernel = Kernel(program)
    half = kernel.module._HALF
    taps = [*half, *half[-2::-1], 0]
    expected = []
    for newest in range(25, len(codes)):
        for fine in range(5 * newest, 5 * newest + 5):
            if fine % 8 == 0:
                phase = fine - 5 * newest
                total = sum(taps[phase + 5 * j] * codes[newest - j] for j in range(26))
                expected.append((total + 8192) >> 14)
    assert kernel.feed(codes) == expected


def test_a_constant_comes_out_as_it_went_in(program: Program) -> None:
    for code in (-(2**23), -1, 2**23 - 1):
        assert set(Kernel(program).feed([code] * 40)) == {code}


def test_what_it_costs() -> None:
    program = Program("armv6m", FIRMWARE)
    kernel = Kernel(program)
    kernel.feed([5] * 64)
    before = program.processor.cycles
    made = len(kernel.feed(list(range(64))))
    cycles = (program.processor.cycles - before) / made
    print(f"{cycles:.0f} cycles a sample and channel")
    assert cycles <= MOST_CYCLES
