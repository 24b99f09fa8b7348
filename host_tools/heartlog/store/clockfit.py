"""Wall time from the sample index: offset and drift fitted to synchronisation points.

    fit = fit_clock(index, host_time, uncertainty, nominal_rate, pace=pace)
    fit.time(beat_index)          # UNIX seconds
    fit.drift_ppm                 # how far the front end's clock is off

One fit is made for each boot of the device, since the sample index starts anew with it. The index
is straightened first by what the monitor noted of its crystal (pace.py), if it did: what remains
is the crystal's drift.

A host clock that jumps (set by hand, by NTP, resumed from sleep) leaves groups of points that
agree within but not between: the group measured last tells the time, for a clock is corrected
towards the truth, and the jump is reported. The mean drift (the median of the slopes between
points) is taken out first, so that a step of 0.1 s shows even between points ten minutes apart.
Then parallel lines by weighted least squares, one through each group: how fast the monitor's clock
runs can be seen in all of them, and a clock that was set shortly before the end must not leave
that to a few points. Points further than 4 x their own uncertainty + 20 ms from their line are
left out and counted.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from heartlog.store.pace import MAX_ERROR, Pace, through

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MAX_DRIFT = 500e-6
"""Beyond any crystal (typically 20 to 50 ppm, ceramic resonators to 500 ppm)."""
CRYSTAL = 40e-6
"""What a crystal is off by, as a standard deviation: a few points close together can't say better,
and must not rule the days before them."""
JUMP_SECONDS = 0.1
"""A step of the host's clock that counts as one: NTP sets a clock that is more than 128 ms off,
and slews it otherwise (RFC 5905, STEPT)."""
WANDER = 30e-6
"""How far a crystal may stray from its own mean drift, with the temperature of who wears it."""
MIN_SLOPES = 4
"""Pairs of points from which that mean drift can be told."""
MIN_GROUP = 3
"""Points that must agree before a changed clock is believed; fewer may be odd ones."""
MIN_SPAN_SECONDS = 120.0
"""Without a pace a slope from less than this would be ruled by the points' own uncertainty:
nominal is used."""


@dataclass(frozen=True, slots=True)
class ClockFit:
    """time = origin + (index - index0) / rate, for one boot; with `knots` straight from one of
    them to the next."""

    boot: int
    index0: int
    origin: float
    """UNIX seconds at `index0`."""
    rate: float
    """Fitted samples per true second; the mean, where there are knots."""
    nominal: float
    points: int
    used: int
    jumps: int
    residual_ms: float
    """Root mean square distance of the points used."""
    device_boot: int = 0
    """The device's own boot number."""
    journal: int = 0
    known: bool = True
    """False: no synchronisation point in this boot; placed by the session's start or the
    boot before, so the time of day is an estimate."""
    knots: tuple[tuple[float, float], ...] = ()
    """(unwrapped index, UNIX seconds) where the monitor compared the front end's clock with its
    own crystal; none or two at least."""

    @property
    def drift_ppm(self) -> float:
        """How much faster samples come than they should by true time, in parts per million."""
        return (self.rate / self.nominal - 1.0) * 1e6

    def time(self, index: npt.ArrayLike) -> Floats:
        """Return fitted UNIX seconds for unwrapped sample indices."""
        x = np.asarray(index, np.float64)
        if self.knots:
            at, seconds = np.array(self.knots).T
            return through(x, at, seconds)
        return self.origin + (x - self.index0) / self.rate

    def index(self, time: float) -> int:
        """Return the unwrapped index of the sample that was converted at a time (UNIX s)."""
        if self.knots:
            at, seconds = np.array(self.knots).T
            return round(float(through(np.asarray(time, np.float64), seconds, at)))
        return self.index0 + round((time - self.origin) * self.rate)

    def raw_time(self, index: npt.ArrayLike) -> Floats:
        """Return UNIX seconds by the nominal rate from the same origin."""
        return self.origin + (np.asarray(index, np.float64) - self.index0) / self.nominal

    def moved(self, seconds: float) -> ClockFit:
        """The same clock, told later by so much."""
        knots = tuple((at, time + seconds) for at, time in self.knots)
        return replace(self, origin=self.origin + seconds, knots=knots)


def fit_clock(
    index: npt.ArrayLike,
    host_time: npt.ArrayLike,
    uncertainty_ms: npt.ArrayLike,
    nominal: float,
    boot: int = 0,
    pace: Pace | None = None,
) -> ClockFit:
    """Fit one boot's clock to one or more points (unwrapped index, UNIX seconds, ms)."""
    indices = np.asarray(index, np.int64)
    y = np.asarray(host_time, np.float64)
    u = np.maximum(np.asarray(uncertainty_ms, np.float64) / 1000.0, 0.001)
    order = np.argsort(indices, kind="stable")
    indices, y, u = indices[order], y[order], u[order]
    pace = pace or Pace()
    x = pace.even(indices)
    groups, last = _groups(x, y, u, nominal, pace.known)
    of = np.repeat(np.arange(len(groups)), [stop - first for first, stop in groups])
    chosen = of == last
    at = int(np.flatnonzero(chosen)[0])
    keep = np.arange(len(x))
    rate, line = nominal, np.zeros(len(x))
    for _ in range(4):
        rate, line = _lines(x - x[at], y, u, of, keep, nominal, pace.known)
        better = np.flatnonzero(np.abs(y - line) <= 4 * u + 0.020)
        if not chosen[better].any() or np.array_equal(better, keep):
            break
        keep = better
    used = keep[chosen[keep]]
    residual = y[used] - line[used]
    rms = float(np.sqrt(np.mean(residual**2))) * 1000.0
    jumps = len(groups) - 1 - sum(1 for a, b in groups[1:-1] if b - a == 1)
    fit = ClockFit(
        boot, int(indices[at]), float(line[at]), rate, nominal, len(x), len(used), jumps, rms
    )
    return _bent(fit, pace, float(x[at]))


