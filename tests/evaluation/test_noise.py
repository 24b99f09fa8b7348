"""Noise-stress records: where the noise is, and how much."""

from pathlib import Path

import numpy as np
import pytest
import wfdb

from heartlog.errors import CommandError
from heartlog.evaluation.noise import noise_level, noisy, qrs_amplitude, stress
from heartlog.evaluation.records import Recording, Reference, find, read

FS = 360.0


def ecg(seconds: float, height: float = 2.0) -> Recording:
    beats = np.arange(200, round(seconds * FS) - 200, 300)
    signal = np.zeros(round(seconds * FS))
    signal[beats] = height
    return Recording("118", "MLII", FS, signal, Reference(beats, np.full(len(beats), "R")))


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    values = 0.1 * np.random.default_rng(3).standard_normal((20 * 360, 1))
    wfdb.wrsamp("em", FS, ["mV"], ["noise"], values, fmt=["16"], write_dir=str(tmp_path))
    return tmp_path / "em"


def test_the_ratio_is_that_asked_for(noise: Path) -> None:
    clean = ecg(1000)
    made = list(stress(clean, noise, 0))
    assert [m.name for m in made] == ["118e24", "118e18", "118e12", "118e06", "118e00", "118e_6"]
    assert qrs_amplitude(clean) == pytest.approx(2.0)
    on = noisy(len(clean.millivolts), FS)
    for record, snr in zip(made, (24, 18, 12, 6, 0, -6), strict=True):
        added = record.millivolts - clean.millivolts
        assert np.all(added[~on] == 0)
        power = 2.0**2 / 8 / np.var(added[on])
        assert 10 * np.log10(power) == pytest.approx(snr, abs=0.3)
        assert record.reference is clean.reference


def test_five_minutes_clean_then_two_by_two() -> None:
    on = noisy(round(30 * 60 * FS), FS)
    edges = np.flatnonzero(np.diff(on.astype(int))) + 1
    assert (edges / FS / 60).tolist() == [5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29]


def test_a_short_noise_begins_again_and_the_level_is_that_about_the_mean(noise: Path) -> None:
    long = next(iter(stress(ecg(700), noise, 0, [0])))
    assert len(long.millivolts) == 700 * FS
    values = 5.0 + np.tile([0.3, -0.3], 3600)
    assert noise_level(values, FS) == pytest.approx(0.3)


def test_what_cannot_be_stressed_is_named(noise: Path) -> None:
    with pytest.raises(CommandError, match="60 s long; noise begins at 300 s"):
        next(iter(stress(ecg(60), noise, 0)))
    bare = Recording("x", "I", FS, ecg(400).millivolts, None)
    with pytest.raises(CommandError, match="no reference annotations"):
        next(iter(stress(bare, noise, 0)))
    paced = ecg(400)
    assert paced.reference is not None
    only = Reference(paced.reference.samples, np.full(len(paced.reference.samples), "/"))
    with pytest.raises(CommandError, match="no supraventricular beat"):
        next(iter(stress(Recording("x", "I", FS, paced.millivolts, only), noise, 0)))


def test_the_records_of_the_database(ecg_dir: Path) -> None:
    """A simple measure of the ECG itself: 118's QRS are some 2 mV, its em noise some 0.2 mV."""
    record = read(find(["118"], ecg_dir / "mitdb")[0])
    assert 1.0 < qrs_amplitude(record) < 3.5
    worst = next(iter(stress(record, ecg_dir / "nstdb" / "em", 0, [-6])))
    assert np.std(worst.millivolts) > 2 * np.std(record.millivolts)
