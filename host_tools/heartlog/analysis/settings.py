"""Every threshold of the analysis in one place; the report prints them all.

AnalysisSettings(pause_ms=2500).rows()      # [("Pause", "RR of 2500 ms or more"), ...]
"""

from dataclasses import asdict, dataclass, fields
from typing import Any

from heartlog.errors import UsageProblem

LIMITS = {
    "run_beats": (1, 10_000),
    "urgent_wide_run": (1, 10_000),
    "rate_beats": (1, 1_000),
    "nn_tolerance": (0.01, 1.0),
    "hrv_segment_s": (60.0, 3600.0),
    "hrv_coverage": (0.1, 1.0),
    "irregular_beats": (32, 4096),
    "confidence_min": (0, 100),
}
"""Least and most of a threshold that the analysis can work with; of the others `ANY`."""
ANY = (0.0, 86_400_000.0)


@dataclass(frozen=True, slots=True)
class AnalysisSettings:
    """Thresholds. Intervals in milliseconds, rates in beats per minute."""

    pause_ms: float = 2000.0
    """RR of this or more is a pause. 2.0 s is the usual ambulatory definition."""
    urgent_pause_ms: float = 3000.0
    """A pause of this or more is put on top of the report."""
    brady_bpm: float = 50.0
    tachy_bpm: float = 120.0
    run_beats: int = 8
    """A slow or fast run lasts at least so many beats."""
    urgent_brady_bpm: float = 40.0
    urgent_tachy_bpm: float = 150.0
    urgent_wide_run: int = 4
    """A run of wide beats of this length or more is put on top of the report."""
    rate_beats: int = 8
    """Lowest and highest rate are taken over so many consecutive RR intervals."""
    nn_min_ms: float = 300.0
    nn_max_ms: float = 2000.0
    nn_tolerance: float = 0.20
    """An interval further than this fraction from the median of the 11 around it is not NN
    (the 20 % rule of ambulatory practice; Kleiger RE et al., Am J Cardiol 1987;59:256-262)."""
    hrv_segment_s: float = 300.0
    """Length of SDANN and spectral segments: 5 minutes (Task Force, Circulation 1996;93:1043)."""
    hrv_coverage: float = 0.80
    """A segment counts when NN intervals cover at least this fraction of it."""
    irregular_beats: int = 128
    """Window of the irregular-rhythm screen (Dash S et al., Ann Biomed Eng 2009;37:1701-9)."""
    urgent_irregular_s: float = 180.0
    """An irregular episode of this length or more is put on top of the report."""
    confidence_min: int = 0
    """Beats below this confidence (percent) are left out of every figure; 0 keeps all."""

    def as_dict(self) -> dict[str, Any]:
        """Return the settings by name."""
        return asdict(self)

    @classmethod
    def parse(cls, pairs: list[str]) -> "AnalysisSettings":
        """Return settings from `name=value` texts; raise UsageProblem naming what is wrong."""
        known = {f.name: f.type for f in fields(cls)}
        values: dict[str, Any] = {}
        for pair in pairs:
            name, _, text = pair.partition("=")
            if name not in known:
                raise UsageProblem(
                    f"There is no analysis setting {name!r}.",
                    f"Choose from: {', '.join(known)}.",
                )
            try:
                values[name] = int(text) if known[name] in (int, "int") else float(text)
            except ValueError:
                raise UsageProblem(
                    f"{name}={text!r} is not a number.",
                    f"For example {name}={getattr(cls(), name)}.",
                ) from None
            least, most = LIMITS.get(name, ANY)
            if not least <= values[name] <= most:  # NaN is not, either
                raise UsageProblem(
                    f"{name}={text} makes no sense.",
                    f"It is {least:g} to {most:.10g}, for example {getattr(cls(), name)}.",
                )
        return cls(**values)

    def rows(self) -> list[tuple[str, str]]:
        """Return (what, rule in words) for the report's method page."""
        pause = f"RR of {self.pause_ms:.0f} ms or more; urgent from {self.urgent_pause_ms:.0f} ms"
        count = f"{self.run_beats} beats or more"
        nn = f"{self.nn_min_ms:.0f} to {self.nn_max_ms:.0f} ms"
        cover = f"used when NN cover {self.hrv_coverage:.0%} or more"
        least = f"{self.confidence_min} %" if self.confidence_min else "all beats are used"
        return [
            ("Pause", pause),
            (
                "Slow run",
                f"{count} below {self.brady_bpm:.0f}/min; urgent below "
                f"{self.urgent_brady_bpm:.0f}/min",
            ),
            (
                "Fast run",
                f"{count} above {self.tachy_bpm:.0f}/min; urgent above "
                f"{self.urgent_tachy_bpm:.0f}/min",
            ),
            ("Run of wide beats", f"3 or more in a row; urgent from {self.urgent_wide_run}"),
            ("Lowest, highest rate", f"mean over {self.rate_beats} consecutive RR intervals"),
            (
                "NN interval",
                f"between two normal beats, {nn}, within {self.nn_tolerance:.0%} of the median "
                "of the 11 around it",
            ),
            ("HRV segments", f"{self.hrv_segment_s / 60:.0f} min, {cover}"),
            (
                "Irregular-rhythm screen",
                f"windows of {self.irregular_beats} intervals (Dash 2009): RMSSD/mean RR above "
                "0.1, Shannon entropy above 0.7, turning points 0.54 to 0.77; intervals next to "
                f"wide beats left out; urgent from {self.urgent_irregular_s / 60:.0f} min",
            ),
            ("Least confidence", least),
        ]
