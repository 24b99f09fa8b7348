"""A WFDB record made here, and the small detector that tests run apart from the product's."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import wfdb

from heartlog.evaluation.board import Board

SMALL_FIRMWARE = Path(__file__).parent / "firmware"


def pulses(seconds: float, fs: float, beats: list[float], height_mv: float = 1.0) -> np.ndarray:
    """A smooth pulse (triangle of 60 ms, rounded) at each time in seconds; millivolts."""
    at = np.arange(round(seconds * fs)) / fs
    signal = np.zeros(len(at))
    for beat in beats:
        signal += height_mv * np.exp(-(((at - beat) / 0.012) ** 2) / 2)
    return signal


@pytest.fixture
def write_record(tmp_path: Path) -> Callable[..., Path]:
    """Writes a record with one channel (or more) and reference beats; returns its path."""

    def write(
        name: str = "made",
        fs: float = 360,
        seconds: float = 20,
        beats: list[float] | None = None,
        signal: np.ndarray | None = None,
        units: tuple[str, ...] = ("mV",),
        annotate: bool = True,
    ) -> Path:
        beats = (
            [0.5 + 0.8 * i for i in range(int((seconds - 1) / 0.8))] if beats is None else beats
        )
        values = pulses(seconds, fs, beats) if signal is None else signal
        columns = np.tile(values[:, None], (1, len(units)))
        wfdb.wrsamp(
            name, fs, list(units), [f"lead{i}" for i in range(len(units))], columns,
            fmt=["16"] * len(units), adc_gain=[1000.0] * len(units),
            baseline=[0] * len(units), write_dir=str(tmp_path),
        )  # fmt: skip
        if annotate and beats:
            samples = np.array([round(beat * fs) for beat in beats])
            symbols = np.full(len(samples), "N")
            wfdb.wrann(name, "atr", samples, symbol=symbols, fs=fs, write_dir=str(tmp_path))
        return tmp_path / name

    return write


@pytest.fixture
def small_board(micropython: str) -> Iterator[Board]:
    with Board(SMALL_FIRMWARE) as board:
        yield board
