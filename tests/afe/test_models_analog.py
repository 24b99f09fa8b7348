"""What the analog side of a chip model asks for before anything works, bit by bit (in CPython)."""

from typing import Any

import pytest

from .test_models import Bench

pytestmark = pytest.mark.usefixtures("rooms")

# SBAS502, SBAS566: the reference, lead-off comparators, test signal, right-leg drive (LA, RA).
TWO = {0x02: 0xE2, 0x03: 0x10, 0x06: 0x33, 0x07: 0x03, 0x0A: 0x03}
# SBAS459, SBAS471.
EIGHT = {0x02: 0x10, 0x03: 0xCE, 0x04: 0x03, 0x0D: 1, 0x0E: 1, 0x0F: 1, 0x10: 1, 0x17: 0x02}


def analog(
    part: str, *changes: tuple[int, int], off: str = "", mux: int = 0, resp: int = 0
) -> Any:
    """The analog side with all that is needed, but for some (register, bits)."""
    b = Bench(part)
    regs = bytearray(b.afe.regs)
    two = b.afe.part.family == "two"
    for address, value in (TWO if two else EIGHT).items():
        regs[address] = value
    first = 4 if two else 5
    regs[first] = regs[first + 1] = mux
    regs[9 if two else 0x16] = resp
    for address, bits in changes:
        regs[address] &= ~bits
    if off:
        b.afe.electrodes.set(off, on=False)
    b.afe.analog.refresh(regs)
    return b.afe.analog


@pytest.mark.parametrize(
    ("part", "needed"),
    [
        ("ADS1292R", ((0x02, 0x40), (0x07, 0x01))),
        ("ADS1191", ((0x02, 0x40), (0x07, 0x01))),
        ("ADS1298", ((0x17, 0x02), (0x0F, 0x01), (0x04, 0x03))),
    ],
)
def test_lead_off_needs_comparators_and_currents(
    part: str, needed: tuple[tuple[int, int], ...]
) -> None:
    assert analog(part, off="LA").flags_p == 1
    assert analog(part).flags_p == 0
    for change in needed:
        assert analog(part, change, off="LA").flags_p == 0, change


@pytest.mark.parametrize(
    ("part", "needed"),
    [
        ("ADS1292R", ((0x06, 0x20), (0x0A, 0x02), (0x06, 0x03))),
        ("ADS1191", ((0x06, 0x20), (0x0A, 0x02), (0x06, 0x03))),
        ("ADS1298", ((0x03, 0x04), (0x03, 0x08))),
    ],
)
def test_the_drive_needs_its_amplifier_its_reference_and_somebody_to_hear(
    part: str, needed: tuple[tuple[int, int], ...]
) -> None:
    assert analog(part).closed
    for change in needed:
        assert not analog(part, change).closed, change
    if part == "ADS1298":
        assert not analog(part, (0x0D, 1), (0x0E, 1)).closed
    # A channel that is shorted hears nothing of the body.
    assert not analog(part, mux=1).closed


@pytest.mark.parametrize(
    ("part", "source", "reference"),
    [
        ("ADS1292R", (0x02, 0x02), (0x02, 0x20)),
        ("ADS1191", (0x02, 0x02), (0x02, 0x20)),
        ("ADS1298", (0x02, 0x10), (0x03, 0x80)),
    ],
)
def test_the_test_signal_needs_its_source_and_the_reference(
    part: str, source: tuple[int, int], reference: tuple[int, int]
) -> None:
    from models import analog as kinds

    def kind(*changes: tuple[int, int]) -> Any:
        return analog(part, *changes, mux=5).plans[0].kind

    assert kind() == kinds.TEST
    assert kind(source) == kinds.FIXED
    assert kind(reference) == kinds.FULL


@pytest.mark.parametrize(
    ("part", "drive", "needed"),
    [
        ("ADS1292R", (0x06, 0x20), ((0x06, 0x10), (0x02, 0x40))),
        ("ADS1298", (0x03, 0x04), ((0x03, 0x02), (0x17, 0x02))),
    ],
)
def test_a_loose_right_leg_is_felt_while_nothing_drives_it(
    part: str, drive: tuple[int, int], needed: tuple[tuple[int, int], ...]
) -> None:
    assert analog(part, drive, off="RL").flag_rld == 1
    assert analog(part, off="RL").flag_rld == 0  # TI: it means nothing while the drive runs
    assert analog(part, drive).flag_rld == 0
    for change in needed:
        assert analog(part, drive, change, off="RL").flag_rld == 0, change


@pytest.mark.parametrize("part", ["ADS1292R", "ADS1191", "ADS1298"])
def test_a_channel_that_is_off_reads_nothing(part: str) -> None:
    from models import analog as kinds

    assert analog(part).plans[0].kind == kinds.LEAD
    assert analog(part, mux=0x80).plans[0].kind == kinds.OFF


@pytest.mark.parametrize(
    ("part", "right", "wrong"),
    [("ADS1292R", 0xF2, (0x72, 0xB2)), ("ADS1298R", 0xE2, (0x62, 0xA2, 0xE0, 0xE1))],
)
def test_breathing_needs_modulation_and_demodulation(
    part: str, right: int, wrong: tuple[int, ...]
) -> None:
    from models import analog as kinds

    assert analog(part, resp=right).plans[0].kind == kinds.BREATH
    for resp in wrong:
        assert analog(part, resp=resp).plans[0].kind == kinds.LEAD, resp
    assert analog(part.removesuffix("R"), resp=right).plans[0].kind == kinds.LEAD