def guess_clock(
    index0: int, origin: float, nominal: float, boot: int = 0, pace: Pace | None = None
) -> ClockFit:
    """Place a boot without synchronisation points at `origin` (UNIX seconds)."""
    pace = pace or Pace()
    fit = ClockFit(boot, index0, origin, nominal, nominal, 0, 0, 0, 0.0, known=False)
    return _bent(fit, pace, float(pace.even(index0)))


def _bent(fit: ClockFit, pace: Pace, even0: float) -> ClockFit:
    """A fit of straightened indices as one of those that the monitor gave."""
    if not pace.known:
        return fit
    seconds = fit.origin + (pace.straight - even0) / fit.rate
    rate = float((pace.index[-1] - pace.index[0]) / (seconds[-1] - seconds[0]))
    knots = tuple(zip(pace.index.tolist(), seconds.tolist(), strict=True))
    return replace(fit, rate=rate, knots=knots)


def _groups(
    x: Floats, y: Floats, u: Floats, nominal: float, paced: bool
) -> tuple[list[tuple[int, int]], int]:
    """Split where the offset steps by more than the clock can (first, behind the last point of
    each group); which of them tells the time: the last settled one."""
    seconds = x / nominal
    offset = y - seconds
    apart = np.diff(seconds)
    far = apart > 0
    drift, slack = 0.0, MAX_DRIFT
    if np.count_nonzero(far) >= MIN_SLOPES:
        drift = float(np.median(np.diff(offset)[far] / apart[far]))
        if abs(drift) <= MAX_DRIFT:
            slack = WANDER
        elif paced or abs(drift) > MAX_ERROR:
            drift = 0.0  # no crystal, and no oscillator: then the host's clock is at fault
    offset = offset - drift * seconds
    step = np.abs(np.diff(offset))
    allowed = JUMP_SECONDS + slack * apart + 2 * (u[1:] + u[:-1])
    breaks = np.flatnonzero(step > allowed)
    # A single odd point makes two steps that cancel: it is an outlier, not a jump.
    real = [b for b in breaks if not _single_outlier(offset, u, int(b))]
    edges = [0, *(int(b) + 1 for b in real), len(x)]
    groups = list(itertools.pairwise(edges))
    settled = [n for n, (a, b) in enumerate(groups) if b - a >= MIN_GROUP]
    longest = max(range(len(groups)), key=lambda n: groups[n][1] - groups[n][0])
    return groups, settled[-1] if settled else longest


def _single_outlier(offset: Floats, u: Floats, b: int) -> bool:
    """Say whether the step after point b belongs to one odd point among points that agree."""

    def agree(i: int, j: int) -> bool:
        return bool(abs(offset[i] - offset[j]) <= JUMP_SECONDS + 2 * (u[i] + u[j]))

    n = len(offset)
    enters = b + 2 < n and agree(b, b + 2)
    leaves = b >= 1 and agree(b - 1, b + 1)
    return enters or leaves


def _lines(
    x: Floats, y: Floats, u: Floats, of: Ints, keep: Ints, nominal: float, paced: bool
) -> tuple[float, Floats]:
    """Parallel lines through the points `keep` of each group, by weighted least squares around
    the nominal rate: the rate, and where each point's line passes it."""
    seconds = x / nominal
    offset = y - seconds
    w = np.zeros(len(x))
    w[keep] = 1.0 / u[keep] ** 2
    total = np.bincount(of, w)
    total[total == 0.0] = 1.0
    mean_s = np.bincount(of, w * seconds) / total
    mean_o = np.bincount(of, w * offset) / total
    ds, do = seconds - mean_s[of], offset - mean_o[of]
    told, most = float(np.sum(w * ds * ds)), MAX_DRIFT
    slope = 0.0
    if paced:
        slope = float(np.sum(w * ds * do)) / (told + CRYSTAL**-2)
    else:
        spans = [float(np.ptp(seconds[keep[of[keep] == n]])) for n in set(of[keep].tolist())]
        if max(spans) >= MIN_SPAN_SECONDS:
            slope = float(np.sum(w * ds * do)) / told
        if len(keep) > MIN_SLOPES:
            most = MAX_ERROR
    slope = max(-most, min(most, slope))
    return nominal / (1.0 + slope), seconds + mean_o[of] + slope * ds
