"""A session at a glance: the numbers, the rate over time, and where the signal was missing.

    overview = Overview.of(store, 12)
    overview.beat_count, overview.mean_rate, overview.lead_off_seconds
    overview.trend(80)                       # rate in each of 80 equal slices of time

Rates are in beats per minute, intervals in milliseconds, times in UNIX seconds. Nothing is
spliced: an interval across a gap is unknown and counts nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from heartlog._firmware.monitor.link import wire

if TYPE_CHECKING:
    from heartlog.store import Session, Store

Floats = npt.NDArray[np.float64]

RATE_BEATS = 8
"""The lowest and highest rate are taken over so many successive intervals, as Holter reports do:
a single early beat is no heart rate."""

GAP = "gap"
RESTART = "no power, or restarting"
"""Why there are no samples between two starts of the monitor."""
LEAD_OFF = wire.SIGNAL_NAMES[wire.SIGNAL_LEAD_OFF]
NOISY = wire.SIGNAL_NAMES[wire.SIGNAL_NOISY]
USABLE = (wire.SIGNAL_NAMES[wire.SIGNAL_GOOD], wire.SIGNAL_NAMES[wire.SIGNAL_UNKNOWN])
"""States in which beats can be judged; `unknown` is the state before the first word about it."""


class Span(NamedTuple):
    """A stretch of time that is not plain good signal."""

    start: float
    stop: float
    kind: str
    """`gap`, or the name of a signal state (`wire.SIGNAL_NAMES`)."""
    detail: str = ""
    """Why: a gap's reason, or the electrodes that are off."""

    @property
    def seconds(self) -> float:
        return self.stop - self.start


class Extreme(NamedTuple):
    """A lowest or highest value and when it was."""

    value: float
    time: float


