"""What the analog side of a chip model asks for before anything works, bit by bit (in CPython)."""

from typing import Any

import pytest

from .test_models import Bench

pytestmark = pytest.mark.usefixtures("rooms")

# SBAS502, SBAS566: the reference, lead-off comparators, test signal, right-leg drive (LA, RA).
TWO = {0x02: 0xE2, 0x03: 0x10, 0x06: 0x33, 0x07: 0x03, 0x0A: 0x03}
# SBAS459, SBAS471.
EIGHT = {0x02: 0x10, 0x03: 0xCC, 0x04: 0x03, 0x0D: 1, 0x0E: 1, 0x0F: 1, 0x10: 1, 0x17: 0x02}


def analog(part: str, *changes: tuple[int, int], off: bool = False, mux: int = 0) -> Any:
    """The analog side with all that is needed, but for some (register, bits)."""
    b = Bench(part)
    regs = bytearray(b.afe.regs)
    two = b.afe.part.family == "two"
    for address, value in (TWO if two else EIGHT).items():
        regs[address] = value
    first = 4 if two else 5
    regs[first] = regs[first + 1] = mux
    for address, bits in changes:
        regs[address] &= ~bits
    if off:
        b.afe.electrodes.set("LA", on=False)
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
    assert analog(part, off=True).flags_p == 1
    assert analog(part).flags_p == 0
    for change in needed:
        assert analog(part, change, off=True).flags_p == 0, change


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
