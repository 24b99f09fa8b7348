"""What beats need under a model without limits: an honest one, not far below the firmware's."""

import copy
import random
from pathlib import Path

import pytest

from heartlog.bench.journal import where_bits_go
from heartlog.tuning.floor import GROUPS, Number, Symbol, floor
from heartlog.tuning.packing import load


@pytest.mark.parametrize("swing", [3, 40])
def test_it_promises_no_more_than_one(swing: int) -> None:
    """The probabilities of all values that may come next add up to one, so none is too cheap."""
    rng = random.Random(swing)
    number = Number(200, 6, 1)
    for _ in range(60):
        number.bits(200 + rng.randint(-swing, swing), rng.random())
    promised = sum(2 ** -copy.deepcopy(number).bits(value, 0.5) for value in range(-800, 1200))
    assert 0.95 < promised < 1.005


def test_chance_costs_what_it_must() -> None:
    """Sixteen values by chance are four bits; one of two in turn, in its context, nearly none."""
    rng = random.Random(1)
    number, symbol = Number(8, 4, 0), Symbol(16, 2)
    by_chance = [number.bits(rng.randrange(16)) for _ in range(1500)][500:]
    assert 3.95 < sum(by_chance) / len(by_chance) < 4.4
    in_turn = [symbol.bits(i % 2, 0, i % 2) for i in range(400)][100:]
    assert sum(in_turn) / len(in_turn) < 0.2


def test_the_firmware_needs_little_more(ecg_dir: Path) -> None:
    """Ten minutes of a regular, a paced and a fibrillating heart, and of one with early beats."""
    names = ("100", "107", "202", "210")
    for name, beats in zip(names, load([str(ecg_dir / "mitdb" / n) for n in names]), strict=True):
        needs, taken = sum(floor(beats[:800]).values()), where_bits_go(beats[:800])
        packed = sum(taken[group] for group in GROUPS)
        print(f"{name}: {needs:.2f} of {packed:.2f} bits a beat")
        assert packed <= 1.2 * needs
