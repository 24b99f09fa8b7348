"""Noise-stress records, as WFDB's `nst` makes those of the MIT-BIH Noise Stress Test Database.

Noise is added from 5:00 on, two minutes with and two minutes without by turns. Its gain comes
from the record's own QRS amplitude (Moody, Muldrow, Mark: A noise stress test for arrhythmia
detectors. Computers in Cardiology 1984; 11:381-384; and the manual page nst(1)):

    SNR = 10 log10(S / (N a^2)),  S = A^2 / 8,  N = R^2

A is the mean peak-to-peak amplitude of the first 300 supraventricular beats, each measured from
50 ms before to 50 ms after its annotation; R is the mean of the RMS of the first 300 one-second
pieces of noise, each about its own mean. Of both the largest and the smallest 5 % are left out.
The noise record runs along with the ECG from its first sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heartlog.errors import CommandError
from heartlog.evaluation.records import Recording, Source, find, read
from heartlog.evaluation.signal import fit_rate

SNRS = (24, 18, 12, 6, 0, -6)
"""dB, as in the MIT-BIH Noise Stress Test Database."""
SUPRAVENTRICULAR = "NLRBAaJSejn"
"""Beats conducted from above, which count as normal here: 118 has right bundle branch block."""
START_S, PERIOD_S = 300, 120
MEASURED, TRIMMED = 300, 0.05
QRS_HALF_S = 0.05


def stress(
    recording: Recording, noise: Path, channel: int, snrs: Sequence[int] = SNRS
) -> Iterator[Recording]:
    """The recording with noise at each signal-to-noise ratio; names as 118e24, 118e_6.

    Raises CommandError when the recording has no reference, or is too short to be stressed.
    """
    if recording.reference is None:
        raise CommandError(
            f"Record {recording.name} has no reference annotations, so its QRS amplitude, and with"
            " it the noise, can't be set.",
            "Stress records that are annotated, such as 118 and 119 of the MIT-BIH database.",
        )
    if recording.seconds <= START_S:
        raise CommandError(
            f"Record {recording.name} is {recording.seconds:.0f} s long; noise begins at"
            f" {START_S} s.",
            "Stress a longer record.",
        )
    source = find([str(noise)])[0]
    added = _noise(source, recording, channel)
    amplitude = qrs_amplitude(recording)
    level = noise_level(added, recording.fs)
    on = noisy(len(recording.millivolts), recording.fs)
    for snr in snrs:
        gain = np.sqrt(amplitude**2 / 8 / level**2 / 10 ** (snr / 10))
        yield replace(
            recording,
            name=f"{recording.name}{source.name[:1]}{f'_{-snr}' if snr < 0 else f'{snr:02d}'}",
            millivolts=recording.millivolts + np.where(on, gain * added, 0.0),
        )


def noisy(length: int, fs: float) -> NDArray[np.bool_]:
    """Where noise is added, sample by sample."""
    seconds = np.arange(length) / fs - START_S
    return np.asarray((seconds >= 0) & (seconds // PERIOD_S % 2 == 0))


def qrs_amplitude(recording: Recording) -> float:
    """Trimmed mean of the peak-to-peak QRS amplitude, mV."""
    reference = recording.reference
    assert reference is not None
    half = round(QRS_HALF_S * recording.fs)
    beats = reference.samples[np.isin(reference.symbols, list(SUPRAVENTRICULAR))]
    if not len(beats):
        raise CommandError(
            f"Record {recording.name} has no supraventricular beat to measure.",
            "Stress another record.",
        )
    sizes = [
        np.nanmax(piece) - np.nanmin(piece)
        for sample in beats[:MEASURED].tolist()
        if np.isfinite(
            piece := recording.millivolts[max(0, sample - half) : sample + half + 1]
        ).any()
    ]
    return _trimmed_mean(sizes)


def noise_level(noise: NDArray[np.float64], fs: float) -> float:
    """Trimmed mean of the RMS about the mean in one-second pieces, mV."""
    length = round(fs)
    pieces = noise[: MEASURED * length]
    pieces = pieces[: len(pieces) // length * length].reshape(-1, length)
    return _trimmed_mean(np.std(pieces, axis=1).tolist())


def _trimmed_mean(values: Sequence[float]) -> float:
    ordered = np.sort(np.asarray(values))
    cut = int(len(ordered) * TRIMMED)
    return float(np.mean(ordered[cut : len(ordered) - cut]))


def _noise(source: Source, recording: Recording, channel: int) -> NDArray[np.float64]:
    """The noise at the recording's rate, from its beginning again where it is too short."""
    noise = read(source, channel)
    values = fit_rate(np.nan_to_num(noise.millivolts), noise.fs, recording.fs)
    return np.resize(values, len(recording.millivolts))
