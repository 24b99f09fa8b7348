"""What a sample costs on its way from DRDY to the detector: machine code, counted."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import NamedTuple

from heartlog.bench.sections import Context
from heartlog.image.places import firmware_dir
from heartlog.machine_code import ARCHITECTURES, Program

FRAMES = 32
PERIOD_US = 4000
SHAPES = ((1, 16), (2, 16), (2, 24), (4, 24), (8, 24))
"""Channels and bits of the family's frames."""


class Cost(NamedTuple):
    """Of one frame: instructions and cycles to store it, and to hand it on."""

    store: tuple[float, float]
    take: tuple[float, float]


def measure(architecture: str, channels: int, bits: int) -> Cost:
    """Stores and takes frames of one shape in the firmware's ring."""
    program = Program(architecture, firmware_dir())
    core = program.module("monitor.sampler_core")
    cpu = program.processor
    state = array("i", bytes(4 * core.STATES))
    ring = array("i", bytes(4 * (FRAMES + 2) * (channels + 2)))
    status_bytes = 2 if bits == 16 and channels < 3 else 3
    for place, value in (
        (core.CAPACITY, FRAMES + 2),
        (core.CHANNELS, channels),
        (core.SAMPLE_BYTES, bits // 8),
        (core.STATUS_BYTES, status_bytes),
        (core.SYNC_MASK, 0xF00000),
        (core.SYNC, 0xC00000),
        (core.PERIOD, 16 * PERIOD_US),
        (core.FOLLOW, 16 * PERIOD_US >> 8),
    ):
        state[place] = value
    frame = bytearray(b"\xc0" + bytes(status_bytes - 1 + channels * bits // 8))
    out = array("i", bytes(4 * FRAMES))
    cpu.instructions = cpu.cycles = 0
    for k in range(FRAMES):
        core.store(frame, ring, state, k * PERIOD_US)
    store = cpu.instructions / FRAMES, cpu.cycles / FRAMES
    cpu.instructions = cpu.cycles = 0
    core.run_length(ring, state, FRAMES)
    for word in range(1, channels + 2):
        core.column(ring, state, out, FRAMES << 8 | word)
    return Cost(store, (cpu.instructions / FRAMES, cpu.cycles / FRAMES))


def cost(_context: Context) -> Iterator[str]:
    """A row for each architecture and shape of frame."""
    yield f"{'':<12}{'frame':>12}{'store':>16}{'take':>16}   instructions (/ Cortex-M0+ cycles)"
    for architecture in ARCHITECTURES:
        for channels, bits in SHAPES:
            found = measure(architecture, channels, bits)
            store, take = (
                f"{instructions:.0f}" + (f" / {cycles:.0f}" if cycles else "")  # Cortex-M0+ only
                for instructions, cycles in found
            )
            yield f"{architecture:<12}{f'{channels} x {bits} bit':>12}{store:>16}{take:>16}"
