"""Wall time from the sample index: offset and drift fitted to synchronisation points.

    fit = fit_clock(index, host_time, uncertainty, nominal_rate=250.0)
    fit.time(beat_index)          # UNIX seconds
    fit.drift_ppm                 # how far the crystal is off

One fit is made for each boot of the device, since the sample index starts anew with it. A host
clock that jumps (set by hand, by NTP, resumed from sleep) leaves groups of points that agree
within but not between: the group measured last is taken, for a clock is corrected towards the
truth, and the jump is reported. The crystal's mean drift (the median of the slopes between points)
is taken out first, so that a step of 0.1 s shows even between points ten minutes apart. Straight
line by weighted least squares; points further than 4 x their own uncertainty + 20 ms from it are
left out and counted.
"""

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MAX_DRIFT = 500e-6
"""Beyond any crystal (typically 20 to 50 ppm, ceramic resonators to 500 ppm): then the host
clock is at fault."""
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
"""A slope from less than this would be ruled by the points' own uncertainty: nominal is used."""


@dataclass(frozen=True, slots=True)
class ClockFit:
    """time = origin + (index - index0) / rate, for one boot."""

    boot: int
    index0: int
    origin: float
    """UNIX seconds at `index0`."""
    rate: float
    """Fitted samples per true second."""
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

    @property
    def drift_ppm(self) -> float:
        """How much faster the device's crystal runs than true time, in parts per million."""
        return (self.rate / self.nominal - 1.0) * 1e6

    def time(self, index: npt.ArrayLike) -> Floats:
        """Return fitted UNIX seconds for unwrapped sample indices."""
        return self.origin + (np.asarray(index, np.float64) - self.index0) / self.rate

    def raw_time(self, index: npt.ArrayLike) -> Floats:
        """Return UNIX seconds by the nominal rate from the same origin."""
        return self.origin + (np.asarray(index, np.float64) - self.index0) / self.nominal


def fit_clock(
    index: npt.ArrayLike,
    host_time: npt.ArrayLike,
    uncertainty_ms: npt.ArrayLike,
    nominal: float,
    boot: int = 0,
) -> ClockFit:
    """Fit one boot's clock to one or more points (unwrapped index, UNIX seconds, ms)."""
    x = np.asarray(index, np.int64)
    y = np.asarray(host_time, np.float64)
    u = np.maximum(np.asarray(uncertainty_ms, np.float64) / 1000.0, 0.001)
    order = np.argsort(x, kind="stable")
    x, y, u = x[order], y[order], u[order]
    group, jumps = _last_group(x, y, u, nominal)
    x0 = int(x[group][0])
    keep = np.flatnonzero(group)
    rate, origin = nominal, 0.0
    for _ in range(4):
        rate, origin = _line(x[keep] - x0, y[keep], u[keep], nominal)
        off = np.abs(y - (origin + (x - x0) / rate))
        better = np.flatnonzero(group & (off <= 4 * u + 0.020))
        if len(better) == 0 or np.array_equal(better, keep):
            break
        keep = better
    residual = y[keep] - (origin + (x[keep] - x0) / rate)
    rms = float(np.sqrt(np.mean(residual**2))) * 1000.0
    return ClockFit(boot, x0, origin, rate, nominal, len(x), len(keep), jumps, rms)


def guess_clock(index0: int, origin: float, nominal: float, boot: int = 0) -> ClockFit:
    """Place a boot without synchronisation points at `origin` (UNIX seconds)."""
    return ClockFit(boot, index0, origin, nominal, nominal, 0, 0, 0, 0.0, known=False)


def _last_group(
    x: Ints, y: Floats, u: Floats, nominal: float
) -> tuple[npt.NDArray[np.bool_], int]:
    """Split where the offset steps by more than a crystal can; return the last settled group."""
    seconds = x / nominal
    offset = y - seconds
    apart = np.diff(seconds)
    far = apart > 0
    drift, slack = 0.0, MAX_DRIFT
    if np.count_nonzero(far) >= MIN_SLOPES:
        drift = float(np.median(np.diff(offset)[far] / apart[far]))
        drift, slack = (drift, WANDER) if abs(drift) <= MAX_DRIFT else (0.0, MAX_DRIFT)
    offset = offset - drift * seconds
    step = np.abs(np.diff(offset))
    allowed = JUMP_SECONDS + slack * apart + 2 * (u[1:] + u[:-1])
    breaks = np.flatnonzero(step > allowed)
    # A single odd point makes two steps that cancel: it is an outlier, not a jump.
    real = [b for b in breaks if not _single_outlier(offset, u, int(b))]
    edges = [0, *(int(b) + 1 for b in real), len(x)]
    groups = list(itertools.pairwise(edges))
    settled = [g for g in groups if g[1] - g[0] >= MIN_GROUP]
    first, stop = settled[-1] if settled else max(groups, key=lambda g: g[1] - g[0])
    mask = np.zeros(len(x), bool)
    mask[first:stop] = True
    # An odd point just where the clock was set (asked before, answered after) is no jump itself.
    alone = sum(1 for a, b in groups[1:-1] if b - a == 1)
    return mask, len(real) - alone


def _single_outlier(offset: Floats, u: Floats, b: int) -> bool:
    """Say whether the step after point b belongs to one odd point among points that agree."""

    def agree(i: int, j: int) -> bool:
        return bool(abs(offset[i] - offset[j]) <= JUMP_SECONDS + 2 * (u[i] + u[j]))

    n = len(offset)
    enters = b + 2 < n and agree(b, b + 2)
    leaves = b >= 1 and agree(b - 1, b + 1)
    return enters or leaves


def _line(x: Ints, y: Floats, u: Floats, nominal: float) -> tuple[float, float]:
    """Return (rate, origin at x = 0) by weighted least squares around the nominal rate."""
    span = float(x[-1] - x[0]) / nominal
    seconds = x / nominal
    offset = y - seconds
    w = 1.0 / u**2
    mean_s = float(np.average(seconds, weights=w))
    mean_o = float(np.average(offset, weights=w))
    slope = 0.0
    if span >= MIN_SPAN_SECONDS:
        ds = seconds - mean_s
        slope = float(np.sum(w * ds * (offset - mean_o)) / np.sum(w * ds * ds))
        slope = max(-MAX_DRIFT, min(MAX_DRIFT, slope))
    return nominal / (1.0 + slope), mean_o - slope * mean_s
