"""Resampling and scaling: what the detector is fed is the record, at the right time and size."""

import numpy as np
import pytest

from heartlog.evaluation.signal import (
    FULL_SCALE,
    NV_PER_CODE,
    RATES,
    choose_rate,
    resample,
    to_codes,
)


def test_a_code_is_48_nanovolts() -> None:
    assert pytest.approx(48.08, abs=0.005) == NV_PER_CODE
    codes = to_codes(np.full(360, 1.0), 360, 250)
    assert set(codes.codes.tolist()) == {round(1e6 / NV_PER_CODE)}


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("fs", [128, 200, 250, 256, 257, 360, 500, 1000, 128.5])
def test_a_sine_keeps_time_size_and_shape(fs: float, rate: int) -> None:
    frequency = 10.0
    at = np.arange(round(8 * fs)) / fs
    codes = to_codes(np.sin(2 * np.pi * frequency * at), fs, rate)
    times = np.arange(len(codes.codes)) * codes.step / fs
    assert len(codes.codes) == pytest.approx(8 * rate, abs=2)
    expected = np.sin(2 * np.pi * frequency * times) * 1e6 / NV_PER_CODE
    middle = slice(rate, -rate)  # the ends are continued as constants, which a sine is not
    error = np.abs(codes.codes - expected)[middle].max() * NV_PER_CODE / 1e6
    assert error < 0.002, "of an amplitude of 1 mV"


def test_what_is_above_half_the_rate_is_gone() -> None:
    at = np.arange(20 * 1000) / 1000
    alias = resample(np.sin(2 * np.pi * 70 * at), 1, 8)  # to 125/s: 70 Hz would read 55 Hz
    assert np.abs(alias[125:-125]).max() < 2e-4
    kept = resample(np.sin(2 * np.pi * 50 * at), 1, 8)
    assert np.std(kept[125:-125]) == pytest.approx(0.5**0.5, abs=0.002)


@pytest.mark.parametrize("rate", RATES)
def test_an_index_maps_back_to_its_sample(rate: int) -> None:
    signal = np.zeros(3600)
    signal[1795:1806] = np.hanning(11)
    codes = to_codes(signal, 360, rate)
    peak = codes.to_record(np.array([int(np.argmax(codes.codes))]))
    assert abs(int(peak[0]) - 1800) <= max(1, 360 / rate / 2)


def test_missing_samples_are_gaps_and_dropouts_are_bridged() -> None:
    signal = np.ones(3600)
    signal[360:720] = np.nan  # a second
    signal[1800:1805] = np.nan  # 14 ms
    codes = to_codes(signal, 360, 250)
    assert codes.runs == [250, 250, 2000]
    assert sum(codes.runs) == len(codes.codes)
    assert np.ptp(codes.codes) == 0
    leading = to_codes(np.concatenate([np.full(360, np.nan), np.ones(360)]), 360, 250)
    assert leading.runs == [0, 250, 250]
    assert to_codes(np.full(720, np.nan), 360, 250).runs == [0, 500]


def test_beyond_full_scale_is_clipped_and_counted() -> None:
    signal = np.zeros(2500)
    signal[1000:1500] = 1000.0
    signal[2000:2500] = -1000.0
    codes = to_codes(signal, 250, 250)
    assert codes.codes.max() == FULL_SCALE
    assert codes.codes.min() == -FULL_SCALE - 1
    assert codes.clipped == 1000


@pytest.mark.parametrize(
    ("asked", "used"), [(1, 125), (125, 125), (126, 250), (250, 250), (360, 500), (8000, 1000)]
)
def test_the_next_rate_up_serves(asked: int, used: int) -> None:
    assert choose_rate(asked) == used
