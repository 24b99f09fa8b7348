"""Every sampling rate, from the setting to beats, strips and whole ECG in the store."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from heartlog.ble import find_monitor, open_backend
from heartlog.link import Monitor
from heartlog.link.settings import write
from heartlog.recorder import Recorder
from heartlog.store import Store
from virtual_board import Board

pytestmark = [pytest.mark.usefixtures("micropython"), pytest.mark.slow]


@pytest.mark.parametrize("rate", [125, 500, 1000])
def test_a_session_at_another_rate(tmp_path: Path, rate: int) -> None:
    async def set_rate() -> None:
        async with open_backend(f"virtual:{board.run_dir}") as backend:
            found = await find_monitor(backend)
            async with Monitor(backend, found.device) as monitor:
                assert await write(monitor, {"rate": rate}) == {"rate": rate}

    async def record() -> int:
        async with open_backend(f"virtual:{board.run_dir}") as backend:
            return await Recorder(store, backend).run(25)

    with (
        Board(record="demo", speed=10, run_dir=tmp_path, card_bytes=16 << 20) as board,
        Store.open(tmp_path / "store.sqlite") as store,
    ):
        asyncio.run(set_rate())
        board.control(do="power", on=False)  # it counts from the next start
        board.control(do="power", on=True)
        session = asyncio.run(record())
        assert board.complaints == []
        kept = store.session(session)
        line = store.timeline(session)
        runs = store.ecg(session)
    assert (kept.status, kept.rate) == ("complete", rate)
    assert line.of("boot")[-1].fields["rate"] == rate
    (run,) = runs
    assert run.rate == rate
    begin, end = (r.index for r in line.of("session"))
    assert begin - rate <= run.first_sample <= begin
    assert abs(run.stop - end) <= rate // 2
    # the heart beats as it does at 250 samples/s: 208's first seconds, 0.4 to 0.8 s apart
    rr = line.beats["rr_ms"][line.beats["rr_ms"] > 0]
    assert len(line.beats) >= 30
    assert 400 < np.median(rr) < 800
    # and each beat is a peak of the ECG that was kept
    at = line.beats["index"].astype(np.int64) - run.first_sample
    at = at[(at > rate // 2) & (at < len(run.codes) - rate // 2)]
    reach = rate // 25
    high = [np.ptp(run.codes[i - reach : i + reach]) for i in at]
    rest = [np.ptp(run.codes[i + rate // 4 : i + rate // 4 + 2 * reach]) for i in at]
    assert np.median(high) > 2 * np.median(rest)
