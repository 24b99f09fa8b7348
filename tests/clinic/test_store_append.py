"""The store takes each record exactly once, in any order, and gives it back in the right one."""

import os
import random
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
from tests.clinic.conftest import packed

from heartlog._firmware.monitor.link import wire
from heartlog.store import NotFound, Record, Store, StoreDamaged
from heartlog.store.ingest import add_beats

DEVICE = "00112233aabbccdd"
ROUNDS = int(os.environ.get("HEARTLOG_ROUNDS", "3"))


def beat(seq, sample=None, **fields):
    values = {"rr": 200, "amplitude_uv": 900, "width_ms": 88, "confidence": 90, **fields}
    return Record(seq, "beat", seq * 200 if sample is None else sample, values)


def test_records_come_back_in_order_exactly_once(any_store):
    session = any_store.open_session(DEVICE, rate=250.0)
    records = [beat(n) for n in range(1, 1001)]
    records[499] = Record(500, "gap", 100_000, {"lost": 250, "reason": 1})
    records[699] = Record(700, "event", 140_000, {"name": "button"})
    shuffled = records * 2
    random.Random(5).shuffle(shuffled)
    added = sum(
        any_store.append(session.id, shuffled[i : i + 37]) for i in range(0, len(shuffled), 37)
    )
    assert added == 1000
    beats = any_store.beats(session.id)
    expected = [n for n in range(1, 1001) if n not in (500, 700)]
    assert beats["seq"].tolist() == expected
    assert beats["index"].tolist() == [n * 200 for n in expected]
    assert set(beats["rr_ms"]) == {800.0}
    (gap,) = any_store.gaps(session.id)
    assert (gap.index, gap.fields["lost"], gap.fields["reason"]) == (100_000, 250, 1)
    listed = any_store.session(session.id)
    assert (listed.beat_count, listed.gap_count, listed.event_count) == (998, 1, 1)


def test_acknowledgement_never_passes_a_hole(store):
    session = store.open_session(DEVICE)
    store.append(session.id, [beat(n) for n in (10, 11, 12, 20, 21)])
    assert store.committed_seq(DEVICE, oldest=1) == 0
    assert store.committed_seq(DEVICE, oldest=10) == 12
    assert store.missing(DEVICE, 1, 25) == [(1, 9), (13, 19), (22, 25)]
    store.append(session.id, [beat(n) for n in range(13, 20)])
    assert store.committed_seq(DEVICE, oldest=10) == 21
    store.mark_lost(DEVICE, 1, 9)
    assert store.committed_seq(DEVICE, oldest=1) == 21


def test_an_erased_board_starts_a_new_journal(store):
    session = store.open_session(DEVICE)
    assert store.append(session.id, [beat(1), beat(2)], journal=7) == 2
    assert store.append(session.id, [beat(1, 900), beat(2, 1100)], journal=9) == 2
    beats = store.beats(session.id)
    assert beats["index"].tolist() == [200, 400, 900, 1100]
    assert beats["boot"].tolist() == [0, 0, 1, 1]


def test_beats_one_by_one_gather_into_few_chunks(store):
    session = store.open_session(DEVICE)
    for n in range(1, 300):
        store.append(session.id, [beat(n)])
    with store.reading() as db:
        rows = db.connection().exec_driver_sql("SELECT count(*) FROM beat_chunk").scalar()
    assert rows <= 3 * 15
    assert store.beats(session.id)["seq"].tolist() == list(range(1, 300))


def test_an_unknown_kind_keeps_its_bytes(store):
    session = store.open_session(DEVICE)
    store.append(session.id, [Record(1, "unknown", None, {"type": 99}, b"\x01\x02")])
    (row,) = store.records(session.id)
    assert (row.kind, row.raw, row.fields) == ("unknown", b"\x01\x02", {"type": 99})


def test_damage_on_disk_is_noticed(store):
    session = store.open_session(DEVICE)
    with store.writing() as db:
        add_beats(db, session.id, packed(5000))
    with store.writing() as db:
        db.connection().exec_driver_sql(
            "UPDATE beat_chunk SET data = zeroblob(length(data)) WHERE first_seq = 1"
        )
    with pytest.raises(StoreDamaged, match="session 1"):
        store.beats(session.id)


def test_no_such_session(store):
    with pytest.raises(NotFound) as caught:
        store.append(404, [beat(1)])
    assert caught.value.exit_code == 3
    assert "heartlog sessions" in caught.value.hint


