"""A front end that fails while it is worn: noticed within a second, recovered from, and told.

Every fault goes its whole way: model, driver, journal, radio, recorder, store. No beat is ever
reported from a front end that does not deliver.
"""

import asyncio
from typing import Any

import numpy as np
import pytest

from heartlog._firmware.monitor.link import wire
from heartlog.ble import open_backend
from heartlog.recorder import Recorder, events
from heartlog.store import Store

virtual_board = pytest.importorskip("virtual_board")

# seconds, what is broken, for how long, codes of afe/errors.py that may name it
FAULTS: list[tuple[int, dict[str, Any], float, set[int]]] = [
    (20, {"stuck_drdy": True}, 2.0, {4}),
    (40, {"brown_out": True}, 0.0, {6, 7}),
    (60, {"mute": True}, 3.0, {1, 5}),  # it disappears: its supply is gone
    (80, {"flip": [0x04, 0x10]}, 0.0, {7}),  # a discharge changes the gain of channel 1
    (100, {"flip": [0x01, 0x03]}, 0.0, {6, 7}),  # or the rate
    (120, {"bit_errors": 60000}, 2.0, {2, 3, 5, 7}),  # frames out of sync
]
HEALTHY = {"stuck_drdy": False, "mute": False, "bit_errors": 0}


@pytest.fixture(scope="module")
def seen(micropython: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All faults in one recording; what the store holds of it."""
    folder = tmp_path_factory.mktemp("faults")
    told: list[events.Event] = []

    async def fetch(store: Store) -> int:
        async with open_backend(f"virtual:{folder}") as backend:
            return await asyncio.wait_for(
                Recorder(store, backend, on_event=told.append).run(seconds=3), 120
            )

    with (
        virtual_board.Board(
            record="demo", speed=0, paused=True, run_dir=folder, loop=True
        ) as board,
        Store.open(folder / "store.sqlite") as store,
    ):
        at: list[float] = []
        now = begun = 0.0
        for seconds, broken, lasts, _ in FAULTS:
            now = board.run(seconds - now) / 1e6
            if not at:  # the index goes on by the clock from here, whatever is lost
                begun = now - board.control(do="status")["samples"] / 250
            at.append(now - begun)
            if "brown_out" in broken:
                board.control(do="brown_out")
            else:
                board.control(do="afe", fault=broken)
            if lasts:
                now = board.run(lasts) / 1e6
                board.control(do="afe", fault=HEALTHY)
        board.run(15)
        board.control(do="speed", value=20)
        board.control(do="pause", on=False)
        session = asyncio.run(fetch(store))
        return {
            "at": at,
            "gaps": store.gaps(session),
            "beats": store.beats(session)["index"].astype(np.int64),
            "amplitude": store.beats(session)["amplitude_uv"],
            "records": [
                r for e in told if isinstance(e, events.Arrived) for r in e.records
            ],
            "complaints": list(board.complaints),
        }  # fmt: skip


def sample(record: Any) -> int:
    return int(record.values["sample"])


@pytest.mark.parametrize("number", range(len(FAULTS)))
def test_it_is_noticed_told_and_mended(seen: dict[str, Any], number: int) -> None:
    seconds, _, lasts, codes = FAULTS[number]
    first = round(seen["at"][number] * 250) - 100  # what is delivered last comes before the fault
    until = first + round((lasts + 6) * 250)
    here = [r for r in seen["records"] if first <= sample(r) < until]
    faults = [r for r in here if r.kind == wire.FAULT and r.values["code"] == wire.FAULT_AFE]
    assert faults, f"nothing was told of the fault at {seconds} s"
    assert faults[0].values["detail"] in codes
    assert sample(faults[0]) - first < 100 + 250  # within a second
    gaps = [r for r in here if r.kind == wire.GAP]
    assert any(g.values["reason"] == wire.GAP_RESTART for g in gaps)
    # From the last sample that is known to be good to the first one afterwards: noticing it takes
    # a second at most, powering down, up and settling half of one.
    assert sum(g.values["lost"] for g in gaps) < (lasts + 2.0) * 250
    states = [r.values["state"] for r in here if r.kind == wire.SIGNAL]
    assert wire.SIGNAL_FAULT in states
    assert states[-1] == wire.SIGNAL_GOOD
    for gap in gaps:
        start = sample(gap)
        inside = (seen["beats"] >= start) & (seen["beats"] < start + gap.values["lost"])
        assert not inside.any()
    after = seen["beats"][(seen["beats"] > until - 250) & (seen["beats"] < until + 4 * 250)]
    assert len(after) >= 3, "the beats don't go on"


def test_no_beat_has_another_scale(seen: dict[str, Any]) -> None:
    """Gain, reference and rate were lost three times: not one beat was measured with that."""
    usual = np.median(seen["amplitude"])
    assert np.all(seen["amplitude"] < 4 * usual)
    assert len(seen["gaps"]) >= len(FAULTS)
