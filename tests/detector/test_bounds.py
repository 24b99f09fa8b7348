"""No intermediate of the detector is larger than its README states, and none beyond 2^30.

Its viper functions run as Python whose integers know no limit, every operator's result checked;
the beats are those of the machine code.
"""

import re
from array import array
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from heartlog.evaluation.board import DETECTOR_MODULE, Board
from heartlog.evaluation.signal import FULL_SCALE, NV_PER_CODE, Codes
from heartlog.image.places import firmware_dir
from heartlog.machine_code.bounds import LIMIT, BoundsError, Checked
from heartlog.machine_code.cost import feed, five_minutes

BLOCK_S = 0.032
LOWEST = -FULL_SCALE - 1
ROW = re.compile(r"^\| `(\w+)\.py` \| `(\w+)` \| 2\^([\d.]+) \|")

Signal = NDArray[np.int32]


def squares(period: int) -> Signal:
    high = np.arange(4000) % period < period // 2
    return np.where(high, FULL_SCALE, LOWEST).astype(np.int32)


def pulses_beside_steps() -> Signal:
    """Small beats, and every eighth one near a jump from rail to rail: what a shape scaled to the
    small one does not expect."""
    signal = np.zeros(16_000)
    pulse = 3000 * np.hanning(8)
    for number, at in enumerate(range(300, 15_700, 200)):
        signal[at : at + 8] += pulse
        if number % 8 == 7:
            signal[at + 20 + number % 60 :] += FULL_SCALE * (1 if number % 16 == 7 else -1)
    return np.clip(signal, LOWEST, FULL_SCALE).astype(np.int32)


@cache
def signals() -> dict[str, Signal]:
    random = np.random.default_rng(8)
    quieter = random.integers(0, 20, 400).repeat(50)  # bits, anew every 200 ms
    bursts = random.integers(LOWEST, FULL_SCALE + 1, 20_000) >> quieter
    return {
        "real ECG": five_minutes(),
        "real ECG, 30 times as large": np.clip(
            five_minutes()[:15_000].astype(np.int64) * 30, LOWEST, FULL_SCALE
        ).astype(np.int32),
        "full-scale squares": squares(200),
        "squares that ring the narrow filter": squares(12),
        "squares that ring the wide filter": squares(32),
        "alternating extremes": squares(2),
        "extremes of pairs": squares(4),
        "upper rail": np.full(3000, FULL_SCALE, dtype=np.int32),
        "lower rail": np.full(3000, LOWEST, dtype=np.int32),
        "pulses beside steps": pulses_beside_steps(),
        "random": random.integers(LOWEST, FULL_SCALE + 1, 8000, dtype=np.int32),
        "random bursts of any size": bursts.astype(np.int32),
    }


@pytest.fixture
def checked() -> Checked:
    return Checked(firmware_dir())


@pytest.fixture(scope="module")
def board(micropython: str) -> Iterator[Board]:
    with Board() as ready:
        yield ready


def checked_beats(checked: Checked, codes: Signal, rate: int) -> list[tuple[int, ...]]:
    module = checked.module(DETECTOR_MODULE)
    detector = module.Detector(rate, NV_PER_CODE)
    beats, _ = feed(detector, module.STRIDE, codes, int(rate * BLOCK_S), None)
    return sorted(beat for beat in beats if beat[0] - beat[1] >= 0)


def board_beats(board: Board, codes: Signal, rate: int) -> list[tuple[int, ...]]:
    found = board.detect(Codes(codes, [len(codes)], rate, 1.0, 0), int(rate * BLOCK_S))
    columns = zip(
        (found.peak + found.ago).tolist(), found.ago.tolist(), found.amplitude_uv.tolist(),
        found.width_ms.tolist(), found.confidence.tolist(), found.flags.tolist(),
        found.shape.tolist(), strict=True,
    )  # fmt: skip
    return sorted(beat for beat in columns if beat[0] <= len(codes))


