"""The scorer: by hand, by its properties, and against wfdb's own comparison."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wfdb.processing import compare_annotations

from heartlog.evaluation.records import Reference
from heartlog.evaluation.score import Counts, match, score, score_ventricular

FS = 1000.0


def reference(samples: list[int], symbols: str | None = None) -> Reference:
    return Reference(np.array(samples), np.array(list(symbols or "N" * len(samples))))


def counted(samples: list[int], test: list[int], symbols: str | None = None) -> tuple[int, ...]:
    result = score(reference(samples, symbols), np.array(test, dtype=np.int64), FS)
    return result.tp, result.fp, result.fn


@pytest.mark.parametrize(
    ("samples", "test", "expected"),
    [
        ([1000], [1000], (1, 0, 0)),
        ([1000], [1150], (1, 0, 0)),  # 150 ms still matches
        ([1000], [1151], (0, 1, 1)),
        ([1000], [850], (1, 0, 0)),
        ([1000], [849], (0, 1, 1)),
        ([1000], [990, 1010], (1, 1, 0)),  # one to one: the second is extra
        ([1000], [900, 1001], (1, 1, 0)),
        ([1000, 1200], [1100], (1, 0, 1)),
        ([1000, 1200], [1100, 1190], (2, 0, 0)),
        ([1000, 1200], [1110, 1290], (2, 0, 0)),  # the nearest pair first would lose one
        ([1000, 2000, 3000], [], (0, 0, 3)),
        ([], [5, 10], (0, 2, 0)),
        ([10, 1000], [10, 1000], (2, 0, 0)),  # from the first sample on
    ],
)
def test_by_hand(samples: list[int], test: list[int], expected: tuple[int, ...]) -> None:
    assert counted(samples, test) == expected


def test_the_nearer_of_two_is_the_match() -> None:
    assert match(np.array([1000]), np.array([900, 1001]), 150) == [(0, 1)]
    assert match(np.array([900, 1001]), np.array([1000]), 150) == [(1, 0)]


def test_flutter_is_left_out() -> None:
    samples, symbols = [1000, 2000, 3000, 3500, 5000, 6000], "N[!!]N"
    assert counted(samples, [1000, 2100, 2500, 4000, 6000], symbols) == (2, 0, 0)
    assert counted(samples, [1000, 1700, 5200, 6000], symbols) == (2, 2, 0)
    never_closed = [1000, 2000]
    assert counted(never_closed, [1000, 3000, 9000], "N[") == (1, 0, 0)


def test_beats_of_every_kind_count_and_marks_do_not() -> None:
    symbols = "NLRBAaJSVrFejnE/fQ?"
    samples = [1000 * (i + 1) for i in range(len(symbols))]
    assert counted(samples, samples, symbols) == (len(symbols), 0, 0)
    assert counted([1000, 2000, 3000, 4000], [], "+~|!") == (0, 0, 0)


def test_sums_and_percents() -> None:
    counts = Counts()
    assert counts.se is None
    assert counts.ppv is None
    counts.add(score(reference([1000, 2000, 3000, 4000]), np.array([1000, 2000, 3000, 9000]), FS))
    assert (counts.records, counts.beats, counts.tp, counts.fp, counts.fn) == (1, 4, 3, 1, 1)
    assert counts.se == counts.ppv == 75.0


def test_ventricular_as_ec57_counts() -> None:
    scored = score(
        reference([1000, 2000, 3000, 4000, 5000, 6000, 7000], "NVVFASE"),
        np.array([1000, 2000, 4000, 5000, 6000, 7000, 8000]),
        FS,
    )
    called = np.array([True, True, True, False, True, False, True])
    counts = score_ventricular(scored, called)
    assert counts.tp == 1  # V at 2000
    assert counts.fn == 2  # V at 3000 missed altogether, E at 7000 called normal
    assert counts.fp == 3  # N at 1000, S at 6000, and nothing at 8000; F at 4000 is neither
    assert counts.others == 3


BEATS = st.lists(st.integers(0, 20_000), min_size=0, max_size=80, unique=True).map(sorted)


@settings(max_examples=300, deadline=None)
@given(samples=BEATS, test=BEATS)
def test_pairs_are_one_to_one_in_order_and_close(samples: list[int], test: list[int]) -> None:
    pairs = match(np.array(samples, dtype=int), np.array(test, dtype=int), 150)
    assert all(abs(samples[i] - test[j]) <= 150 for i, j in pairs)
    assert [i for i, _ in pairs] == sorted({i for i, _ in pairs})
    assert [j for _, j in pairs] == sorted({j for _, j in pairs})
    left_a = sorted(set(range(len(samples))) - {i for i, _ in pairs})
    left_b = sorted(set(range(len(test))) - {j for _, j in pairs})
    result = score(reference(samples), np.array(test, dtype=np.int64), FS)
    assert result.missed.tolist() == left_a
    assert result.extra.tolist() == left_b


def test_agrees_with_wfdb_where_beats_are_apart() -> None:
    """Beats at least 300 ms apart, detections jittered, some lost, some invented."""
    random = np.random.default_rng(1)
    for _ in range(40):
        beats = np.cumsum(random.integers(310, 1200, 400))
        kept = beats[random.random(400) > 0.05]
        test = kept + random.integers(-60, 61, len(kept))
        invented = random.integers(0, beats[-1], 30)
        invented = invented[np.min(np.abs(invented[:, None] - beats), axis=1) > 151]
        test = np.unique(np.concatenate([test, invented]))
        ours = score(reference(beats.tolist()), test, FS)
        theirs = compare_annotations(beats, test, 151)  # its window is exclusive
        assert (ours.tp, ours.fp, ours.fn) == (theirs.tp, theirs.fp, theirs.fn)


def test_where_wfdb_differs_it_is_not_one_to_one() -> None:
    """Closer than 300 ms wfdb gives one detection to two beats; ours finds all that there are."""
    random = np.random.default_rng(2)
    for _ in range(100):
        beats = np.unique(random.integers(0, 20_000, 100))
        test = np.unique(random.integers(0, 20_000, 100))
        ours = score(reference(beats.tolist()), test, FS)
        given = compare_annotations(beats, test, 151).matching_sample_nums
        assert ours.tp >= len(set(given.tolist()) - {-1})
        assert ours.tp == most_pairs(beats.tolist(), test.tolist(), 150)


def most_pairs(a: list[int], b: list[int], window: int) -> int:
    """The largest number of pairs there can be: the first that fit, from the left."""
    i = j = pairs = 0
    while i < len(a) and j < len(b):
        if abs(a[i] - b[j]) <= window:
            i, j, pairs = i + 1, j + 1, pairs + 1
        elif a[i] < b[j]:
            i += 1
        else:
            j += 1
    return pairs
