"""The whole way: ECG at the electrodes of the virtual board, over the radio, into the store."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heartlog._firmware.monitor.link import wire
from heartlog.ble import open_backend
from heartlog.link import EcgBlock
from heartlog.recorder import Recorder, events
from heartlog.store import Store

virtual_board = pytest.importorskip("virtual_board")


def record(
    folder: Path, seconds: float, press_at: float | None = None, **board: Any
) -> dict[str, Any]:
    """Records a virtual board for a while; what came of it."""
    told: list[events.Event] = []
    live: list[EcgBlock] = []

    async def go(running: Any, store: Store) -> int:
        async with open_backend(f"virtual:{folder}") as backend:
            pressed = False

            def tell(event: events.Event) -> None:
                nonlocal pressed
                told.append(event)
                if isinstance(event, events.Arrived) and not pressed and press_at is not None:
                    late = [r for r in event.records if r.values.get("sample", 0) > press_at * 250]
                    if late:
                        pressed = True
                        running.control(do="button", ms=200)

            recorder = Recorder(store, backend, on_event=tell, on_ecg=live.append)
            recorder.strips.live = True
            return await asyncio.wait_for(recorder.run(seconds=seconds), 150)

    with (
        virtual_board.Board(record="demo", speed=20, run_dir=folder, **board) as running,
        Store.open(folder / "store.sqlite") as store,
    ):
        session = asyncio.run(go(running, store))
        status = running.control(do="status")
        complaints = list(running.complaints)
        return {
            "told": told,
            "live": live,
            "beats": store.beats(session),
            "ecg": store.ecg(session),
            "session": store.session(session),
            "status": status,
            "complaints": complaints,
            "device": told[1].info.device_id,
            "missing": store.missing(told[1].info.device_id, 1, 10**6, told[1].info.journal),
            "records": [r for e in told if isinstance(e, events.Arrived) for r in e.records],
        }


@pytest.mark.parametrize("stack", ["nimble", "btstack"])
def test_ecg_becomes_beats_in_the_store(stack: str, tmp_path: Path) -> None:
    got = record(tmp_path, 40, stack=stack)
    assert got["session"].status == "complete"
    assert got["complaints"] == []
    assert got["status"]["radio"]["leaked"] == 0
    records = got["records"]
    assert [r.seq for r in records] == list(range(1, len(records) + 1))
    assert len(got["beats"]) == sum(1 for r in records if r.kind == wire.BEAT) > 60
    assert not [r for r in records if r.kind in (wire.FAULT, wire.GAP)]
    assert got["session"].nv_per_code == pytest.approx(48.08, abs=0.01)
    live = got["live"]
    assert len(live) > 60
    assert all(b.number == a.number + 1 for a, b in zip(live, live[1:], strict=False))
    assert all(b.first == a.first + len(a.codes) for a, b in zip(live, live[1:], strict=False))


def test_a_press_keeps_the_ecg_around_it(tmp_path: Path) -> None:
    got = record(tmp_path, 115, press_at=52)
    press = next(r for r in got["records"] if r.kind == wire.EVENT)
    assert press.values["kind"] == wire.EVENT_BUTTON
    strip = [r for r in got["records"] if r.kind == wire.STRIP][-1]
    assert strip.values["strip"] == press.values["strip"]
    runs = [run for run in got["ecg"] if run.strip == press.values["strip"]]
    assert sum(len(run.codes) for run in runs) == strip.values["count"]
    first = min(run.first_sample for run in runs)
    last = max(run.first_sample + len(run.codes) for run in runs)
    at = press.values["sample"]
    assert 44 * 250 <= at - first <= 46 * 250
    assert 44 * 250 <= last - at <= 46 * 250
    # the same samples as the live ones, where both are
    live = {block.first: block.codes for block in got["live"]}
    shared = 0
    for run in runs:
        for start, codes in live.items():
            k = start - run.first_sample
            if 0 <= k and k + len(codes) <= len(run.codes):
                assert np.array_equal(run.codes[k : k + len(codes)], codes)
                shared += 1
    assert shared > 50
    # keeping the strip cost no sample: its flash was erased before
    assert not [r for r in got["records"] if r.kind == wire.GAP]
