"""The whole analysis of a session, as reviewed, reported, compared and exported.

analysis = analyse(session, store.timeline(session.id))
analysis.rate.mean, analysis.quality.analysable_percent, analysis.urgent
analysis.as_dict()                # for --json
"""

from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from heartlog.analysis.hrv import Hrv, variability
from heartlog.analysis.quality import Quality, quality, span_of
from heartlog.analysis.rate import (
    Bins,
    Pause,
    RateSummary,
    Run,
    binned,
    pauses,
    rate_runs,
    rate_summary,
)
from heartlog.analysis.rhythm import Ectopy, IrregularScreen, ectopy, irregular_screen
from heartlog.analysis.rr import Intervals, classify_rr, usable
from heartlog.analysis.settings import AnalysisSettings
from heartlog.store.reading import Timeline
from heartlog.store.store import Session
from heartlog.store.types import DOUBTFUL, BeatKind

Beats = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Urgent:
    """Something that a person should look at first."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything that is derived from one session. Times are UNIX seconds."""

    session: Session
    settings: AnalysisSettings
    beats: Beats
    timeline: Timeline
    intervals: Intervals
    quality: Quality
    rate: RateSummary
    hours: Bins
    trend: Bins
    pauses: tuple[Pause, ...]
    runs: tuple[Run, ...]
    premature: Ectopy
    wide: Ectopy
    kinds: dict[str, int]
    screen: IrregularScreen
    hrv: Hrv
    urgent: tuple[Urgent, ...]

    @property
    def longest_pause_ms(self) -> float | None:
        """The longest pause, None if there is none."""
        return max((p.rr_ms for p in self.pauses), default=None)

    def as_dict(self) -> dict[str, Any]:
        """Return the figures (no beats) in JSON's types."""
        left = {"beats", "timeline", "intervals"}
        values = {n: getattr(self, n) for n in self.__dataclass_fields__ if n not in left}
        plain: dict[str, Any] = to_plain(values)
        plain["quality"]["analysable_percent"] = self.quality.analysable_percent
        plain["screen"]["percent"] = self.screen.percent
        plain["nn_left_out"] = self.intervals.left_out
        return plain


