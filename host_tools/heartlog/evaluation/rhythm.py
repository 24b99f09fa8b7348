"""Fits the points by which the firmware calls a beat wide, and says how well they generalise.

    HEARTLOG_ECG=folder python -m heartlog.evaluation.rhythm

The firmware itself collects what the points are given for (`Rhythm.seen`), from the beats of its
own detector; here only the points are fitted: by logistic regression, in which a record's beats
of a class weigh 1 / max(30, number)^0.2 each, so that no record outweighs the others, with a
ridge of 3e-5 a beat. There is nothing random in it. The cross-validated figures come from points
that were fitted on the records at even places of the database and used on those at odd places,
and the other way round. Records with paced beats are left out (EC57); fusion and unclassified
beats, and detections that are no beat, are not fitted.

The one to compare with: Hamilton's OSEA classifier (its public C sources, 200 samples/s, channel
0, all of each record, scored by the same rules) reaches Se 92.54 and PPV 96.63, with 523 missed
and 226 false; it decides 600 ms after the beat, and was not cross-validated.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heartlog.evaluation.board import Board
from heartlog.evaluation.evaluate import PACED, Result, evaluate_all
from heartlog.evaluation.records import find, read
from heartlog.evaluation.score import (
    NOT_COUNTED_AS_FALSE_V,
    VENTRICULAR,
    ClassCounts,
    score_ventricular,
)

SINGLE = [32, 32, 256, 256, 32, 32, 1, 1, 256, 256]
UNITS = np.array([*SINGLE, 256, 256, 256, 32, 256, 32, 32, 256], dtype=np.float64)
"""What 1 is in the firmware's integers, for each word of `seen`."""
SCALE = 8000
RIDGE, BALANCE, LEAST = 3e-5, 0.2, 30


@dataclass(frozen=True)
class Samples:
    """Beats of one record: what was seen (in units), and the class: 1 V, 0 N or S, -1 neither."""

    result: Result
    seen: NDArray[np.float64]
    classes: NDArray[np.int64]


def collect(folder: Path) -> list[Samples]:
    """Runs the firmware over the database."""
    recordings = [read(source) for source in find([], folder / "mitdb")]
    samples = []
    with Board(explain=True) as board:
        for result in evaluate_all(board, recordings, 250):
            scored = result.score
            if scored is None or PACED in scored.symbols:
                continue
            classes = np.full(len(result.peaks), -1)
            for i, j in scored.pairs.tolist():
                symbol = str(scored.symbols[i])
                if symbol not in NOT_COUNTED_AS_FALSE_V:
                    classes[j] = symbol in VENTRICULAR
            samples.append(Samples(result, result.detection.seen / UNITS, classes))
    return samples


def fit(samples: list[Samples]) -> NDArray[np.float64]:
    """Logistic regression by Newton's method: weights for each unit, then the offset."""
    rows, targets, weights = [], [], []
    for one in samples:
        for kind in (0, 1):
            chosen = one.classes == kind
            count = int(np.count_nonzero(chosen))
            rows.append(one.seen[chosen])
            targets.append(np.full(count, float(kind)))
            weights.append(np.full(count, 1 / max(LEAST, count) ** BALANCE))
    x, y, w = np.vstack(rows), np.concatenate(targets), np.concatenate(weights)
    x = np.column_stack([x, np.ones(len(x))])
    w /= w.mean()
    ridge = np.full(x.shape[1], RIDGE * len(y))
    ridge[-1] = 0
    b = np.zeros(x.shape[1])
    for _ in range(15):
        p = 1 / (1 + np.exp(-np.clip(x @ b, -30, 30)))
        gradient = x.T @ (w * (p - y)) + ridge * b
        hessian = (x * (w * p * (1 - p))[:, None]).T @ x + np.diag(ridge + 1e-6)
        b -= np.linalg.solve(hessian, gradient)
    return b


def as_points(weights: NDArray[np.float64], threshold: float) -> tuple[list[int], int]:
    """Weights as the firmware's integers: points for one of each of `seen`, and the offset."""
    points = np.rint(weights[:-1] / UNITS * SCALE).astype(int).tolist()
    return points, round((weights[-1] - threshold) * SCALE)


def count(samples: list[Samples], points: list[int], offset: int) -> ClassCounts:
    """Scores integer points on records, missed beats and false detections included."""
    total = ClassCounts()
    for one in samples:
        if one.result.score is not None:
            called = one.result.detection.seen @ np.array(points) + offset > 0
            total.add(score_ventricular(one.result.score, called))
    return total


def line(name: str, counts: ClassCounts) -> str:
    """One row of the table."""
    return (
        f"{name:<44}Se {counts.se or 0:6.2f}  PPV {counts.ppv or 0:6.2f}  "
        f"missed {counts.fn:4d}  false {counts.fp:4d}"
    )


def main(folder: Path) -> None:
    """Prints the fitted points and the tables."""
    samples = collect(folder)
    shipped = ClassCounts()
    for one in samples:
        if (own := one.result.ventricular) is not None:
            shipped.add(own)
    print(line("as the firmware has it", shipped))
    halves = samples[::2], samples[1::2]
    fits = [fit(half) for half in halves]
    for threshold in (-0.5, -0.25, 0.0, 0.25, 0.5):
        points, offset = as_points(fit(samples), threshold)
        print(line(f"fitted on all, threshold {threshold:+.2f}", count(samples, points, offset)))
        crossed = count(halves[1], *as_points(fits[0], threshold))
        crossed.add(count(halves[0], *as_points(fits[1], threshold)))
        print(line(f"cross-validated, threshold {threshold:+.2f}", crossed))
        print(f"POINTS = {tuple(points)}\nOFFSET = {offset}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["HEARTLOG_ECG"]))