@dataclass(frozen=True)
class Overview:
    """What `show`, the picture and the demo tell about a session."""

    session: Session
    start: float
    stop: float
    time: Floats
    """(n,) UNIX seconds of each beat."""
    rr: Floats
    """(n,) ms from the beat before; NaN where unknown."""
    kind: npt.NDArray[np.uint8]
    """(n,) `heartlog.store.BeatKind` of each beat."""
    spans: tuple[Span, ...]
    marks: tuple[tuple[float, str], ...]
    """Button presses and alarms: time and name."""
    leads: tuple[tuple[float, str], ...] = field(default=())
    """Since when the beats come from which lead, where that is not the first: time and text."""
    faults: tuple[tuple[float, str], ...] = field(default=())
    clock: tuple[str, ...] = field(default=())
    """What was wrong with the host's clock, in words."""

    @classmethod
    def of(cls, store: Store, session_id: int) -> Overview:
        """Read session `session_id`; raises the store's NotFound if there is none."""
        from heartlog.analysis.clocks import clock_remarks, restarts, setbacks
        from heartlog.store.extent import extent
        from heartlog.store.lead import is_change
        from heartlog.store.types import event_text

        session = store.session(session_id)
        line = store.timeline(session_id)
        beats = line.beats
        rr = np.where(beats["rr_ms"] > 0, beats["rr_ms"], np.nan).astype(np.float64)
        known = [r for r in line.records if r.index is not None]
        start, last = extent(line) or (session.started_at, session.started_at)
        stop = max(last, session.ended_at or start)
        rate = float(session.rate) or 250.0
        told = [((r.time, event_text(r.fields)), is_change(r.fields)) for r in line.of("event")]
        return cls(
            session=session,
            start=start,
            stop=stop,
            time=beats["time"].astype(np.float64),
            rr=rr,
            kind=beats["kind"],
            spans=tuple(spans_of(known, rate, stop, restarts(line))),
            marks=tuple(e for e, lead in told if not lead),
            leads=tuple(e for e, lead in told if lead),
            faults=tuple((r.time, fault_name(r.fields)) for r in line.of("fault")),
            clock=tuple(clock_remarks(line.fits, setbacks(line))),
        )

    @property
    def seconds(self) -> float:
        """From the first to the last thing known."""
        return self.stop - self.start

    @property
    def beat_count(self) -> int:
        return len(self.time)

    @property
    def rate(self) -> Floats:
        """(n,) beats/min from each beat's interval; NaN where unknown."""
        return np.asarray(60000.0 / self.rr, np.float64)

    @property
    def mean_rate(self) -> float:
        """Beats/min over all known intervals (beats by time, not a mean of rates); NaN if none."""
        known = self.rr[np.isfinite(self.rr)]
        return float(60000.0 / known.mean()) if len(known) else float("nan")

    @property
    def lowest(self) -> Extreme | None:
        return self._extreme(np.nanargmin)

    @property
    def highest(self) -> Extreme | None:
        return self._extreme(np.nanargmax)

    def _extreme(self, pick: Any) -> Extreme | None:
        if len(self.rr) < RATE_BEATS:
            return None
        windows = np.lib.stride_tricks.sliding_window_view(self.rr, RATE_BEATS)
        rates = 60000.0 / windows.mean(axis=1)  # NaN if any interval in it is unknown
        if not np.isfinite(rates).any():
            return None
        at = int(pick(rates))
        return Extreme(float(rates[at]), float(self.time[at + RATE_BEATS - 1]))

    @property
    def longest_rr(self) -> Extreme | None:
        """The longest known interval, ms, and the time of the beat that ended it."""
        if not np.isfinite(self.rr).any():
            return None
        at = int(np.nanargmax(self.rr))
        return Extreme(float(self.rr[at]), float(self.time[at]))

    @property
    def gaps(self) -> list[Span]:
        return [s for s in self.spans if s.kind == GAP]

    @property
    def missing(self) -> list[Span]:
        """The spans without any beat that could be judged: in noise they are only doubtful."""
        return [s for s in self.spans if s.kind != NOISY]

    def seconds_of(self, kind: str) -> float:
        """Seconds in spans of this kind."""
        return sum(s.seconds for s in self.spans if s.kind == kind)

    @property
    def lead_off_seconds(self) -> float:
        return self.seconds_of(LEAD_OFF)

    @property
    def usable_share(self) -> float:
        """Share of the session, 0..1, in which beats could be judged (noisy ones with doubt);
        NaN if it has no length."""
        if self.seconds <= 0:
            return float("nan")
        return max(0.0, 1.0 - sum(s.seconds for s in merged(self.missing)) / self.seconds)

    def trend(self, slices: int) -> Floats:
        """(slices,) rate in equal slices of time, beats by time; NaN where there is none."""
        out = np.full(slices, np.nan)
        good = np.isfinite(self.rr)
        if self.seconds <= 0 or not good.any():
            return out
        at = ((self.time[good] - self.start) / self.seconds * slices).astype(int)
        at = np.clip(at, 0, slices - 1)
        total = np.bincount(at, self.rr[good], slices)
        count = np.bincount(at, minlength=slices)
        out[count > 0] = 60000.0 * count[count > 0] / total[count > 0]
        return out

    def as_json(self) -> dict[str, Any]:
        """Everything as plain values; NaN becomes None."""

        def plain(value: float, digits: int) -> float | None:
            return round(value, digits) if np.isfinite(value) else None

        def extreme(one: Extreme | None) -> dict[str, Any] | None:
            return None if one is None else {"value": round(one.value, 1), "time": iso(one.time)}

        return {
            "session": self.session.id,
            "device": self.session.device_id,
            "patient": self.session.patient_identifier or None,
            "status": self.session.status,
            "start": iso(self.start),
            "stop": iso(self.stop),
            "seconds": plain(self.seconds, 3),
            "beats": self.beat_count,
            "mean_rate_bpm": plain(self.mean_rate, 1),
            "lowest_rate_bpm": extreme(self.lowest),
            "highest_rate_bpm": extreme(self.highest),
            "longest_rr_ms": extreme(self.longest_rr),
            "clock": list(self.clock),
            "gaps": len(self.gaps),
            "gap_seconds": plain(self.seconds_of(GAP), 3),
            "lead_off_seconds": plain(self.lead_off_seconds, 3),
            "usable_percent": plain(100 * self.usable_share, 2),
            "spans": [
                {"start": iso(s.start), "stop": iso(s.stop), "kind": s.kind, "detail": s.detail}
                for s in self.spans
            ],
            "events": [{"time": iso(t), "name": name} for t, name in self.marks],
            "leads": [{"time": iso(t), "name": name} for t, name in self.leads],
            "faults": [{"time": iso(t), "name": name} for t, name in self.faults],
        }


