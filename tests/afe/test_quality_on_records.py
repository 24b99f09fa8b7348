"""The signal state on real ECGs: what is good is called good, and little of it is not."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import wfdb
from scipy.signal import resample_poly

HERE = Path(__file__).resolve().parent
NV_PER_CODE = 48.08
# Share of each record's half hour not called good (noise, mostly): should not get worse. 203 and
# 104 are the noisiest of the database by eye too; the others stand for the rest.
MOST_PERCENT = {
    "100": 0.1,
    "101": 1.1,
    "104": 4.9,
    "118": 2.3,
    "203": 11.2,
    "208": 1.4,
    "215": 0.7,
}


@pytest.mark.parametrize("name", list(MOST_PERCENT))
def test_share_of_a_record_that_is_not_good(
    micropython: str, ecg_dir: Path, tmp_path: Path, name: str
) -> None:
    record = wfdb.rdrecord(str(ecg_dir / "mitdb" / name), channels=[0])
    millivolts = resample_poly(np.nan_to_num(record.p_signal[:, 0]), 25, 36)  # 360 -> 250 Hz
    codes = np.round(millivolts * 1e6 / NV_PER_CODE).astype("<i4")
    path = tmp_path / "codes"
    path.write_bytes(codes.tobytes())
    run = subprocess.run(
        [micropython, str(HERE / "bench/replay.py"), str(HERE.parents[1]), path, str(NV_PER_CODE)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = json.loads(run.stdout)
    seconds = found["seconds"]
    total = sum(seconds.values())
    assert abs(total - len(codes) / 250) < 1
    other = 100 * (1 - seconds["good"] / total)
    print(f"{name}: {other:.2f} % not good, {found['changes']} changes, {seconds}")
    assert other <= MOST_PERCENT[name], seconds
    assert seconds["saturated"] == seconds["lead off"] == seconds["fault"] == 0
