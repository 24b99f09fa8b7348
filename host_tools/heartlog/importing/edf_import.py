"""Reads EDF and EDF+ (continuous or with gaps): signals and annotations.

Annotations whose text is a beat (as Heartlog writes them: `beat N rr=800`), a WFDB letter, or
starts with "beat" or "QRS" become beats; others become remarks. Formats: Kemp B et al.,
Electroencephalogr Clin Neurophysiol 1992;82:391-393; Kemp B, Olivan J, Clin Neurophysiol
2003;114:1755-1761.
"""

import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from heartlog.importing.common import Channel, ImportedTest, ImportProblem, file_or_error
from heartlog.importing.wfdb_import import SYMBOLS
from heartlog.store.types import BeatKind

UNITS_NV = {"uv": 1e3, "µv": 1e3, "mv": 1e6, "v": 1e9, "nv": 1.0}
BEAT = re.compile(r"^(?:beat|QRS|R-peak)\b\s*(\S?)(?:\s+rr=(\d+))?", re.I)


@dataclass(slots=True)
class _Signal:
    label: str
    unit: str
    physical: tuple[float, float]
    digital: tuple[int, int]
    count: int


def read_edf(path: Path, started_at: float | None = None) -> ImportedTest:
    """Read an EDF or EDF+ file; raise ImportProblem saying what is wrong with it."""
    file_or_error(path, "EDF file")
    data = path.read_bytes()
    try:
        return _read(path, data, started_at)
    except (ValueError, IndexError, ZeroDivisionError) as problem:
        raise ImportProblem(
            f"{path.name} is not a sound EDF file ({problem}).", "Copy or export it again."
        ) from problem


