"""An archive analysed by Dask on two worker processes gives the figures of one process."""

import os

import numpy as np
import pytest
from tests.clinic.conftest import packed

from heartlog.analysis import AnalysisSettings, analyse
from heartlog.analysis.archive import figures, reanalyse
from heartlog.store.ingest import add_beats

pytest.importorskip("distributed", reason="Dask is not installed: archives run in one process")


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_two_worker_processes_do_the_work(store):
    rng = np.random.default_rng(1)
    for number in range(6):
        session = store.open_session(f"dev{number}", rate=250.0, started_at=1.79e9)
        beats = packed(2000)
        beats["rr"] = rng.integers(150, 250, 2000)
        beats["sample"] = np.cumsum(beats["rr"].astype(np.int64))
        with store.writing() as db:
            add_beats(db, session.id, beats)
    numbers = [s.id for s in store.sessions()]
    rows = list(reanalyse(store.url, [*numbers, 999], AnalysisSettings(), workers=2))
    by_session = {row["session"]: row for row in rows}
    assert "No session 999" in by_session.pop(999)["problem"]
    assert by_session.keys() == set(numbers)
    workers = {row["worker"] for row in rows}
    assert len(workers) == 2
    assert os.getpid() not in workers
    one = analyse(store.session(numbers[0]), store.timeline(numbers[0]))
    assert by_session[numbers[0]]["mean_rate"] == one.rate.mean
    assert by_session[numbers[0]]["sdnn_ms"] == one.hrv.sdnn


def test_figures_of_a_session_that_is_not_there_name_it(store):
    assert "No session 5" in figures(store.url, 5, AnalysisSettings())["problem"]
