"""WFDB: header, signals (format 32, lossless) and annotations of every beat.

Where the session's ECG is a few strips in days of beats, the record has annotations only and
each strip is a record of its own (`NAME_s001` ...), since WFDB's padding would fill the disk.
"""

from pathlib import Path

import numpy as np
import wfdb

from heartlog.export.common import LETTERS, ExportData, PlacedRun, iso, lead_name, padded
from heartlog.export.spelling import plain_ascii
from heartlog.store import BeatKind

INVALID = -(2**31)
"""WFDB's mark for "no sample" in format 32."""
MAX_PADDED = 60_000_000
"""Samples a channel that are padded at most: 66 hours at 250/s."""


def write_wfdb(data: ExportData, folder: Path) -> list[Path]:
    """Write NAME.hea, NAME.dat and NAME.atr; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    channels = sorted({p.run.channel for p in data.runs})
    dense = channels and (
        data.length <= MAX_PADDED
        and sum(len(p.run.codes) for p in data.runs) * 4 >= data.length * len(channels)
    )
    if dense:
        signals = np.column_stack([padded(data, c, 0, data.length, INVALID) for c in channels])
        files += _record(data, data.name, signals, [_run_of(data, c) for c in channels], folder, 0)
    else:
        files.append(_bare_header(data, folder))
        for number, placed in enumerate(data.runs, 1):
            codes = placed.run.codes[:, None]
            name = f"{data.name}_s{number:03d}"
            files += _record(data, name, codes, [placed], folder, placed.first)
    if len(data.beat_samples):
        _annotations(data, data.name, folder, 0, data.length)
        files.append(folder / f"{data.name}.atr")
    return files


def _run_of(data: ExportData, channel: int) -> PlacedRun:
    return next(p for p in data.runs if p.run.channel == channel)


def _comments(data: ExportData) -> list[str]:
    p = data.patient
    lines = [f"Heartlog {data.version}, exported {iso(data.generated_at)}"]
    if p is not None:
        sex = p.sex or "unknown"
        lines.append(f"patient {p.identifier} sex {sex}")
    if data.deidentified:
        lines.append("de-identified: dates shifted, identifiers replaced")
    lines += [
        f"gap at {iso(g.at)} {g.seconds:.3f} s: {g.reason}" for g in data.analysis.quality.gaps
    ]
    return [plain_ascii(line, "?") for line in lines]


def _record(
    data: ExportData,
    name: str,
    signals: np.ndarray,
    runs: list[PlacedRun],
    folder: Path,
    first: int,
) -> list[Path]:
    import datetime as dt

    start = dt.datetime.fromtimestamp(data.start + first / data.rate, dt.UTC)
    wfdb.wrsamp(
        name,
        fs=data.rate,
        units=["mV"] * len(runs),
        sig_name=[lead_name(data, p.run.channel) for p in runs],
        d_signal=signals.astype(np.int32),
        fmt=["32"] * len(runs),
        adc_gain=[1e6 / p.run.nv_per_code for p in runs],
        baseline=[0] * len(runs),
        comments=_comments(data),
        base_time=start.time(),
        base_date=start.date(),
        write_dir=str(folder),
    )
    return [folder / f"{name}.hea", folder / f"{name}.dat"]


def _bare_header(data: ExportData, folder: Path) -> Path:
    """Write a header without signals: the record is its annotations."""
    import datetime as dt

    start = dt.datetime.fromtimestamp(data.start, dt.UTC)
    path = folder / f"{data.name}.hea"
    stamp = start.strftime("%H:%M:%S.%f")[:-3] + start.strftime(" %d/%m/%Y")
    lines = [f"{data.name} 0 {data.rate:g} {data.length} {stamp}"]
    lines += [f"# {comment}" for comment in _comments(data)]
    path.write_text("\n".join(lines) + "\n", encoding="ascii", errors="replace")
    return path


def _annotations(data: ExportData, name: str, folder: Path, first: int, stop: int) -> None:
    rows: list[tuple[int, str, str]] = []
    kinds = data.timeline.beats["kind"]
    letters = [LETTERS.get(BeatKind(k), "Q") for k in range(len(BeatKind))]
    for at, kind in zip(data.beat_samples.tolist(), kinds.tolist(), strict=True):
        rows.append((at, letters[kind], ""))
    for note in data.timeline.of("note"):
        text = str(note.fields.get("text") or "")
        if text:
            symbol = "+" if text.startswith("(") else '"'
            rows.append((data.sample_at(note.time), symbol, text))
    rows += [(data.sample_at(e.at), '"', f"event {e.what}") for e in data.events]
    rows += [
        (data.sample_at(g.at), '"', f"gap {g.seconds:.3f} s: {g.reason}")
        for g in data.analysis.quality.gaps
    ]
    rows.sort(key=lambda r: r[0])
    wfdb.wrann(
        name,
        "atr",
        np.array([max(0, r[0] - first) for r in rows], np.int64),
        symbol=[r[1] for r in rows],
        aux_note=[plain_ascii(r[2], "?") for r in rows],  # wfdb keeps a byte of each character
        fs=data.rate,
        write_dir=str(folder),
    )
