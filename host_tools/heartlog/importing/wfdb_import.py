"""Reads a WFDB record with its beat annotations (PhysioNet's formats).

Annotation symbols become kinds of beats as the AAMI groups them: N L R B e j n as normal,
A a J S as premature (supraventricular), V E r as wide (ventricular), F as fusion, / and f as
paced, Q and ? as unclassified. Rhythm and remark annotations are kept as notes.
"""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import wfdb

from heartlog.importing.common import Channel, ImportedTest, ImportProblem
from heartlog.store.types import BeatKind

SYMBOLS: dict[str, BeatKind] = {
    **dict.fromkeys("NLRBejn", BeatKind.NORMAL),
    **dict.fromkeys("AaJS", BeatKind.PREMATURE),
    **dict.fromkeys("VEr", BeatKind.WIDE),
    "F": BeatKind.FUSION,
    **dict.fromkeys("/f", BeatKind.PACED),
    **dict.fromkeys("Q?", BeatKind.UNCLASSIFIED),
}
ANNOTATORS = ("atr", "qrs", "ecg", "ann")


def read_wfdb(
    path: Path, annotator: str | None = None, started_at: float | None = None
) -> ImportedTest:
    """Read record `path` (with or without .hea); beats from `annotator` or the first found."""
    stem = path.with_suffix("") if path.suffix in (".hea", ".dat") else path
    if not stem.with_name(stem.name + ".hea").exists():
        raise ImportProblem(
            f"{stem} is no WFDB record: {stem.name}.hea is missing.",
            "Name the record without its extension, with .hea and .dat in one folder.",
        )
    try:
        record = wfdb.rdrecord(str(stem), physical=False)
    except Exception as problem:
        raise ImportProblem(
            f"{stem}.hea or its signal file can't be read ({problem}).",
            "The file may be cut short: copy it again.",
        ) from problem
    annotation, found = _annotation(stem, annotator)
    rate = float(record.fs)
    start, known = _start(record, started_at)
    channels = [_channel(record, i) for i in range(int(record.n_sig or 0))]
    samples, kinds, notes = _beats(annotation)
    peaks = _amplitudes(channels[0], samples) if channels else None
    return ImportedTest(
        source=f"wfdb {stem.name}" + (f" ({found})" if found else ""),
        rate=rate,
        started_at=start,
        time_known=known,
        samples=samples,
        kinds=kinds,
        amplitude_uv=peaks,
        channels=channels,
        notes=notes,
        lead=", ".join(c.name for c in channels),
        remarks="; ".join(str(c).strip() for c in (record.comments or [])),
    )


def _annotation(stem: Path, wanted: str | None) -> tuple[Any, str]:
    names = (wanted,) if wanted else ANNOTATORS
    for name in names:
        if stem.with_name(f"{stem.name}.{name}").exists():
            try:
                return wfdb.rdann(str(stem), name), name
            except Exception as problem:
                raise ImportProblem(
                    f"{stem}.{name} can't be read ({problem}).", "Copy the file again."
                ) from problem
    if wanted:
        raise ImportProblem(f"There is no {stem.name}.{wanted}.", "Name another --annotator.")
    return None, ""


def _start(record: Any, given: float | None) -> tuple[float, bool]:
    if given is not None:
        return given, True
    if record.base_datetime is not None:
        return record.base_datetime.replace(tzinfo=dt.UTC).timestamp(), True
    time = record.base_time or dt.time(0)
    midnight = dt.datetime.combine(dt.date(2000, 1, 1), time, tzinfo=dt.UTC)
    return midnight.timestamp(), False


def _channel(record: Any, i: int) -> Channel:
    gain = float(record.adc_gain[i]) or 200.0
    unit = str(record.units[i] or "mV").lower()
    per_mv = gain if unit == "mv" else gain * {"uv": 1000.0, "v": 0.001}.get(unit, 1.0)
    codes = record.d_signal[:, i].astype(np.int64) - int(record.baseline[i])
    return Channel(
        str(record.sig_name[i] or f"channel {i + 1}"),
        float(record.fs),
        1e6 / per_mv,
        [(0, codes.astype(np.int32))],
    )


def _beats(
    annotation: Any,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8], list[tuple[int, str]]]:
    samples: list[int] = []
    kinds: list[int] = []
    notes: list[tuple[int, str]] = []
    if annotation is not None:
        aux = annotation.aux_note or [""] * len(annotation.sample)
        for at, symbol, text in zip(annotation.sample, annotation.symbol, aux, strict=True):
            kind = SYMBOLS.get(symbol)
            if kind is not None:
                samples.append(int(at))
                kinds.append(int(kind))
            elif symbol == "+" or text:
                notes.append((int(at), str(text).strip("\0 ") or symbol))
    return np.array(samples, np.int64), np.array(kinds, np.uint8), notes


def _amplitudes(channel: Channel, samples: npt.NDArray[np.int64]) -> npt.NDArray[np.int32] | None:
    """R-wave size in microvolts: the largest swing from the median of 200 ms around the beat."""
    codes = channel.runs[0][1]
    if len(samples) == 0 or len(codes) == 0:
        return None
    half = max(1, int(0.1 * channel.rate))
    near = max(1, int(0.05 * channel.rate))
    steps = np.arange(-half, half + 1)
    at = np.clip(samples[:, None] + steps, 0, len(codes) - 1)
    window = codes[at].astype(np.float64)
    window -= np.median(window, axis=1, keepdims=True)
    inner = window[:, half - near : half + near + 1]
    peak = np.take_along_axis(inner, np.abs(inner).argmax(axis=1)[:, None], axis=1)[:, 0]
    return np.asarray(np.abs(peak) * channel.nv_per_code / 1000.0, np.int32)
