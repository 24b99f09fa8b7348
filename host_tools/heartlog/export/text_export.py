"""CSV (units in the column names) and JSON (everything in one file)."""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from heartlog.analysis import to_plain
from heartlog.export.common import ExportData, iso, lead_name
from heartlog.store import AFTER_GAP, HUMAN, SEARCH_BACK, BeatKind

ECG_ROWS_MAX = 20_000_000
"""Rows of ECG in a CSV at most (22 hours at 250/s): more belongs into EDF or WFDB."""


def _rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def write_csv(data: ExportData, folder: Path) -> list[Path]:
    """Write NAME_beats.csv, NAME_records.csv, NAME_trend.csv and, where there is ECG, its file."""
    name = data.name
    files = [
        _rows(folder / f"{name}_beats.csv", BEAT_HEADER, _beats(data)),
        _rows(folder / f"{name}_records.csv", RECORD_HEADER, _records(data)),
        _rows(folder / f"{name}_trend.csv", TREND_HEADER, _trend(data)),
    ]
    count = sum(len(p.run.codes) for p in data.runs)
    if 0 < count <= ECG_ROWS_MAX:
        files.append(_rows(folder / f"{name}_ecg.csv", ECG_HEADER, _ecg(data)))
    return files


BEAT_HEADER = (
    "time_utc",
    "time_unix_s",
    "device_time_unix_s",
    "sequence_number",
    "boot",
    "sample_index",
    "rr_ms",
    "kind",
    "amplitude_uV",
    "qrs_width_ms",
    "confidence_percent",
    "after_gap",
    "found_by_search_back",
    "changed_by_hand",
)
RECORD_HEADER = ("time_utc", "time_unix_s", "kind", "sequence_number", "boot", "fields_json")
TREND_HEADER = (
    "from_utc",
    "seconds",
    "beats",
    "rate_mean_per_min",
    "rate_lowest_per_min",
    "rate_highest_per_min",
    "longest_rr_ms",
    "premature",
    "wide",
    "pauses",
)
ECG_HEADER = ("time_unix_s", "strip", "lead", "ecg_uV")


def _beats(data: ExportData) -> Iterable[Sequence[Any]]:
    names = [k.name.lower() for k in BeatKind]
    for b in data.timeline.beats:
        flags = int(b["flags"])
        known = b["rr_ms"] > 0 and not flags & AFTER_GAP
        yield (
            iso(float(b["time"])),
            f"{b['time']:.4f}",
            f"{b['raw_time']:.4f}",
            int(b["seq"]),
            int(b["boot"]),
            int(b["index"]),
            f"{b['rr_ms']:.1f}" if known else "",
            names[int(b["kind"])],
            int(b["amplitude_uv"]),
            int(b["width_ms"]) or "",
            int(b["confidence"]),
            int(bool(flags & AFTER_GAP)),
            int(bool(flags & SEARCH_BACK)),
            int(bool(flags & HUMAN)),
        )


def _records(data: ExportData) -> Iterable[Sequence[Any]]:
    for r in data.timeline.records:
        fields = json.dumps(to_plain(r.fields), sort_keys=True, ensure_ascii=False)
        seq = "" if r.seq is None else r.seq
        yield iso(r.time), f"{r.time:.4f}", r.kind, seq, r.boot, fields


def _trend(data: ExportData) -> Iterable[Sequence[Any]]:
    t = data.analysis.trend

    def shown(value: float) -> str:
        return "" if value != value else f"{value:.1f}"

    for i in range(len(t.starts)):
        yield (
            iso(float(t.starts[i])),
            t.seconds,
            int(t.beats[i]),
            shown(t.mean[i]),
            shown(t.low[i]),
            shown(t.high[i]),
            shown(t.longest_rr[i]),
            int(t.premature[i]),
            int(t.wide[i]),
            int(t.pauses[i]),
        )


def _ecg(data: ExportData) -> Iterable[Sequence[Any]]:
    for placed in data.runs:
        run = placed.run
        lead = lead_name(data, run.channel)
        begin = data.start + placed.first / data.rate
        for i, value in enumerate(run.microvolts.tolist()):
            yield f"{begin + i / run.rate:.4f}", run.strip, lead, f"{value:.3f}"


def write_json(data: ExportData, path: Path) -> list[Path]:
    """Write everything but the ECG's samples as one JSON document; arrays are columns."""
    beats = data.timeline.beats
    patient = None if data.patient is None else asdict(data.patient)
    document = {
        "format": "heartlog session",
        "format_version": 1,
        "units": {"time": "s since 1970 UTC", "rr": "ms", "amplitude": "uV", "width": "ms"},
        "generated": iso(data.generated_at),
        "heartlog_version": data.version,
        "deidentified": data.deidentified,
        "session": to_plain(asdict(data.session)),
        "patient": patient,
        "analysis": data.analysis.as_dict(),
        "clock": [to_plain(fit) for fit in data.timeline.fits],
        "beats": {name: beats[name].tolist() for name in beats.dtype.names or ()},
        "beat_kinds": {kind.name.lower(): int(kind) for kind in BeatKind},
        "records": [
            {"time": r.time, "kind": r.kind, "seq": r.seq, "boot": r.boot, **to_plain(r.fields)}
            for r in data.timeline.records
        ],
        "events": [asdict(e) for e in data.events],
        "findings": list(data.findings),
        "ecg": [
            {
                "strip": p.run.strip,
                "lead": lead_name(data, p.run.channel),
                "first_sample": p.first,
                "samples": len(p.run.codes),
                "rate": p.run.rate,
            }
            for p in data.runs
        ],
    }
    with path.open("w", encoding="utf-8") as file:
        json.dump(document, file, ensure_ascii=False, allow_nan=False)
    return [path]
