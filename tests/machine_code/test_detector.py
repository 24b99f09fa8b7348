"""The detector as machine code: the same beats on every architecture, no runtime calls, its cost.

x64 runs in MicroPython itself; the boards' architectures run in Unicorn.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from heartlog.evaluation.board import BLOCKS_PER_SECOND, DETECTOR_MODULE, Board
from heartlog.evaluation.signal import FULL_SCALE, NV_PER_CODE, Codes
from heartlog.image.places import firmware_dir
from heartlog.machine_code import ARCHITECTURES, Program
from heartlog.machine_code.cost import Beat, Cost, feed, five_minutes, measure

RATE = 250
BLOCK = int(RATE / BLOCKS_PER_SECOND)

# Ratchets over the five minutes of 208: mean Thumb-1 instructions a sample, those of the costliest
# block, and the estimated Cortex-M0+ cycles. Lower them when the detector gets leaner.
MEAN_INSTRUCTIONS, WORST_INSTRUCTIONS, MEAN_CYCLES = 295, 2500, 445


def squares(period: int, high: int = FULL_SCALE, low: int = -FULL_SCALE - 1) -> NDArray[np.int32]:
    return np.where(np.arange(4000) % period < period // 2, high, low).astype(np.int32)


@cache
def signals() -> dict[str, NDArray[np.int32]]:
    random = np.random.default_rng(8)
    steps = random.integers(-200_000, 200_001, 4000)
    return {
        "real ECG": five_minutes()[:30_000],
        "real ECG, 30 times as large": np.clip(
            five_minutes()[:8000] * 30, -FULL_SCALE - 1, FULL_SCALE
        ).astype(np.int32),
        "full-scale squares": squares(200),
        "fast full-scale squares": squares(25),
        "alternating extremes": squares(2),
        "upper rail": np.full(3000, FULL_SCALE, dtype=np.int32),
        "lower rail": np.full(3000, -FULL_SCALE - 1, dtype=np.int32),
        "rail, then ECG, then rail": np.concatenate(
            [squares(2)[:500], five_minutes()[:5000], np.full(1000, -FULL_SCALE - 1)]
        ).astype(np.int32),
        "random": random.integers(-FULL_SCALE - 1, FULL_SCALE + 1, 4000, dtype=np.int32),
        "random walk": np.clip(np.cumsum(steps), -FULL_SCALE - 1, FULL_SCALE).astype(np.int32),
    }


def on_processor(architecture: str, codes: NDArray[np.int32], watch: bool = False) -> list[Beat]:
    program = Program(architecture, firmware_dir(), watch=watch)
    module = program.module(DETECTOR_MODULE)
    detector = module.Detector(RATE, NV_PER_CODE)
    return feed(detector, module.STRIDE, codes, BLOCK, program)[0]


def in_micropython(board: Board, codes: NDArray[np.int32]) -> list[Beat]:
    found = board.detect(Codes(codes, [len(codes)], RATE, 1.0, 0), BLOCK)
    columns = zip(
        (found.peak + found.ago).tolist(), found.ago.tolist(), found.amplitude_uv.tolist(),
        found.width_ms.tolist(), found.confidence.tolist(), found.flags.tolist(),
        found.shape.tolist(), strict=True,
    )  # fmt: skip
    return sorted(beat for beat in columns if beat[0] <= len(codes))


@pytest.fixture(scope="module")
def board(micropython: str) -> Iterator[Board]:
    with Board() as ready:
        yield ready


@pytest.mark.parametrize("name", signals())
def test_every_architecture_delivers_the_same_beats(name: str, board: Board) -> None:
    codes = signals()[name]
    expected = in_micropython(board, codes)
    for architecture in ARCHITECTURES:
        beats = sorted(b for b in on_processor(architecture, codes) if b[0] - b[1] >= 0)
        assert beats == expected, f"{architecture} differs from x64 on {name}"
    if name == "real ECG":
        assert len(expected) > 150


@pytest.mark.parametrize("name", ["real ECG", "alternating extremes", "random"])
def test_no_load_or_store_beside_its_buffers(name: str) -> None:
    codes = signals()[name][:3000]
    assert on_processor("armv6m", codes, watch=True) == on_processor("armv6m", codes)


@pytest.fixture(scope="module")
def cost() -> Cost:
    return measure("armv6m", five_minutes())


def test_it_calls_nothing_of_the_runtime_but_conversions_and_division(cost: Cost) -> None:
    allowed = {"native_from_obj", "native_to_obj", "arg_check_num_sig"}
    divisions = {"small_int_floor_divide", "small_int_modulo"}
    assert set(cost.helpers_per_block) <= allowed | divisions
    assert sum(cost.helpers_per_block.get(d, 0) for d in divisions) < 1.0


def test_cost_does_not_rise(cost: Cost) -> None:
    assert cost.samples == 75_000
    assert cost.instructions < MEAN_INSTRUCTIONS
    assert cost.worst_instructions < WORST_INSTRUCTIONS
    assert cost.instructions < cost.cycles < MEAN_CYCLES
