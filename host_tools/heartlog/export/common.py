"""What every exporter writes from, read from the store once.

Samples in exports lie on the device's own time base (the nominal rate), so that beats and ECG
agree to the sample; each start of the monitor begins at its fitted wall time.
"""

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from heartlog.analysis import Analysis, AnalysisSettings
from heartlog.report.gather import Event, Material, gather
from heartlog.store import BeatKind, Session, Store
from heartlog.store.ecg import EcgRun
from heartlog.store.reading import Timeline

LETTERS = {
    BeatKind.UNCLASSIFIED: "Q",
    BeatKind.NORMAL: "N",
    BeatKind.PREMATURE: "S",
    BeatKind.WIDE: "V",
    BeatKind.FUSION: "F",
    BeatKind.PACED: "/",
    BeatKind.ARTEFACT: "|",
}
"""Symbols of WFDB annotations."""


@dataclass(frozen=True, slots=True)
class PatientData:
    """The patient as exported."""

    identifier: str
    name: str
    birth_date: str
    sex: str
    pacemaker: bool
    indication: str
    notes: str


@dataclass(frozen=True, slots=True)
class PlacedRun:
    """ECG with the place of its first sample on the export's time base."""

    first: int
    run: EcgRun


@dataclass(frozen=True, slots=True)
class ExportData:
    """A session ready to be written."""

    session: Session
    patient: PatientData | None
    analysis: Analysis
    timeline: Timeline
    events: tuple[Event, ...]
    findings: tuple[dict[str, Any], ...]
    start: float
    """UNIX seconds of the export's sample 0."""
    stop: float
    beat_samples: npt.NDArray[np.int64]
    """Place of each beat on the export's time base."""
    runs: tuple[PlacedRun, ...]
    leads: tuple[str, ...]
    generated_at: float
    version: str
    deidentified: bool = False
    name: str = "session"

    @property
    def rate(self) -> float:
        """Samples per second of the export's time base."""
        return self.session.rate

    def sample_at(self, moment: float) -> int:
        """Return the sample nearest to a UNIX time, 0 or more."""
        return max(0, round((moment - self.start) * self.rate))

    @property
    def length(self) -> int:
        """Samples from the first to the last thing."""
        ends = [p.first + len(p.run.codes) for p in self.runs]
        last_beat = int(self.beat_samples[-1]) + 1 if len(self.beat_samples) else 0
        return max([last_beat, *ends, self.sample_at(self.stop) + 1])


def iso(moment: float) -> str:
    """Return UTC as ISO 8601 with milliseconds."""
    text = dt.datetime.fromtimestamp(moment, dt.UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def collect(
    store: Store,
    session_id: int,
    settings: AnalysisSettings | None = None,
    generated_at: float | None = None,
) -> ExportData:
    """Read a session and everything around it."""
    m: Material = gather(store, session_id, settings, generated_at)
    session, line = m.analysis.session, m.analysis.timeline
    runs: list[tuple[float, EcgRun]] = []
    for run in store.ecg(session_id):
        fit = line.fit_for(run.boot, run.journal)
        if fit is not None:
            runs.append((float(fit.raw_time(run.first_sample)), run))
    beats = line.beats
    begins = [t for t, _ in runs] + [float(t) for t in beats["raw_time"][:1]]
    quality = m.analysis.quality
    start = min([*begins, quality.start]) if begins else quality.start
    stop = max(quality.stop, *(t for t in beats["raw_time"][-1:]), start)
    rate = session.rate
    leads = tuple(str(name) for name in session.settings.get("leads", []))
    p = m.patient
    return ExportData(
        session=session,
        patient=None
        if p is None
        else PatientData(
            p.identifier, p.name, p.birth_date, p.sex, p.pacemaker, p.indication, p.notes
        ),
        analysis=m.analysis,
        timeline=line,
        events=m.events,
        findings=tuple(
            {
                "text": f.text,
                "urgent": f.urgent,
                "written_by": f.written_by,
                "starts_at": f.starts_at,
                "ends_at": f.ends_at,
            }
            for f in m.findings
        ),
        start=start,
        stop=float(stop),
        beat_samples=np.round((beats["raw_time"] - start) * rate).astype(np.int64),
        runs=tuple(PlacedRun(round((t - start) * rate), run) for t, run in runs),
        leads=leads,
        generated_at=m.generated_at,
        version=m.version,
        name=f"session{session.id}",
    )


def lead_name(data: ExportData, channel: int) -> str:
    """Return a channel's lead, as far as it is known."""
    if 0 < channel <= len(data.leads):
        return data.leads[channel - 1]
    return f"ECG{channel}"


def padded(
    data: ExportData, channel: int, first: int, count: int, fill: int
) -> npt.NDArray[np.int32]:
    """Return `count` codes of a channel from sample `first`, `fill` where there is no ECG."""
    out = np.full(count, fill, np.int32)
    for placed in data.runs:
        run = placed.run
        if run.channel != channel:
            continue
        a, b = max(first, placed.first), min(first + count, placed.first + len(run.codes))
        if b > a:
            out[a - first : b - first] = run.codes[a - placed.first : b - placed.first]
    return out


def with_name(data: ExportData, name: str) -> ExportData:
    """Return the same under another file name."""
    return replace(data, name=name)
