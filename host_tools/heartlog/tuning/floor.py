"""How far the packing is from what could be had: the same beats, under a model without limits.

    python -m heartlog.tuning.floor mitdb

    needs = floor(beats)                         # bits a beat, by group, for journalled beats
    needs["RR interval"]

A monitor codes a beat in small integers, with 5 KB of memory, and begins anew with each page. Here
floating point, memory and time cost nothing and nothing begins anew: 67 guesses at every number
(eleven predictors, among them linear ones of 4, 8 and 16 beats that see what the beat's other
numbers did; three shapes and two paces of their errors; the values that came so far), weighed by
how well each foretold what came lately; and six contexts of the confidence. It is no proof that
nothing less would do, but a measure of what a better model may be hoped to save.

Over the 48 records of MIT-BIH it makes 1.68 bytes a beat of 1.81, and of ten regular ones 1.32 of
1.38. Two bits of that are for promises (a checked end every nine seconds, pages that can be read
alone): without any of them it would be 1.41 and 1.07.
"""

from __future__ import annotations

import math
import struct
import sys
from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from heartlog._firmware.monitor.link import wire
from heartlog._firmware.monitor.link.amplitude import amplitude_code
from heartlog.bench.journal import where_bits_go
from heartlog.errors import CommandError
from heartlog.evaluation.packing import REGULAR_RECORDS, Entry
from heartlog.evaluation.records import find
from heartlog.tuning.packing import load

Array = npt.NDArray[np.float64]

GROUPS = ("RR interval", "amplitude", "width", "confidence")
"""What the mixtures guess. Flags, and what comes next, are left to the firmware's contexts."""
_ORDERS, _PACES = (4, 8, 16), (0.03, 0.03, 0.01)
_PREDICTORS = 8 + len(_ORDERS)
_KEPT = max(_ORDERS)
_LEAST_PROBABILITY = 1e-7


class Mixture:
    """A weighed mean of guesses; weights follow how well each did, half forgotten in `memory`."""

    def __init__(self, count: int, memory: float) -> None:
        self._weights = np.zeros(count)
        self._forget = 0.5 ** (1 / memory)

    def bits(self, guesses: Array) -> float:
        """What the value costs to which the guesses gave these probabilities."""
        weights = np.exp(self._weights)
        mixed = float(weights @ guesses / weights.sum())
        self._weights = self._forget * self._weights + np.log(guesses)
        self._weights -= self._weights.max()
        return -math.log2(mixed)


class Number:
    """Foretells a number from those before it, and from what is given with each."""

    def __init__(self, start: float, error: float, given: int) -> None:
        self._before = deque([float(start)] * _KEPT, _KEPT)
        self._means = np.full(3, float(start))
        self._errors = np.full((2, _PREDICTORS), float(error))
        self._weights = [np.zeros(order + given) for order in _ORDERS]
        self._mixture = Mixture(6 * _PREDICTORS + 1, 23)
        self._seen: dict[int, float] = {}

    @property
    def error(self) -> float:
        """The mean error of the slower mean."""
        return float(self._errors[0, 4])

    @property
    def surprise(self) -> float:
        """How far the last one was from the mean, in mean errors: at most three."""
        off = self._before[0] - float(self._means[1])
        return max(-3.0, min(3.0, off / max(0.5, self.error)))

    def off(self, value: float) -> float:
        """How far a value is from the mean, in mean errors."""
        return float(value - self._means[1]) / max(1.0, self.error)

    def bits(self, value: int, *given: float) -> float:
        """What the value costs; learns it."""
        before = np.array(self._before)
        base = float(self._means[1])
        with_them = [
            np.concatenate([before[:order] - base, np.array(given) * self.error])
            for order in _ORDERS
        ]
        linear = [base + float(w @ x) for w, x in zip(self._weights, with_them, strict=True)]
        expected = np.array(
            [
                before[0],
                (5 * before[0] + 2 * before[1] + before[2]) / 8,
                float(np.median(before[:5])),
                *self._means,
                before[1],
                before[2],
                *linear,
            ]
        )
        shaped = _shaped(value - expected, np.maximum(self._errors, 0.12))
        cost = self._mixture.bits(np.append(shaped, self._as_before(value)))
        self._learn(value, expected, with_them)
        return cost

    def _as_before(self, value: int) -> float:
        near = self._seen.get(value - 1, 0.0) + self._seen.get(value + 1, 0.0)
        total = 1.6 * sum(self._seen.values()) + 1
        return (self._seen.get(value, 0.0) + 0.3 * near + 0.0001) / total

    def _learn(self, value: int, expected: Array, with_them: list[Array]) -> None:
        off = value - expected
        pace = np.array([[0.1], [0.02]])
        for i, (order_pace, x) in enumerate(zip(_PACES, with_them, strict=True)):
            most = 5 * self._errors[0, 8 + i] + 2
            error = max(-most, min(most, off[8 + i]))
            self._weights[i] += order_pace * error * x / (1 + x @ x)
        self._errors += pace * (np.minimum(np.abs(off), 200.0) - self._errors)
        self._means += np.array([0.5, 0.15, 0.04]) * (value - self._means)
        self._before.appendleft(float(value))
        self._seen = {v: 0.98 * n for v, n in self._seen.items() if n > 1e-4}
        self._seen[value] = self._seen.get(value, 0.0) + 1


