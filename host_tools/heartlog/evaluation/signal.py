"""From a record's millivolts to the codes that the analog front end would deliver.

Resampling is polyphase with a Kaiser low-pass (80 dB); scaling is that of the ADS1292R at its
defaults: reference 2.42 V, gain 6, 24 bits two's complement (ADS1292R data sheet, SBAS502,
section 8.5.1: LSB = VREF / gain / (2^23 - 1)).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin, kaiserord, upfirdn

RATES = (125, 250, 500, 1000)
"""Samples/s at which the detector runs."""
FULL_SCALE = (1 << 23) - 1
NV_PER_CODE = 2.42 / 6 / FULL_SCALE * 1e9
"""Nanovolts for one code: 48.08."""
BRIDGED_S = 0.02
"""Up to this many seconds of missing samples are bridged by a line; more is a gap."""


@dataclass(frozen=True)
class Codes:
    """What the detector is fed.

    `codes` are int32 at `rate` samples/s; `runs` are lengths, in turn, of stretches with samples
    and without (the first may be 0). `step` is how many of the record's samples one code spans.
    """

    codes: NDArray[np.int32]
    runs: list[int]
    rate: int
    step: float
    clipped: int

    def to_record(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Sample numbers of the record for indices of codes."""
        return np.asarray(np.rint(index * self.step), dtype=np.int64)


def choose_rate(asked: int) -> int:
    """The rate that serves for the one asked for: the next one up, so that nothing is lost."""
    return next((rate for rate in RATES if rate >= asked), RATES[-1])


def to_codes(millivolts: NDArray[np.float64], fs: float, rate: int) -> Codes:
    """Resamples a channel (mV at `fs` samples/s, NaN where missing) and scales it to AFE codes."""
    missing = ~np.isfinite(millivolts)
    gaps = _spans(missing, longer_than=BRIDGED_S * fs)
    ratio = Fraction(rate / fs).limit_denominator(2000)
    values = resample(_fill(millivolts, missing), ratio.numerator, ratio.denominator)
    step = ratio.denominator / ratio.numerator
    raw = np.rint(values * (1e6 / NV_PER_CODE))
    codes = np.clip(raw, -FULL_SCALE - 1, FULL_SCALE).astype(np.int32)
    lost = np.zeros(len(codes), dtype=bool)
    for start, end in gaps:
        lost[int(np.ceil(start / step)) : int(np.ceil(end / step))] = True
    return Codes(codes, _runs(lost), rate, step, int(np.count_nonzero(raw != codes)))


def fit_rate(values: NDArray[np.float64], fs: float, rate: float) -> NDArray[np.float64]:
    """Resamples from one rate to another."""
    ratio = Fraction(rate / fs).limit_denominator(2000)
    return resample(values, ratio.numerator, ratio.denominator)


def resample(values: NDArray[np.float64], up: int, down: int) -> NDArray[np.float64]:
    """Polyphase resampling by up/down without delay; the ends are continued as they are.

    The low-pass reaches -80 dB at half the lower of the two rates and begins to fall at 90 % of
    that. Sample i of the result lies at sample i * down / up of the input.
    """
    if up == down:
        return values.copy()
    widest = max(up, down)
    taps, beta = kaiserord(80.0, 0.1 / widest)
    half = -(-taps // 2)
    kernel = firwin(2 * half + 1, 0.95 / widest, window=("kaiser", beta)) * up
    margin = -(-half // up) + 1
    padded = np.concatenate([np.full(margin, values[0]), values, np.full(margin, values[-1])])
    # Output k of upfirdn lies at (k * down - half) / up of the padded input: zeros in front of
    # the kernel make the record's sample 0 fall on an output.
    lead = -(half + margin * up) % down
    first = (half + margin * up + lead) // down
    count = -(-len(values) * up // down)
    out = upfirdn(np.concatenate([np.zeros(lead), kernel]), padded, up, down)
    return np.asarray(out[first : first + count], dtype=np.float64)


def _fill(values: NDArray[np.float64], missing: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Bridges missing samples by lines, so that the low-pass has something to work on."""
    if not missing.any():
        return values
    if missing.all():
        return np.zeros_like(values)
    at = np.arange(len(values))
    return np.interp(at, at[~missing], values[~missing])


def _spans(mask: NDArray[np.bool_], longer_than: float) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    pairs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(start, end) for start, end in pairs if end - start > longer_than]


def _runs(lost: NDArray[np.bool_]) -> list[int]:
    """Lengths of the stretches with samples and without, in turn, from one with samples on."""
    edges = np.flatnonzero(np.diff(lost.astype(np.int8))) + 1
    bounds = [0, *edges.tolist(), len(lost)]
    lengths = [b - a for a, b in pairwise(bounds)]
    return [0, *lengths] if len(lost) and lost[0] else lengths
