"""A monitor is worn for days; what it delivers is what its journal was given, record by record.

Two hours here. HEARTLOG_DAYS=14 wears it for fourteen days, which takes from a quarter of an hour
to an hour of this computer's time.
"""

import os
from pathlib import Path

import pytest

pytest.importorskip("virtual_board")

from heartlog.bench.endurance import wear  # noqa: E402

DAYS = float(os.environ.get("HEARTLOG_DAYS", "0.08"))


@pytest.mark.timeout(300 + 600 * DAYS)
def test_days_of_wear(micropython: str, tmp_path: Path) -> None:
    worn = wear(DAYS, tmp_path, say=print)
    assert worn.complaints == []
    assert worn.days >= DAYS
    assert worn.wraps == 1
    assert worn.presses > 1
    assert worn.felt == worn.presses
    assert worn.made - worn.records < 64, "the last visit left something"
    assert worn.beats > 100 * 60 * 20 * worn.days
    assert abs(worn.heap_growth) < 4096
    # Blocks of 64 samples; on a charger the index stands, and is set by the clock afterwards.
    assert abs(worn.drift) <= 70 + 4 * worn.charges
