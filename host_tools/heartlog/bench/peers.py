"""Other detectors that install from PyPI (`pip install "heartlog[bench]"`), by one interface.

Each takes millivolts and samples/s and gives the sample numbers of its beats. They see the record
as it is, at its own rate and whole, and may look both ways in time; the firmware's detector does
neither.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Millivolts = NDArray[np.float64]
Beats = NDArray[np.int64]


@dataclass(frozen=True)
class Peer:
    """One detector: its name in tables, the package that must be installed, the function."""

    name: str
    package: str
    run: Callable[[Millivolts, float], object]

    @property
    def missing(self) -> bool:
        """Whether its package is not installed."""
        return importlib.util.find_spec(self.package) is None

    def detect(self, millivolts: Millivolts, fs: float) -> Beats:
        """Its beats, ascending; none where it gives up."""
        quiet = contextlib.redirect_stdout(io.StringIO())
        with warnings.catch_warnings(), quiet:
            warnings.simplefilter("ignore")
            try:
                found = self.run(np.nan_to_num(millivolts), fs)
            except (ValueError, IndexError, ZeroDivisionError):
                found = []  # some fail on signals that they don't expect
        return np.unique(np.asarray(found, dtype=np.float64)).astype(np.int64)


def _xqrs(millivolts: Millivolts, fs: float) -> object:
    from wfdb.processing import xqrs_detect

    return xqrs_detect(sig=millivolts, fs=fs, verbose=False)


def _gqrs(millivolts: Millivolts, fs: float) -> object:
    from wfdb.processing import gqrs_detect

    return gqrs_detect(sig=millivolts, fs=fs, adc_gain=200, adc_zero=0)


def _sleepecg(millivolts: Millivolts, fs: float) -> object:
    from sleepecg import detect_heartbeats

    return detect_heartbeats(millivolts, fs)


def _pan_tompkins(millivolts: Millivolts, fs: float) -> object:
    from ecgdetectors import Detectors

    return Detectors(fs).pan_tompkins_detector(millivolts)


def _hamilton(millivolts: Millivolts, fs: float) -> object:
    from ecgdetectors import Detectors

    return Detectors(fs).hamilton_detector(millivolts)


def _neurokit(millivolts: Millivolts, fs: float) -> object:
    import neurokit2

    clean = neurokit2.ecg_clean(millivolts, sampling_rate=int(fs))
    return neurokit2.ecg_peaks(clean, sampling_rate=int(fs))[1]["ECG_R_Peaks"]


PEERS = (
    Peer("gqrs (wfdb)", "wfdb", _gqrs),
    Peer("xqrs (wfdb)", "wfdb", _xqrs),
    Peer("sleepecg", "sleepecg", _sleepecg),
    Peer("Pan-Tompkins (py-ecg-detectors)", "ecgdetectors", _pan_tompkins),
    Peer("Hamilton (py-ecg-detectors)", "ecgdetectors", _hamilton),
    Peer("neurokit2", "neurokit2", _neurokit),
)
