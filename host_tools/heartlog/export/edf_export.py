"""EDF+C: one continuous file; where there is no ECG the signal is 0 and a gap is annotated.

Every beat is an annotation (`beat N rr=800`). The annotation channel is made as wide as the
fullest data record needs, so that no beat is lost at any heart rate. Formats: Kemp 1992 and 2003
(see `importing.edf_import`). Sessions with a few strips in days of beats keep their whole span:
days of zeros are written in blocks, never held in memory.
"""

import datetime as dt
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from heartlog.export.common import LETTERS, ExportData, PlacedRun, lead_name, padded
from heartlog.export.spelling import plain_ascii
from heartlog.store import AFTER_GAP, BeatKind

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
RAIL = 2**23 - 2
"""Codes of a front end that has nothing to measure (24 bits)."""
BLOCK = 600
"""Data records written at a time."""


def write_edf(data: ExportData, path: Path) -> list[Path]:
    """Write one EDF+C file."""
    channels = sorted({p.run.channel for p in data.runs})
    seconds = _record_seconds(data.rate) if channels else 60.0
    per_record = round(seconds * data.rate)
    base = math.floor(data.start)
    lead_in = data.start - base
    records = max(1, math.ceil((data.length / data.rate) / seconds))
    tals = _tals(data, records, seconds, lead_in)
    width = max(len(t) for t in tals)
    width += width % 2
    scales = [_scale(data, c) for c in channels]
    with path.open("wb") as file:
        file.write(_header(data, base, records, seconds, channels, scales, per_record, width // 2))
        for first in range(0, records, BLOCK):
            count = min(BLOCK, records - first)
            columns = [
                _digital(data, c, scale[2], first * per_record, count * per_record).reshape(
                    count, per_record
                )
                for c, scale in zip(channels, scales, strict=True)
            ]
            notes = b"".join(t.ljust(width, b"\0") for t in tals[first : first + count])
            annotation = np.frombuffer(notes, "<i2").reshape(count, width // 2)
            file.write(np.hstack([*columns, annotation]).astype("<i2").tobytes())
    return [path]


def _record_seconds(rate: float) -> float:
    """One second, or the shortest number of seconds that holds a whole number of samples."""
    for seconds in range(1, 61):
        if abs(rate * seconds - round(rate * seconds)) < 1e-9:
            return float(seconds)
    return 1.0


def _scale(data: ExportData, channel: int) -> tuple[float, float, float]:
    """Return (physical minimum, physical maximum in µV, codes per digital step).

    An open input lies at the front end's rail, 400 mV: a scale that holds it would give the whole
    session steps of 12 µV. What lies outside the scale is written as its end.
    """
    runs = [p for p in data.runs if p.run.channel == channel]
    nv = runs[0].run.nv_per_code
    codes = [p.run.codes.astype(np.int64) for p in runs]
    worn = [c[on] for c, p in zip(codes, runs, strict=True) if (on := _worn(data, p)).any()]
    peak = max(int(np.abs(c).max(initial=1)) for c in worn or codes)
    per_step = max(1.0, peak / 32_767.0)
    top = float(f"{32_767 * nv * per_step / 1000.0:.6g}")
    return -top, top, per_step


def _worn(data: ExportData, placed: PlacedRun) -> npt.NDArray[np.bool_]:
    """Which samples of a run are neither within a second of a loose electrode nor at the rail."""
    codes = placed.run.codes
    on: npt.NDArray[np.bool_] = np.abs(codes.astype(np.int64)) < RAIL
    for start, stop, why in data.analysis.quality.bad_spans:
        if why.startswith("lead off"):
            first = data.sample_at(start - 1.0) - placed.first
            last = data.sample_at(stop + 1.0) - placed.first
            on[max(0, first) : max(0, last)] = False
    return on


def _digital(
    data: ExportData, channel: int, per_step: float, first: int, count: int
) -> np.ndarray:
    codes = padded(data, channel, first, count, 0)
    return np.clip(np.round(codes / per_step), -32_767, 32_767).astype("<i2")


def _tals(data: ExportData, records: int, seconds: float, lead_in: float) -> list[bytes]:
    """Return each data record's annotation bytes: its own onset, then what happens in it."""
    texts: list[list[tuple[float, str]]] = [[] for _ in range(records)]

    def put(onset: float, text: str) -> None:
        at = min(records - 1, max(0, int(onset // seconds)))
        texts[at].append((onset, text))

    beats = data.timeline.beats
    for at, kind, rr, flags in zip(
        data.beat_samples.tolist(),
        beats["kind"].tolist(),
        beats["rr_ms"].tolist(),
        beats["flags"].tolist(),
        strict=True,
    ):
        known = 0 if flags & AFTER_GAP else round(rr)
        put(at / data.rate, f"beat {LETTERS[BeatKind(kind)]} rr={known}")
    for gap in data.analysis.quality.gaps:
        put(gap.at - data.start, f"gap {gap.seconds:.3f} s: {gap.reason}")
    for event in data.events:
        put(event.at - data.start, f"event {event.what}")
    for note in data.timeline.of("note"):
        if note.fields.get("text"):
            put(note.time - data.start, str(note.fields["text"]))
    for row in data.timeline.of("signal"):
        off = row.fields.get("electrodes_off")
        state = f"signal {row.fields.get('state_name', 'unknown')}"
        put(row.time - data.start, state + (f" ({off})" if off else ""))
    out: list[bytes] = []
    for i, found in enumerate(texts):
        parts = [_onset(i * seconds + lead_in) + b"\x14\x14\0"]
        for onset, text in sorted(found):
            safe = "".join(c if c.isprintable() else " " for c in text)
            parts.append(_onset(onset + lead_in) + b"\x14" + safe.encode() + b"\x14\0")
        out.append(b"".join(parts))
    return out


def _onset(seconds: float) -> bytes:
    return f"{seconds:+.4f}".rstrip("0").rstrip(".").encode()


def _ascii(text: str, empty: str = "X") -> str:
    """EDF+ headers are ASCII without spaces inside a field: accents go, blanks become _."""
    plain = plain_ascii(text)
    return "_".join(plain.split()) or empty


def _date(day: dt.date) -> str:
    return f"{day.day:02d}-{MONTHS[day.month - 1]}-{day.year}"


def _patient(data: ExportData) -> str:
    p = data.patient
    if p is None:
        return "X X X X"
    sex = {"female": "F", "male": "M"}.get(p.sex.lower(), "X")
    try:
        born = _date(dt.date.fromisoformat(p.birth_date))
    except ValueError:
        born = "X"
    return f"{_ascii(p.identifier)} {sex} {born} {_ascii(p.name)}"


def _header(
    data: ExportData,
    base: float,
    records: int,
    seconds: float,
    channels: Sequence[int],
    scales: Sequence[tuple[float, float, float]],
    per_record: int,
    annotation_samples: int,
) -> bytes:
    start = dt.datetime.fromtimestamp(base, dt.UTC)
    s = data.session
    recording = (
        f"Startdate {_date(start.date())} {_ascii(f'session{s.id}')} {_ascii(s.fitted_by)} "
        f"{_ascii(f'{s.board} {s.part} {s.device_id}')}"
    )
    count = len(channels) + 1

    def field(text: str, width: int) -> bytes:
        return text.encode("ascii", "replace")[:width].ljust(width)

    def number(value: float) -> str:
        return f"{value:.8g}"[:8]

    head = [
        field("0", 8),
        field(_patient(data), 80),
        field(recording, 80),
        field(start.strftime("%d.%m.%y"), 8),
        field(start.strftime("%H.%M.%S"), 8),
        field(str(256 * (count + 1)), 8),
        field("EDF+C", 44),
        field(str(records), 8),
        field(number(seconds), 8),
        field(str(count), 4),
    ]
    labels = [f"ECG {lead_name(data, c)}" for c in channels] + ["EDF Annotations"]
    columns: list[tuple[Sequence[str], int]] = [
        (labels, 16),
        (["Ag/AgCl electrode"] * len(channels) + [""], 80),
        (["uV"] * len(channels) + [""], 8),
        ([number(low) for low, _, _ in scales] + ["-1"], 8),
        ([number(high) for _, high, _ in scales] + ["1"], 8),
        (["-32767"] * len(channels) + ["-32768"], 8),
        (["32767"] * count, 8),
        ([""] * count, 80),
        ([str(per_record)] * len(channels) + [str(annotation_samples)], 8),
        ([""] * count, 32),
    ]
    head += [field(text, width) for texts, width in columns for text in texts]
    return b"".join(head)