def spans_of(
    records: Iterable[Any],
    rate: float,
    stop: float,
    restarts: Sequence[tuple[float, float]] = (),
) -> list[Span]:
    """The gaps and the stretches of poor signal, in order, from placed records; `restarts` are
    the times between two starts of the monitor, which are gaps and belong to no signal's state.

    A signal record tells of one channel, or of all (0); what counts is the channel in which the
    beats are looked for.
    """
    from heartlog.store.lead import followed

    spans: list[Span] = []
    state: tuple[float, str, str] | None = None  # since when, which, why
    for record, channel in followed(records):
        fields = record.fields
        if record.kind == "signal" and fields.get("channel", 0) not in (0, channel):
            continue
        if record.kind == "gap":
            length = float(fields.get("lost") or 0) / rate
            why = str(fields.get("reason_name", ""))
            spans.append(Span(record.time, record.time + length, GAP, why))
        elif record.kind in ("signal", "boot"):
            if state is not None:
                spans.append(Span(state[0], max(state[0], record.time), state[1], state[2]))
            state = None
            name = str(fields.get("state_name", ""))
            if record.kind == "signal" and name not in USABLE:
                state = (record.time, name, str(fields.get("electrodes_off") or ""))
    if state is not None:
        spans.append(Span(state[0], max(state[0], stop), state[1], state[2]))
    for began, ended in restarts:
        cut = [s._replace(stop=began) if s.start < began < s.stop else s for s in spans]
        spans = [*cut, Span(began, ended, GAP, RESTART)]
    return sorted(s for s in spans if s.seconds > 0)


def merged(spans: Sequence[Span]) -> list[Span]:
    """The spans without overlaps: what lies in two counts once."""
    out: list[Span] = []
    for span in sorted(spans):
        if out and span.start <= out[-1].stop:
            out[-1] = out[-1]._replace(stop=max(out[-1].stop, span.stop))
        else:
            out.append(span)
    return out


_FAULTS = {
    wire.FAULT_JOURNAL: "journal fault",
    wire.FAULT_DETECTOR: "detector fault",
    wire.FAULT_LINK: "link fault",
    wire.FAULT_BATTERY: "battery fault",
    wire.FAULT_EXCEPTION: "firmware exception",
    wire.FAULT_FLASH: "flash fault",
    wire.FAULT_SETTINGS: "settings fault",
}


_PARTS = ("samples", "detector", "journal")
"""Bits of a FAULT_STUCK record, from the lowest on (firmware/monitor/vigil.py)."""

AFE_FAULTS = {
    1: "no front end answers: check its supply, CS and MISO",
    2: "the front end answers with a wrong ID: check the SPI wiring",
    3: "a register of the front end reads back wrong",
    4: "the front end gives no data-ready signal",
    5: "the front end's frames are out of sync",
    6: "the front end converts at a wrong rate",
    7: "a register of the front end changed by itself",
    8: "the front end is busy",
    9: "the front end does not offer the rate or gain that is set: try rate=250 gain=6",
}
"""The firmware's codes of front end faults (firmware/monitor/afe/errors.py), for people."""


def fault_name(fields: Any) -> str:
    """A FAULT record in words; of other parts than the front end, with its detail number."""
    code, detail = int(fields.get("code") or 0), int(fields.get("detail") or 0)
    if code == wire.FAULT_AFE:
        return AFE_FAULTS.get(detail, f"front end fault {detail}")
    if code == wire.FAULT_STUCK:
        parts = [name for bit, name in enumerate(_PARTS) if detail >> bit & 1]
        return f"stood still: {', '.join(parts)}; the watchdog resets the monitor"
    if code == wire.FAULT_SAFE:
        return (
            f"safe mode, not recording, after {detail} resets by the watchdog:"
            " look at the faults before it, then switch the monitor off and on"
        )
    return f"{_FAULTS.get(code, f'fault {code}')} ({detail})"


def iso(seconds: float) -> str:
    """UNIX seconds as ISO 8601 in UTC, to the millisecond."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def duration(seconds: float) -> str:
    """A length of time for people: `4 min 59 s`, `2 d 3 h`, `0.8 s`."""
    if seconds < 10 and seconds != int(seconds):
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, below, small in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            big, rest = divmod(whole, size)
            return f"{big} {unit} {rest // below} {small}" if rest // below else f"{big} {unit}"
    return f"{whole} s"
