"""Heart rate variability from NN intervals: time domain, frequency domain, Poincaré.

    hrv = variability(beats["time"], beats["rr_ms"], intervals.nn, settings)
    hrv.sdnn, hrv.rmssd, hrv.lf_ms2

Definitions: Task Force of the ESC and NASPE, Circulation 1996;93:1043-1065. Successive
differences are taken only between intervals that follow each other with no beat between them.
Spectra: each 5-minute segment is interpolated by a cubic spline at 4 Hz, freed of its straight
line, weighted by a Hann window and transformed; powers of the segments are averaged.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from heartlog.analysis.rr import Floats, Mask
from heartlog.analysis.settings import AnalysisSettings

RESAMPLE_HZ = 4.0
BANDS = {"vlf": (0.0033, 0.04), "lf": (0.04, 0.15), "hf": (0.15, 0.40)}
HISTOGRAM_MS = 1000.0 / 128.0
"""Bin of the triangular index: 7.8125 ms, as the Task Force asks."""


@dataclass(frozen=True, slots=True)
class Hrv:
    """Milliseconds, ms² for powers, percent for pNN50; None where too little is known."""

    nn_count: int
    nn_percent_out: float
    mean_nn: float | None = None
    sdnn: float | None = None
    sdann: float | None = None
    sdnn_index: float | None = None
    rmssd: float | None = None
    pnn50: float | None = None
    triangular_index: float | None = None
    sd1: float | None = None
    sd2: float | None = None
    vlf_ms2: float | None = None
    lf_ms2: float | None = None
    hf_ms2: float | None = None
    lf_hf: float | None = None
    lf_nu: float | None = None
    hf_nu: float | None = None
    segments: int = 0
    """5-minute segments with NN enough."""
    segments_total: int = 0


MIN_NN = 20


def variability(
    time: Floats, rr_ms: Floats, nn: Mask, settings: AnalysisSettings, percent_out: float = 0.0
) -> Hrv:
    """Return every figure. `time` (UNIX s) and `rr_ms` are per beat, `nn` marks NN intervals."""
    count = int(nn.sum())
    if count < MIN_NN:
        return Hrv(count, percent_out)
    values = rr_ms[nn].astype(np.float64)
    follows = nn.copy()
    follows[0] = False
    follows[1:] &= nn[:-1]
    steps = np.diff(rr_ms.astype(np.float64), prepend=np.nan)[follows]
    # Where the host's clock was set back between two starts of the monitor, time does not go on:
    # beats that come "before" others stay out of what is cut into segments.
    forward = np.diff(np.maximum.accumulate(time), prepend=-np.inf) > 0
    nn = nn & forward
    values_in_time = rr_ms[nn].astype(np.float64)
    pieces = segments(time, nn, settings, rr_ms)
    means = [float(rr_ms[s].mean()) for s in pieces.used]
    deviations = [float(rr_ms[s].std(ddof=1)) for s in pieces.used]
    powers = band_powers(time[nn], values_in_time, pieces.starts, settings.hrv_segment_s)
    sdnn = float(values.std(ddof=1))
    rmssd = pnn50 = sd1 = sd2 = None
    if len(steps) >= MIN_NN // 2:
        rmssd = float(np.sqrt(np.mean(steps**2)))
        pnn50 = 100.0 * float(np.mean(np.abs(steps) > 50.0))
        half = float(np.var(steps, ddof=1)) / 2.0
        sd1 = float(np.sqrt(half))
        sd2 = float(np.sqrt(max(0.0, 2.0 * sdnn**2 - half)))
    counts, _ = np.histogram(
        values, np.arange(values.min(), values.max() + 2 * HISTOGRAM_MS, HISTOGRAM_MS)
    )
    mean_powers = powers.mean(axis=0) if len(powers) else None
    vlf, lf, hf = (None,) * 3 if mean_powers is None else (float(p) for p in mean_powers)
    both = (lf or 0.0) + (hf or 0.0)
    return Hrv(
        nn_count=count,
        nn_percent_out=percent_out,
        mean_nn=float(values.mean()),
        sdnn=sdnn,
        sdann=float(np.std(means, ddof=1)) if len(means) > 1 else None,
        sdnn_index=float(np.mean(deviations)) if deviations else None,
        rmssd=rmssd,
        pnn50=pnn50,
        triangular_index=count / float(counts.max()),
        sd1=sd1,
        sd2=sd2,
        vlf_ms2=vlf,
        lf_ms2=lf,
        hf_ms2=hf,
        lf_hf=lf / hf if lf is not None and hf else None,
        lf_nu=100.0 * lf / both if lf is not None and both else None,
        hf_nu=100.0 * hf / both if hf is not None and both else None,
        segments=len(pieces.used),
        segments_total=pieces.total,
    )


@dataclass(frozen=True, slots=True)
class Segments:
    """Indices of the NN beats of each segment that is covered enough, its start (UNIX seconds),
    and how many segments there were."""

    used: list[np.ndarray]
    starts: Floats
    total: int


def segments(time: Floats, nn: Mask, settings: AnalysisSettings, rr_ms: Floats) -> Segments:
    """Cut the record into segments from its first beat on and keep those covered enough."""
    if len(time) == 0:
        return Segments([], np.zeros(0), 0)
    length = settings.hrv_segment_s
    total = int((np.max(time) - time[0]) // length)
    chosen = np.flatnonzero(nn)
    where = ((time[chosen] - time[0]) // length).astype(np.int64)
    cuts = np.searchsorted(where, np.arange(total + 1))
    used, starts = [], []
    for i in range(total):
        piece = chosen[cuts[i] : cuts[i + 1]]
        covered = float(rr_ms[piece].sum()) / 1000.0
        if len(piece) >= MIN_NN and covered >= settings.hrv_coverage * length:
            used.append(piece)
            starts.append(float(time[0]) + i * length)
    return Segments(used, np.array(starts), total)


def band_powers(time: Floats, nn_ms: Floats, starts: Floats, seconds: float) -> Floats:
    """Return (VLF, LF, HF) power in ms² of each segment, shape (segments, 3).

    `time` and `nn_ms` are all NN intervals; segments begin at `starts` and last `seconds`.
    """
    if len(starts) == 0:
        return np.zeros((0, 3))
    frequency, density = spectra(time, nn_ms, starts, seconds)
    step = frequency[1] - frequency[0]
    bands = [(frequency >= low) & (frequency < high) for low, high in BANDS.values()]
    return np.column_stack([density[:, band].sum(axis=1) * step for band in bands])


def spectra(time: Floats, nn_ms: Floats, starts: Floats, seconds: float) -> tuple[Floats, Floats]:
    """Return (Hz, ms²/Hz per segment): one-sided power spectral densities."""
    count = int(seconds * RESAMPLE_HZ)
    origin = time[0]
    curve = CubicSpline(time - origin, nn_ms)
    grid = (starts - origin)[:, None] + np.arange(count) / RESAMPLE_HZ
    even = curve(np.clip(grid, 0.0, time[-1] - origin))
    x = np.arange(count) - (count - 1) / 2
    even -= even.mean(axis=1, keepdims=True)
    even -= (even @ x / (x @ x))[:, None] * x
    window = np.hanning(count)
    transformed = np.fft.rfft(even * window, axis=1)
    density: Floats = 2.0 * np.abs(transformed) ** 2 / (RESAMPLE_HZ * np.sum(window**2))
    frequency: Floats = np.fft.rfftfreq(count, 1.0 / RESAMPLE_HZ).astype(np.float64)
    return frequency, density
