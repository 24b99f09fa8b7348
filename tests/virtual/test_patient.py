"""What the patient's heart plays: records, units, resampling, and errors a person can meet."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import wfdb

from heartlog.errors import CommandError, NotFound
from virtual_board import patient


def record(
    folder: Path, signal: np.ndarray, units: list[str], rate: float = 360, name: str = "r"
) -> str:
    wfdb.wrsamp(
        name,
        fs=rate,
        units=units,
        sig_name=[f"lead{i}" for i in range(signal.shape[1])],
        p_signal=signal,
        fmt=["16"] * signal.shape[1],
        write_dir=str(folder),
    )
    return str(folder / name)


def test_demo_is_five_minutes_in_volts() -> None:
    heart = patient.load("demo", 2)
    assert heart.volts.shape == (108000, 2)
    assert (heart.rate, heart.seconds) == (360.0, 300.0)
    assert 0.5e-3 < heart.volts[:, 0].max() < 10e-3
    assert not heart.volts[:, 1].any()


def test_flat() -> None:
    assert not patient.load("flat", 2).resampled(500).any()


@pytest.mark.parametrize("rate", [125, 250, 500, 1000, 360])
def test_resampling_keeps_sines_where_they_are(tmp_path: Path, rate: int) -> None:
    """1, 10 and 30 Hz come out with their amplitude and phase; 170 Hz does not fold."""
    t = np.arange(3600) / 360
    wanted = sum(np.sin(2 * np.pi * f * t + f) for f in (1, 10, 30)) / 1000
    signal = np.column_stack([wanted, np.sin(2 * np.pi * 170 * t) / 1000])
    heart = patient.Heart("sines", 360.0, signal)
    got = heart.resampled(rate)
    assert got.dtype == np.float32
    assert abs(len(got) - 10 * rate) <= 1
    at = np.arange(len(got)) / rate
    true = sum(np.sin(2 * np.pi * f * at + f) for f in (1, 10, 30)) / 1000
    inner = slice(rate, -rate)
    assert np.abs(got[inner, 0] - true[inner]).max() < 20e-6
    if rate < 340:
        assert np.abs(got[inner, 1]).max() < 40e-6, "170 Hz folds into the band"


def test_units_and_missing_values(tmp_path: Path) -> None:
    signal = np.column_stack([np.linspace(-1, 1, 500), np.linspace(-1000, 1000, 500)])
    signal[100:110, 0] = np.nan
    heart = patient.load(record(tmp_path, signal, ["mV", "uV"]), 2)
    assert np.allclose(heart.volts[:, 1], signal[:, 1] * 1e-6, atol=1e-7)
    assert not heart.volts[100:110, 0].any()
    assert np.allclose(heart.volts[200:, 0], signal[200:, 0] * 1e-3, atol=1e-6)


def test_leads_are_filled_up_and_left_out(tmp_path: Path) -> None:
    signal = np.column_stack([np.linspace(-1, 1, 500)] * 3)
    name = record(tmp_path, signal, ["mV", "mmHg", "mV"])
    assert patient.load(name, 8).volts.shape == (500, 8)
    heart = patient.load(name + ".hea", 2)
    assert np.allclose(heart.volts[:, 0], heart.volts[:, 1]), "the pressure is no lead"
    only = record(tmp_path, signal[:, :1], ["mmHg"], name="pressure")
    with pytest.raises(CommandError, match=r"no signal in volts .*mmHg"):
        patient.load(only, 2)


def test_written_file(tmp_path: Path) -> None:
    heart = patient.load("demo", 2)
    path = tmp_path / "out.f32"
    frames = heart.write(path, 250)
    assert frames == 75000
    assert path.stat().st_size == 75000 * 2 * 4
    data = np.fromfile(path, "<f4").reshape(-1, 2)
    assert np.array_equal(data, heart.resampled(250))


def test_missing_record(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"There is no WFDB record .*nothing") as told:
        patient.load(str(tmp_path / "nothing"), 2)
    assert "without its extension" in told.value.hint


def test_missing_signal_file(tmp_path: Path) -> None:
    name = record(tmp_path, np.zeros((1000, 1)) + np.linspace(0, 1, 1000)[:, None], ["mV"])
    (tmp_path / "r.dat").unlink()
    with pytest.raises(NotFound, match="lacks a file that its header names"):
        patient.load(name, 2)


def test_truncated_record(tmp_path: Path) -> None:
    name = record(tmp_path, np.linspace(0, 1, 1000)[:, None], ["mV"])
    data = (tmp_path / "r.dat").read_bytes()
    (tmp_path / "r.dat").write_bytes(data[:900])
    with pytest.raises(CommandError, match="truncated"):
        patient.load(name, 2)


@pytest.mark.parametrize("text", ["", "hello", "\x00\xff\x00", "r 1 360 x\nr.dat 16"])
def test_not_wfdb(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.hea").write_text(text, encoding="latin-1")
    with pytest.raises(CommandError) as told:
        patient.load(str(tmp_path / "r"), 2)
    assert "r.hea" in told.value.message or "record" in told.value.message
    assert told.value.hint


def test_mit_bih(ecg_dir: Path, tmp_path: Path) -> None:
    heart = patient.load(str(ecg_dir / "mitdb" / "208"), 2)
    assert heart.volts.shape == (650000, 2)
    demo = patient.load("demo", 2)
    # The excerpt is channel 0 from sample 422820 on.
    assert np.allclose(heart.volts[422820:422920, 0], demo.volts[:100, 0], atol=6e-6)
    for suffix in ("hea", "dat"):
        shutil.copy(ecg_dir / "mitdb" / f"208.{suffix}", tmp_path)
    short = (tmp_path / "208.dat").read_bytes()[:100000]
    (tmp_path / "208.dat").write_bytes(short)
    with pytest.raises(CommandError, match="truncated"):
        patient.load(str(tmp_path / "208"), 2)