def to_plain(value: Any) -> Any:
    """Return dataclasses, arrays and NumPy numbers as JSON's types; NaN becomes None."""
    if is_dataclass(value) and not isinstance(value, type):
        return to_plain(asdict(value))
    if isinstance(value, dict):
        return {str(k): to_plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return [to_plain(v) for v in value.tolist()]
    if isinstance(value, np.generic):
        return to_plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


TREND_STEPS = (5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0)
TREND_POINTS = 720
"""At most so many points in a trend: more than a printed plot can show."""


def analyse(
    session: Session,
    timeline: Timeline,
    settings: AnalysisSettings | None = None,
    with_hrv: bool = True,
) -> Analysis:
    """Derive every figure from a session's timeline; HRV, the slowest, may be left out."""
    rules = settings or AnalysisSettings()
    beats = usable(timeline.beats, rules)
    rr = classify_rr(beats, rules)
    start, stop = span_of(timeline, session.started_at, session.ended_at)
    quality_ = quality(Timeline(beats, timeline.records, timeline.fits), rr, start, stop)
    rate = rate_summary(beats, rr, rules)
    step = next((s for s in TREND_STEPS if (stop - start) / s <= TREND_POINTS), TREND_STEPS[-1])
    stops = pauses(beats, rr, rules)
    runs = rate_runs(beats, rr, rules)
    wide = ectopy(beats, BeatKind.WIDE)
    screen = irregular_screen(beats, rr, rules)
    hour = 3600.0
    counts = np.bincount(beats["kind"], minlength=len(BeatKind))
    return Analysis(
        session=session,
        settings=rules,
        beats=beats,
        timeline=timeline,
        intervals=rr,
        quality=quality_,
        rate=rate,
        hours=binned(beats, rr, rules, start - start % hour, stop, hour),
        trend=binned(beats, rr, rules, start, stop, step),
        pauses=tuple(stops),
        runs=tuple(runs),
        premature=ectopy(beats, BeatKind.PREMATURE),
        wide=wide,
        kinds={kind.name.lower(): int(counts[kind]) for kind in BeatKind},
        screen=screen,
        hrv=(
            variability(beats["time"], beats["rr_ms"], rr.nn, rules, rr.nn_percent_out)
            if with_hrv
            else Hrv(int(rr.nn.sum()), rr.nn_percent_out)
        ),
        urgent=tuple(_urgent(rules, beats, stops, runs, wide, screen)),
    )


def _urgent(
    rules: AnalysisSettings,
    beats: Beats,
    stops: list[Pause],
    runs: list[Run],
    wide: Ectopy,
    screen: IrregularScreen,
) -> list[Urgent]:
    found: list[Urgent] = []
    # A doubtful one is listed with the pauses: an electrode that moved must not raise the alarm.
    long = [p for p in stops if p.rr_ms >= rules.urgent_pause_ms and not p.doubtful]
    if long:
        worst = max(long, key=lambda p: p.rr_ms)
        found.append(
            Urgent(
                worst.at,
                f"Pause of {worst.rr_ms / 1000:.2f} s ({len(long)} of "
                f"{rules.urgent_pause_ms / 1000:.1f} s or more)",
            )
        )
    fast = [r for r in runs if r.kind == "fast" and r.rate > rules.urgent_tachy_bpm]
    if fast:
        worst_run = max(fast, key=lambda r: (not _in_noise(beats, r.first, r.stop), r.rate))
        found.append(
            Urgent(
                worst_run.starts_at,
                f"Fast run: {worst_run.beats} beats at {worst_run.rate:.0f}/min ({len(fast)} "
                f"above {rules.urgent_tachy_bpm:.0f}/min)"
                + _in_noise(beats, worst_run.first, worst_run.stop),
            )
        )
    slow = [r for r in runs if r.kind == "slow" and r.rate < rules.urgent_brady_bpm]
    if slow:
        worst_run = min(slow, key=lambda r: (_in_noise(beats, r.first, r.stop), r.rate))
        found.append(
            Urgent(
                worst_run.starts_at,
                f"Slow run: {worst_run.beats} beats at {worst_run.rate:.0f}/min ({len(slow)} "
                f"below {rules.urgent_brady_bpm:.0f}/min)"
                + _in_noise(beats, worst_run.first, worst_run.stop),
            )
        )
    many = [
        (first, first + n)
        for first, n in zip(wide.run_starts, wide.run_lengths, strict=True)
        if n >= rules.urgent_wide_run
    ]
    if many:
        first, stop = max(many, key=lambda r: (not _in_noise(beats, *r), r[1] - r[0]))
        found.append(
            Urgent(
                float(beats["time"][first]),
                f"Run of {stop - first} wide beats ({len(many)} of "
                f"{rules.urgent_wide_run} or more)" + _in_noise(beats, first, stop),
            )
        )
    if any(b - a >= rules.urgent_irregular_s for a, b in screen.episodes):
        found.append(
            Urgent(
                max(screen.episodes, key=lambda e: e[1] - e[0])[0],
                f"Irregular rhythm by RR for {screen.seconds / 60:.0f} min "
                f"({screen.percent:.0f} % of the time judged): look at the ECG for P waves",
            )
        )
    return found


def _in_noise(beats: Beats, first: int, stop: int) -> str:
    """What to add where half of the beats or more were found in a poor signal. A run may be as
    real there, so it stays urgent; one in a clear signal is named before it."""
    doubtful = float(np.mean((beats["flags"][first:stop] & DOUBTFUL) != 0))
    return "; the signal is noisy there, look at the strip" if doubtful >= 0.5 else ""
