"""What every importer makes, and how it becomes a session in the store."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from heartlog.errors import CommandError
from heartlog.store import PACKED_BEAT, NotFound, Session, Store
from heartlog.store.ecg import Place
from heartlog.store.ecg import append as append_ecg
from heartlog.store.ingest import add_beats
from heartlog.store.schema import Device, RecordRow, SessionRow
from heartlog.store.types import AFTER_GAP, Beats

CHUNK = 65_536
"""ECG samples in one chunk of the store."""


class ImportProblem(CommandError):
    """A file that is not what it should be; says what and where."""


@dataclass(slots=True)
class ImportedTest:
    """A test as read: everything in the units of the store."""

    source: str
    """Kind of file and its name, kept with the session."""
    rate: float
    """Samples per second that `samples` count."""
    started_at: float
    """UNIX seconds of sample 0."""
    time_known: bool
    """False: the file gives no time of day; `started_at` is a stand-in."""
    samples: npt.NDArray[np.int64]
    """Sample index of each beat."""
    kinds: npt.NDArray[np.uint8]
    rr: npt.NDArray[np.int64] | None = None
    """Samples since the beat before, 0 where unknown; None: taken from `samples`."""
    amplitude_uv: npt.NDArray[np.int32] | None = None
    channels: list["Channel"] = field(default_factory=list)
    notes: list[tuple[int, str]] = field(default_factory=list)
    """(sample, text): rhythm changes and remarks of the file."""
    gaps: list[tuple[int, int, str]] = field(default_factory=list)
    """(first sample missing, how many, reason)."""
    events: list[tuple[int, str]] = field(default_factory=list)
    lead: str = ""
    time_zone: str = "UTC"
    remarks: str = ""
    device_id: str = ""


@dataclass(slots=True)
class Channel:
    """ECG of one lead: int32 codes of `nv_per_code` nanovolts each, possibly in several runs."""

    name: str
    rate: float
    nv_per_code: float
    runs: list[tuple[int, npt.NDArray[np.int32]]]


def pack(test: ImportedTest) -> Beats:
    """Return the test's beats as PACKED_BEAT; RR is unknown for the first and after gaps."""
    order = np.argsort(test.samples, kind="stable")
    samples = test.samples[order]
    beats = np.zeros(len(samples), PACKED_BEAT)
    beats["seq"] = np.arange(1, len(samples) + 1)
    beats["sample"] = samples % 2**32
    beats["kind"] = test.kinds[order]
    beats["confidence"] = 100
    if test.rr is not None:
        beats["rr"] = test.rr[order]
    else:
        beats["rr"][1:] = np.diff(samples)
    if test.amplitude_uv is not None:
        beats["amplitude_uv"] = test.amplitude_uv[order]
    for first, _, _ in test.gaps:
        after = int(np.searchsorted(samples, first))
        if after < len(samples):
            beats["rr"][after] = 0
            beats["flags"][after] |= AFTER_GAP
    return beats


Progress = Callable[[str, float], None]


def save(
    store: Store,
    test: ImportedTest,
    patient_id: int | None = None,
    progress: Progress | None = None,
) -> Session:
    """Write an imported test as a complete session, in one transaction."""
    tell = progress or (lambda text, share: None)
    device = test.device_id or "import-" + hashlib.sha256(test.source.encode()).hexdigest()[:12]
    beats = pack(test)
    last = int(test.samples.max(initial=0))
    for channel in test.channels:
        ends = [start + len(codes) for start, codes in channel.runs]
        last = max([last, *(int(e * test.rate / channel.rate) for e in ends)])
    ended = test.started_at + last / test.rate
    settings: dict[str, Any] = {"time_known": test.time_known}
    settings["leads"] = [c.name for c in test.channels]
    with store.writing() as db:
        if patient_id is not None:
            from heartlog.store.schema_clinic import Patient

            if db.get(Patient, patient_id) is None:
                raise NotFound(f"No patient {patient_id}.", "List them: heartlog patients list")
        if db.get(Device, device) is None:
            db.add(Device(id=device, first_seen=test.started_at, last_seen=ended))
            db.flush()
        row = SessionRow(
            patient_id=patient_id,
            device_id=device,
            status="imported",
            source=test.source[:200],
            started_at=test.started_at,
            ended_at=ended,
            last_data_at=ended,
            time_zone=test.time_zone,
            lead_arrangement=test.lead[:80],
            notes=test.remarks,
            rate=test.rate,
            nv_per_code=test.channels[0].nv_per_code if test.channels else None,
            settings=settings,
            beat_count=len(beats),
            gap_count=len(test.gaps),
            event_count=len(test.events),
        )
        db.add(row)
        db.flush()
        tell("beats", 0.3)
        if len(beats):
            add_beats(db, row.id, beats)
        _add_records(db, row.id, test)
        for number, channel in enumerate(test.channels, 1):
            tell(f"ECG {channel.name}", 0.3 + 0.7 * number / (len(test.channels) + 1))
            for start, codes in channel.runs:
                for at in range(0, len(codes), CHUNK):
                    place = Place(row.id, 0, number, 0, 0, start + at)
                    part = codes[at : at + CHUNK]
                    append_ecg(db, place, part, channel.rate, channel.nv_per_code)
        session_id = row.id
    tell("done", 1.0)
    return store.session(session_id)


def _add_records(db: Any, session_id: int, test: ImportedTest) -> None:
    def add(kind: str, sample: int, fields: dict[str, Any]) -> None:
        db.add(
            RecordRow(
                session_id=session_id,
                kind=kind,
                sample=sample % 2**32,
                received_at=test.started_at + sample / test.rate,
                fields=fields,
            )
        )

    # The file's own clock: sample 0 at its start, taken as exact.
    add("sync", 0, {"host_time": test.started_at, "uncertainty_ms": 1.0})
    for sample, text in test.notes:
        add("note", sample, {"name": "rhythm" if text.startswith("(") else "remark", "text": text})
    for first, lost, reason in test.gaps:
        add("gap", first, {"lost": lost, "reason_name": reason})
    for sample, text in test.events:
        add("event", sample, {"name": text})


def file_or_error(path: Path, what: str) -> Path:
    """Return `path` if it is a file that can be read, else raise naming it."""
    if not path.exists():
        raise ImportProblem(f"There is no {what} {path}.", "Check the path.")
    if path.is_dir():
        raise ImportProblem(f"{path} is a folder, not a {what}.", "Name a file in it.")
    return path
