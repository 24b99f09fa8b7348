"""The rhythm on the MIT-BIH database: ventricular beats as EC57 counts them, irregular spans.

Ratchets: figures may get better, not worse. They are fitted and cross-validated by the program
heartlog.evaluation.rhythm.
"""

from pathlib import Path

import numpy as np
import pytest
import wfdb

from heartlog.evaluation import rhythm as fitting
from heartlog.evaluation.board import Board
from heartlog.evaluation.evaluate import Total, evaluate_all
from heartlog.evaluation.records import find, read

MISSED_V, FALSE_V = 379, 352
CROSSED_MISSED_V, CROSSED_FALSE_V = 417, 373
IRREGULAR_SENSITIVITY, REGULAR_SPECIFICITY = 0.96, 0.87
IRREGULAR = 32


@pytest.fixture(scope="module")
def samples(ecg_dir: Path, micropython: str) -> list[fitting.Samples]:
    return fitting.collect(ecg_dir)


def test_paced_records_are_left_out(samples: list[fitting.Samples]) -> None:
    names = {one.result.recording.name for one in samples}
    assert len(names) == 44
    assert not names & {"102", "104", "107", "217"}


def test_ventricular_beats(samples: list[fitting.Samples]) -> None:
    total = Total()
    for one in samples:
        total.add(one.result)
    assert total.ventricular.tp + total.ventricular.fn == 7009  # V, E and r of the 44 records
    assert total.ventricular.fn <= MISSED_V
    assert total.ventricular.fp <= FALSE_V


def test_what_is_fitted_on_one_half_holds_on_the_other(samples: list[fitting.Samples]) -> None:
    halves = samples[::2], samples[1::2]
    fits = [fitting.fit(half) for half in halves]
    crossed = fitting.count(halves[1], *fitting.as_points(fits[0], 0.0))
    crossed.add(fitting.count(halves[0], *fitting.as_points(fits[1], 0.0)))
    assert crossed.fn <= CROSSED_MISSED_V
    assert crossed.fp <= CROSSED_FALSE_V


def test_atrial_fibrillation_is_irregular(ecg_dir: Path, micropython: str) -> None:
    """Beats within spans annotated (AFIB, of the records that have some or are in sinus rhythm."""
    names = [str(n) for n in (100, 101, 103, 112, 117, 121, 122, 201, 202, 203, 210)]
    names += ["219", "220", "221", "230", "234"]
    database = ecg_dir / "mitdb"
    found = {True: [0, 0], False: [0, 0]}
    with Board() as board:
        recordings = [read(find([name], database)[0]) for name in names]
        for result in evaluate_all(board, recordings, 250):
            fibrillates = spans(database / result.recording.name, len(result.recording.millivolts))
            flagged = (result.detection.rhythm & IRREGULAR) != 0
            inside = fibrillates[np.minimum(result.peaks, len(fibrillates) - 1)]
            for truth, counts in found.items():
                counts[0] += int(np.count_nonzero(flagged[inside == truth]))
                counts[1] += int(np.count_nonzero(inside == truth))
    assert found[True][0] / found[True][1] > IRREGULAR_SENSITIVITY
    assert 1 - found[False][0] / found[False][1] > REGULAR_SPECIFICITY


def spans(path: Path, length: int) -> np.ndarray:
    """Where the rhythm is annotated as atrial fibrillation."""
    annotation = wfdb.rdann(str(path), "atr")
    inside = np.zeros(length, dtype=bool)
    for sample, note in zip(annotation.sample, annotation.aux_note, strict=True):
        if note.startswith("("):
            inside[sample:] = note.startswith("(AFIB")
    return inside