WRITER = """
import sys
from heartlog.store import Record, Store
store = Store.open(sys.argv[1])
for first in range(1, 401, 8):
    records = [Record(n, "beat", n * 200, {"rr": 200}) for n in range(first, first + 8)]
    print(store.append(1, records), flush=True)
"""


def test_two_recorders_at_once_store_each_beat_once(any_store):
    any_store.open_session(DEVICE)
    url = any_store.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", WRITER, url]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    counts = [int(n) for process in both for n in process.communicate(timeout=120)[0].split()]
    assert [process.returncode for process in both] == [0, 0]
    assert sum(counts) == 400
    assert any_store.beats(1)["seq"].tolist() == list(range(1, 401))


def test_killed_at_any_moment_nothing_acknowledged_is_lost(tmp_path):
    """SIGKILL lands anywhere in a stream of commits; what was printed as committed is there."""
    pause = random.Random(11)
    for round_number in range(ROUNDS):
        path = tmp_path / f"{round_number}.sqlite"
        with Store.open(path) as store:
            store.open_session(DEVICE)
        command = [sys.executable, "-u", "-c", WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            lines = pause.randrange(1, 30)
            for _ in range(lines):
                assert process.stdout.readline() == "8\n"
            process.kill()
        with Store.open(path) as store:
            held = store.beats(1)["seq"]
            assert held.tolist() == list(range(1, len(held) + 1))
            assert len(held) >= 8 * lines
            assert store.committed_seq(DEVICE) == len(held)


def test_a_fortnight_packs_small_and_loads_whole(store):
    session = store.open_session(DEVICE)
    with store.writing() as db:
        add_beats(db, session.id, packed(200_000))
    beats = store.beats(session.id)
    assert len(beats) == 200_000
    assert np.all(np.diff(beats["index"]) == 200)


class FromLink(NamedTuple):
    seq: int
    name: str
    boot: int
    values: dict
    body: bytes


def through_wire(seq, kind, in_boot, **values):
    """Encode and decode as the link does."""
    body = wire.encode(kind, values)
    return FromLink(seq, wire.RECORDS[kind][0], in_boot, wire.decode(kind, body), body)


def test_the_links_records_are_taken_as_they_are(store):
    session = store.open_session(DEVICE, rate=250.0)
    beat_values = {"rr": 250, "amplitude_uv": 800, "width": 25, "confidence": 90}
    minute = 60 * 250
    base = 1_790_000_000
    records = [
        through_wire(
            5, wire.BOOT, 3, sample=0, boot=3, cause=1, rate=250, pv_per_code=48080, part=0x73,
            channels=2, major=1, minor=2, patch=3,
        ),
        *(
            # 100 ppm fast, noted 1.5 ms after the conversion.
            through_wire(
                6 + n, wire.SYNC, 3, sample=minute * n, uncertainty_us=3000, late_us=1500,
                host_us=int((base + 60 * n / 1.0001) * 1e6) + 1500,
            )
            for n in range(30)
        ),
        through_wire(40, wire.BEAT, 3, sample=minute, flags=0, **beat_values),
        through_wire(41, wire.BEAT, 3, sample=minute + 250, flags=wire.BEAT_WIDE, **beat_values),
        through_wire(42, wire.SIGNAL, 3, sample=minute + 300, state=3, reason=1, off=2, channel=0),
        through_wire(43, wire.DROPPED, 3, sample=minute + 400, first=44, count=6, reason=1),
        FromLink(50, "hologram", 3, {}, b"xyz"),
    ]  # fmt: skip
    assert store.append(session.id, records, journal=77) == len(records)
    line = store.timeline(session.id)
    assert line.beats["kind"].tolist() == [1, 3]
    assert line.beats["width_ms"].tolist() == [200, 200]
    assert line.beats["time"][0] == pytest.approx(base + 60 / 1.0001, abs=0.002)
    (fit,) = line.fits
    assert (fit.device_boot, fit.points, fit.used) == (3, 30, 30)
    assert fit.drift_ppm == pytest.approx(100, abs=0.5)
    (signal,) = line.of("signal")
    assert signal.fields["state_name"] == "lead off"
    assert signal.fields["electrodes_off"] == "LA"
    assert line.of("unknown")[0].raw == b"xyz"
    assert line.of("boot")[0].fields["firmware"] == "1.2.3"
    assert store.committed_seq(DEVICE, journal=77, oldest=40) == 50