def stated() -> dict[tuple[str, str], float]:
    """The README's table: (module, function) -> bound."""
    text = (firmware_dir() / "monitor/detector/README.md").read_text(encoding="utf-8")
    rows = [match for line in text.splitlines() if (match := ROW.match(line))]
    return {(row[1], row[2]): 2.0 ** float(row[3]) for row in rows}


@pytest.mark.parametrize("name", signals())
def test_no_intermediate_outgrows_its_bound(name: str, checked: Checked, board: Board) -> None:
    codes = signals()[name]
    beats = checked_beats(checked, codes, 250)
    assert beats == board_beats(board, codes, 250)
    if name == "real ECG":
        assert len(beats) > 450
    within_what_is_stated(checked)


@pytest.mark.parametrize("rate", [125, 500, 1000])
def test_nor_at_other_rates(rate: int, checked: Checked, board: Board) -> None:
    for codes in (five_minutes(rate)[: 60 * rate], squares(2), squares(200)):
        assert checked_beats(checked, codes, rate) == board_beats(board, codes, rate)
    within_what_is_stated(checked)


def test_nor_after_nine_hours(checked: Checked) -> None:
    """Just before all times are moved back they are at their largest."""
    module = checked.module(DETECTOR_MODULE)
    detector = module.Detector(250, NV_PER_CODE)
    detector._s[32] = (1 << 22) - 64 * 60  # ticks: half a minute is left
    detector._restart()
    beats, _ = feed(detector, module.STRIDE, five_minutes()[:15_000], 8, None)
    assert len(beats) > 90
    assert 4096 <= detector._s[32] < 1 << 13  # and they were moved
    within_what_is_stated(checked)


def within_what_is_stated(checked: Checked) -> None:
    bounds = stated()
    assert max(bounds.values()) <= LIMIT
    for (module, function), lines in checked.largest.items():
        key = module.rpartition(".")[2], function
        assert key in bounds, f"the README states no bound for {key}"
        line, largest = max(lines.items(), key=lambda item: item[1], default=(0, 0))
        assert largest <= bounds[key], f"{key}, line {line}: {largest} is more than stated"


PROBE = """
import micropython

@micropython.viper
def product(a: int, b: int) -> int:
    a *= b
    return a

@micropython.viper
def shifted(a: int, b: int) -> int:
    return a >> b

@micropython.viper
def second(p: ptr32, q: ptr8, i: int) -> int:
    p = ptr32(int(p) + 4)
    q[i] = p[i]
    return p[i]
"""


def test_what_is_too_large_is_found(tmp_path: Path) -> None:
    (tmp_path / "probe.py").write_text(PROBE)
    checked = Checked(tmp_path)
    probe = checked.module("probe")
    assert probe.product(1 << 15, -1 << 15) == -LIMIT
    assert checked.largest["probe", "product"] == {4: 1 << 15, 6: LIMIT}
    with pytest.raises(BoundsError, match=r"probe.py, product, line 6: .* is beyond 2\^30"):
        probe.product(1 << 15, (1 << 15) + 1)
    with pytest.raises(BoundsError, match="shift by 32 bits"):
        probe.shifted(1, 32)
    with pytest.raises(BoundsError, match="shift by -1 bits"):
        probe.shifted(1, -1)


def test_a_value_or_an_index_that_a_buffer_does_not_hold_is_found(tmp_path: Path) -> None:
    (tmp_path / "probe.py").write_text(PROBE)
    second = Checked(tmp_path).module("probe").second
    words, octets = array("i", [-1, 200, 300]), bytearray(2)
    assert second(words, octets, 0) == 200
    assert octets[0] == 200
    with pytest.raises(BoundsError, match=r"probe.py, second: byte must be in range"):
        second(words, octets, 1)
    with pytest.raises(BoundsError, match="out of range"):
        second(words, octets, 2)
    with pytest.raises(BoundsError, match="before its first"):
        second(words, octets, -2)