def _read(path: Path, data: bytes, started_at: float | None) -> ImportedTest:
    if len(data) < 512 or data[:8].strip() != b"0":
        raise ValueError("it does not begin as one")
    count = int(data[252:256])
    header_bytes = int(data[184:192])
    records, seconds = int(data[236:244]), float(data[244:252])
    plus = data[192:197].decode("ascii", "replace")
    if not 0 < count <= 512 or header_bytes != 256 * (count + 1) or len(data) < header_bytes:
        raise ValueError(f"{count} signals and {header_bytes} bytes of header don't agree")
    signals = _signals(data, count)
    per_record = 2 * sum(s.count for s in signals)
    if per_record <= 0:
        raise ValueError("its signals have no samples")
    whole = (len(data) - header_bytes) // per_record
    if records < 0:
        records = whole
    if whole < records:
        raise ValueError(f"it is cut: {whole} of {records} data records are there")
    body = np.frombuffer(data, "<i2", records * per_record // 2, header_bytes)
    blocks = body.reshape(records, -1)
    onsets = np.arange(records, dtype=np.float64) * seconds
    notes: list[tuple[float, str]] = []
    at = 0
    places: list[tuple[_Signal, int]] = []
    first_annotation = True
    for signal in signals:
        if signal.label == "EDF Annotations":
            part = blocks[:, at : at + signal.count]
            for i, row in enumerate(part):
                found, onset = _annotations(row.astype("<i2").tobytes())
                notes += found
                if first_annotation and onset is not None:
                    onsets[i] = onset
            first_annotation = False
        else:
            places.append((signal, at))
        at += signal.count
    ecg = [(s, a) for s, a in places if s.unit.lower() in UNITS_NV]
    rate = max((s.count / seconds for s, _ in ecg if seconds), default=1000.0)
    base = _start(data) if started_at is None else started_at
    shift = float(onsets[0]) if records else 0.0
    channels = [
        _channel(s, blocks[:, a : a + s.count], onsets - shift, seconds, plus == "EDF+D")
        for s, a in ecg
        if seconds and s.count / seconds >= 50
    ]
    return _test(path, rate, base, shift, channels, notes)


def _signals(data: bytes, count: int) -> list[_Signal]:
    at = 256

    def column(width: int) -> list[str]:
        nonlocal at
        out = [data[at + i * width : at + (i + 1) * width] for i in range(count)]
        at += width * count
        return [field.decode("latin-1").strip() for field in out]

    labels, _, units = column(16), column(80), column(8)
    low, high = column(8), column(8)
    digital_low, digital_high = column(8), column(8)
    _, counts = column(80), column(8)
    return [
        _Signal(
            labels[i],
            units[i],
            (float(low[i]), float(high[i])),
            (int(digital_low[i]), int(digital_high[i])),
            int(counts[i]),
        )
        for i in range(count)
    ]


def _start(data: bytes) -> float | None:
    day = re.fullmatch(rb"(\d\d)\.(\d\d)\.(\d\d)", data[168:176])
    time = re.fullmatch(rb"(\d\d)\.(\d\d)\.(\d\d)", data[176:184])
    if not day or not time:
        return None
    d, m, y = (int(v) for v in day.groups())
    plus = re.search(rb"Startdate \d\d-[A-Z]{3}-(\d{4})", data[88:168])
    year = int(plus.group(1)) if plus else (1900 if y >= 85 else 2000) + y
    try:
        hour, minute, second = (int(v) for v in time.groups())
        return dt.datetime(year, m, d, hour, minute, second, tzinfo=dt.UTC).timestamp()
    except ValueError:
        return None


def _annotations(data: bytes) -> tuple[list[tuple[float, str]], float | None]:
    """Return ([(onset, text)], onset of the data record) from one record's TALs."""
    found: list[tuple[float, str]] = []
    record_onset: float | None = None
    for tal in data.split(b"\0"):
        parts = tal.split(b"\x14")
        head = re.fullmatch(rb"([+-]\d+(?:\.\d*)?)(?:\x15\d+(?:\.\d*)?)?", parts[0])
        if not head:
            continue
        onset = float(head.group(1))
        if len(parts) > 1 and parts[1] == b"" and record_onset is None:
            record_onset = onset
        found += [(onset, p.decode("utf-8", "replace")) for p in parts[1:] if p]
    return found, record_onset


def _channel(
    signal: _Signal,
    rows: npt.NDArray[np.int16],
    onsets: npt.NDArray[np.float64],
    seconds: float,
    holes: bool,
) -> Channel:
    (low, high), (digital_low, digital_high) = signal.physical, signal.digital
    scale = (high - low) / (digital_high - digital_low)
    offset = low - scale * digital_low
    nv = abs(scale) * UNITS_NV[signal.unit.lower()]
    sign = 1 if scale > 0 else -1
    zero = round(offset / scale)
    codes = sign * (rows.astype(np.int32) + zero)
    rate = signal.count / seconds
    runs: list[tuple[int, npt.NDArray[np.int32]]] = []
    first = 0
    for i in range(1, len(rows) + 1):
        joined = i < len(rows) and (
            not holes or abs(onsets[i] - onsets[i - 1] - seconds) < 0.5 / rate
        )
        if not joined:
            runs.append((round(float(onsets[first]) * rate), codes[first:i].ravel()))
            first = i
    return Channel(signal.label.removeprefix("ECG ").strip() or "ECG", rate, nv, runs)


def _test(
    path: Path,
    rate: float,
    base: float | None,
    shift: float,
    channels: list[Channel],
    notes: list[tuple[float, str]],
) -> ImportedTest:
    samples: list[int] = []
    kinds: list[int] = []
    intervals: list[int] = []
    remarks: list[tuple[int, str]] = []
    events: list[tuple[int, str]] = []
    gaps: list[tuple[int, int, str]] = []
    for onset, text in sorted(notes):
        at = round((onset - shift) * rate)
        beat = BEAT.match(text)
        if beat or text in SYMBOLS:
            letter = beat.group(1) if beat else text
            samples.append(at)
            kinds.append(int(SYMBOLS.get(letter, BeatKind.UNCLASSIFIED)))
            given = beat.group(2) if beat else None
            intervals.append(-1 if given is None else round(int(given) * rate / 1000.0))
        elif gap := re.match(r"gap (\d+(?:\.\d+)?) s: (.*)", text):
            gaps.append((at, round(float(gap.group(1)) * rate), gap.group(2)))
        elif text.startswith("event "):
            events.append((at, text.removeprefix("event ")))
        else:
            remarks.append((at, text))
    told = np.array(intervals, np.int64)
    beats = np.array(samples, np.int64)
    rr = None
    if len(told) and (told >= 0).any():
        rr = np.where(told >= 0, told, np.diff(beats, prepend=beats[:1]))
    stand_in = dt.datetime(2000, 1, 1, tzinfo=dt.UTC).timestamp()
    return ImportedTest(
        source=f"edf {path.name}",
        rate=rate,
        started_at=(stand_in if base is None else base) + shift,
        time_known=base is not None,
        samples=beats,
        kinds=np.array(kinds, np.uint8),
        rr=rr,
        channels=channels,
        notes=remarks,
        gaps=gaps,
        events=events,
        lead=", ".join(c.name for c in channels),
    )
