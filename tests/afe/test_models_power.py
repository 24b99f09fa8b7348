"""The chip models asleep, without power, and over a reset of the microcontroller (in CPython)."""

import pytest

from .test_models import PARTS, Bench

pytestmark = pytest.mark.usefixtures("rooms")


@pytest.mark.parametrize("part", ["ADS1191", "ADS1292R", "ADS1298", "ADS1299"])
def test_nothing_converts_in_standby_and_nothing_old_is_read(part: str) -> None:
    b = Bench(part)
    b.pins.drive("START", 1)
    b.wait(100000)
    b.send(0x04)
    frames = b.afe.frames
    b.wait(100000)
    b.pins.drive("START", 0)
    b.pins.drive("START", 1)  # does not wake it
    b.wait(100000)
    assert b.afe.frames == frames
    b.send(0x02)
    b.wait(100000)
    assert b.afe.frames > frames
    b.pins.drive("START", 0)
    b.send(0x10)
    b.send(0x11)
    b.content()
    b.send(0x12, 0)
    b.complains("RDATA before any conversion")  # since RDATAC


@pytest.mark.parametrize("part", PARTS)
def test_after_a_power_down_the_power_up_time_is_due_again(part: str) -> None:
    """By PWDN; a part of two channels has it on RESET, low for more than 2^9 tMOD."""
    b = Bench(part)
    b.send(0x11)
    b.send(0x41, 0x00, b.afe.part.registers[1].mend(3))
    pin = "RESET" if b.afe.part.family == "two" else "PWDN"
    b.pins.drive(pin, 0)
    b.wait(5000)
    frames = b.afe.frames
    b.pins.drive("START", 1)
    b.send(0x11)
    b.complains("held in reset or power-down")
    b.pins.drive("START", 0)
    b.pins.drive(pin, 1)
    assert b.afe.frames == frames
    b.wait(1000)
    b.send(0x11)
    b.complains("the power-up time after PWDN")
    b.wait(200000)
    b.send(0x11)
    assert b.send(0x21, 0, 0)[2] == b.afe.part.registers[1].reset  # nothing is remembered
    b.content()


def test_state_is_kept_over_a_reset_of_the_microcontroller() -> None:
    b = Bench("ADS1292R")
    b.send(0x11)
    b.send(0x41, 0x00, 0x03)
    b.send(0x10)
    kept = b.afe.save()
    other = Bench("ADS1292R", settle=False)
    other.afe.restore(kept)
    other.wait(1)
    other.send(0x11)
    assert other.send(0x21, 0, 0)[2] == 0x03
    other.content()