def _shaped(off: Array, errors: Array) -> Array:
    """Probabilities of an integer so far off, for mean errors (rows): as the distributions of
    Laplace, Cauchy and the logistic one have it."""
    low, high = off - 0.5, off + 0.5

    def laplace(x: Array) -> Array:
        half = 0.5 * np.exp(-np.abs(x) / errors)
        return np.where(x < 0, half, 1 - half)

    def cauchy(x: Array) -> Array:
        return np.arctan(x / (0.45 * errors)) / np.pi

    def logistic(x: Array) -> Array:
        return 0.5 * np.tanh(0.5 * 1.386 * x / errors)

    each = [shape(high) - shape(low) for shape in (laplace, cauchy, logistic)]
    found: Array = np.maximum(np.concatenate(each), _LEAST_PROBABILITY).ravel()
    return found


class Symbol:
    """Foretells one of a few values from what it was in several contexts."""

    def __init__(self, values: int, contexts: int) -> None:
        self._values = values
        self._seen: list[dict[object, Array]] = [{} for _ in range(contexts)]
        self._mixture = Mixture(contexts, 13.5)

    def bits(self, value: int, *contexts: object) -> float:
        """What the value costs, with a context for each; learns it."""
        guesses = []
        for seen, context in zip(self._seen, contexts, strict=True):
            counts = seen.setdefault(context, np.zeros(self._values))
            guesses.append((counts[value] + 0.05) / (counts.sum() + 0.05 * self._values))
            counts *= 0.98
            counts[value] += 1
        return self._mixture.bits(np.array(guesses))


def floor(records: Sequence[Entry]) -> dict[str, float]:
    """Bits a beat that RR, amplitude, width and confidence need; other records are passed over."""
    total = dict.fromkeys(GROUPS, 0.0)
    after_normal, early, after_early = Number(200, 6, 1), Number(140, 20, 1), Number(240, 20, 1)
    amplitudes = Number(100, 2, 1), Number(105, 3, 1)
    widths = Number(12, 1, 2), Number(16, 1.5, 2)
    confidence = Symbol(16, 6)
    last = before = 10
    old = count = 0
    for _, kind, body in records:
        if kind != wire.BEAT:
            continue
        _, rr, uv, width, percent, flags = struct.unpack(wire.RECORDS[wire.BEAT][1], body)
        count += 1
        odd, wide = 0.0, flags >> 3 & 1
        if rr:
            was_early = old & wire.BEAT_PREMATURE
            interval = early if flags & wire.BEAT_PREMATURE else after_normal
            if was_early and interval is after_normal:
                interval = after_early
            odd = max(-3.0, min(3.0, after_normal.off(rr)))
            total["RR interval"] += interval.bits(rr, amplitudes[0].surprise)
        total["amplitude"] += amplitudes[wide].bits(amplitude_code(uv), odd)
        high = amplitudes[wide].surprise
        total["width"] += widths[wide].bits(width, high, odd)
        broad = round(widths[wide].surprise)
        code = percent // 10
        total["confidence"] += confidence.bits(
            code, last, (last, before), (last, round(high), broad),
            (flags, broad), (last, flags, round(odd)), flags,
        )  # fmt: skip
        old, before, last = flags, last, code
    return {name: bits / max(1, count) for name, bits in total.items()}


def _print(which: str, rows: list[tuple[dict[str, float], dict[str, float]]]) -> None:
    """Means over records: of the floor, and of what the firmware's pages take."""
    print(f"{which}, {len(rows)} records, bits a beat".ljust(34) + f"{'floor':>8}{'packed':>8}")
    sums = [0.0, 0.0]
    for name in rows[0][1]:
        taken = float(np.mean([packed[name] for _, packed in rows]))
        least = float(np.mean([needs.get(name, packed[name]) for needs, packed in rows]))
        sums = [sums[0] + least, sums[1] + taken]
        print(f"  {name:<32}{least:8.2f}{taken:8.2f}")
    print(f"  {'together':<32}{sums[0]:8.2f}{sums[1]:8.2f}")
    print(f"  {'in bytes':<32}{sums[0] / 8:8.2f}{sums[1] / 8:8.2f}\n")


def main(arguments: list[str]) -> int:
    """Prints what each group needs, and what it takes in the firmware's pages."""
    try:
        names = [source.name for source in find(arguments)]
        records = load(arguments)
    except CommandError as error:
        print(error.message, error.hint, file=sys.stderr)
        return int(error.exit_code)
    rows = [(floor(beats), where_bits_go(beats)) for beats in records]
    _print("all", rows)
    regular = [row for name, row in zip(names, rows, strict=True) if name in REGULAR_RECORDS]
    if regular:
        _print("regular", regular)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
