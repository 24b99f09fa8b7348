"""State machines keep their time while the emulated processor sleeps, and sleep is no work."""

import asyncio
from typing import Any

import pytest

pytest.importorskip("rp2040py", reason="rp2040py, the RP2040 emulator, is not installed")

from heartlog.emulate.meter import CYCLE_NS, Meter
from heartlog.emulate.pacer import Pacer

PIO0, IO_BANK, PADS, SIO, SRAM = 0x50200000, 0x40014000, 0x4001C000, 0xD0000000, 0x20000000
NOP, WFE, BACK = 0xBF00, 0xBF20, 0xE7FD  # (branch to the instruction before)
DRDY, OUT, LIGHT = 20, 18, 15
# wait(0, gpio, DRDY); four times set(pins, 1)[3], set(pins, 0)[2]; wait(1, gpio, DRDY)
PROGRAM = (0x2000 | DRDY, *4 * (0xE301, 0xE200), 0x2080 | DRDY)
FROM_RISE_TO_LAST_FALL = 4 * 4 + 3 * 3
EDGES_NS = range(1_000_000, 11_000_000, 1_000_000)


class Chip:
    """An RP2040 that executes one instruction over and over; a state machine answers DRDY."""

    def __init__(self, instruction: int, divider: float, pacer: Pacer | None) -> None:
        from rp2040py.rp2040 import RP2040
        from rp2040py.simulator import Simulator

        self.rp: Any = RP2040()
        self.simulator = Simulator(rp2040=self.rp)
        self.pacer = pacer
        self.rises: list[float] = []
        self.falls: list[float] = []
        poke = self.rp.write_uint32
        poke(SRAM, BACK << 16 | instruction)
        self.rp.core.pc = SRAM
        poke(IO_BANK + 8 * OUT + 4, 6)  # function select: PIO0
        poke(PADS + 4 + 4 * DRDY, 0x40)  # input enable
        self.rp.gpio[DRDY].set_input_value(True)
        for at, word in enumerate(PROGRAM):
            poke(PIO0 + 0x48 + 4 * at, word)
        poke(PIO0 + 0xC8, int(divider * 256) << 8)
        poke(PIO0 + 0xCC, (len(PROGRAM) - 1) << 12)  # wrap after the last
        poke(PIO0 + 0xDC, 1 << 26 | OUT << 5)  # one pin to set
        poke(PIO0 + 0xD8, 0xE081)  # set(pindirs, 1)
        poke(PIO0, 1)
        self.rp.gpio[OUT].add_listener(self._edge)
        self.disturb = self.rp.clock.create_alarm(lambda: None)
        self.alarms = [self.rp.clock.create_alarm(self._drdy) for _ in EDGES_NS]

    def _drdy(self) -> None:
        self.rp.gpio[DRDY].set_input_value(False)
        if self.pacer is not None:
            self.pacer.edge()

    def _edge(self, *_: object) -> None:
        if self.rp.gpio[OUT].output_value:
            self.rises.append(self.rp.clock.nanos)
        elif self.rises:  # (not when it becomes an output)
            self.falls.append(self.rp.clock.nanos)
        self.disturb.schedule(0)  # as DMA does it: a jump of no length
        self.rp.gpio[DRDY].set_input_value(True)

    def run(self, until_ns: float) -> None:
        for at, alarm in zip(EDGES_NS, self.alarms, strict=True):
            alarm.schedule(at)
        if self.pacer is not None:
            self._expect()
        end = self.rp.clock.create_alarm(self.simulator.stop)
        end.schedule(until_ns)
        asyncio.run(self.simulator.execute())

    def _expect(self) -> None:
        nanos = self.rp.clock.nanos
        later = [at - nanos for at in EDGES_NS if at - nanos > CYCLE_NS]
        if later:
            assert self.pacer is not None
            self.pacer.expect(later[0])
            self.rp.clock.create_alarm(self._expect).schedule(later[0])


@pytest.mark.parametrize("divider", [1, 2.5, 7.8125, 40])
def test_edges_come_asleep_as_they_come_awake(divider: float) -> None:
    awake = Chip(NOP, divider, None)
    awake.run(12_000_000)
    pacer = Pacer()
    asleep = Chip(WFE, divider, pacer)
    pacer.attach(asleep.rp)
    asleep.run(12_000_000)
    assert asleep.rp.core.cycles < 10
    assert len(awake.rises) == len(awake.falls) == 4 * len(EDGES_NS)
    for times in (asleep.rises, asleep.falls):
        assert len(times) == 4 * len(EDGES_NS)
    for before, after in zip(awake.rises + awake.falls, asleep.rises + asleep.falls, strict=True):
        # Awake, machines are as late or early as an instruction of up to 3 cycles is long.
        assert abs(before - after) <= 3 * CYCLE_NS
    for rise, fall in zip(asleep.rises[::4], asleep.falls[3::4], strict=True):
        length = FROM_RISE_TO_LAST_FALL * divider * CYCLE_NS
        assert fall - rise == pytest.approx(length, abs=CYCLE_NS)


def test_without_it_they_would_wait_for_the_processor() -> None:
    chip = Chip(WFE, 40, None)
    chip.run(1_900_000)
    assert chip.falls[0] - chip.rises[0] > 100 * 4 * 40 * CYCLE_NS


@pytest.mark.parametrize(("instruction", "percent"), [(WFE, 0), (NOP, 100)])
def test_sleep_is_no_work(instruction: int, percent: float) -> None:
    chip = Chip(instruction, 1, None)
    meter = Meter(LIGHT)
    meter.attach(chip.rp)

    def light(on: bool) -> None:
        chip.rp.write_uint32(SIO + (0x14 if on else 0x18), 1 << LIGHT)

    chip.rp.write_uint32(IO_BANK + 8 * LIGHT + 4, 5)  # function select: SIO
    chip.rp.write_uint32(SIO + 0x24, 1 << LIGHT)  # an output
    for at in range(1, 5):  # on for a millisecond, off for one
        chip.rp.clock.create_alarm(lambda on=at % 2 == 1: light(on)).schedule(at * 1e6)
    chip.rp.clock.create_alarm(lambda: light(True)).schedule(5e6)
    chip.run(7.5e6)
    assert meter.seconds(0, 1) == pytest.approx(1e-3, abs=1e-7)
    assert meter.seconds(1) == pytest.approx(3.5e-3, abs=1e-7)
    assert meter.percent(0) == pytest.approx(percent, abs=0.1)
