"""The clinic's figures: a fortnight's session, ten thousand patients, an archive in parallel."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from heartlog.bench.sections import Context
from heartlog.store import PACKED_BEAT, BeatKind, Record, Store
from heartlog.store.ingest import add_beats, lock_device
from heartlog.store.schema import SessionRow
from heartlog.store.schema_clinic import Patient

BEATS = 1_500_000
"""Fourteen days at 75 a minute."""
PEOPLE = 10_000
RATE = 250.0
START = 1_790_000_000.0


def fortnight(store: Store) -> int:
    """Make a 14-day session: varying rhythm, lead-off, sync points, 40 button presses with ECG."""
    rng = np.random.default_rng(14)
    n = np.arange(BEATS)
    rr = 200 + 15 * np.sin(n / 9000) + 10 * np.sin(n * 1.9) + 4 * rng.standard_normal(BEATS)
    beats = np.zeros(BEATS, PACKED_BEAT)
    beats["rr"] = rr.astype(np.int64)
    beats["sample"] = np.cumsum(beats["rr"].astype(np.int64))
    beats["seq"] = 100 + n
    beats["boot"] = 1
    beats["amplitude_uv"], beats["width_ms"], beats["confidence"] = 900, 88, 95
    chance = rng.random(BEATS)
    beats["kind"] = np.where(
        chance < 0.01,
        BeatKind.WIDE,
        np.where(chance > 0.995, BeatKind.PREMATURE, BeatKind.NORMAL),
    )
    end = int(beats["sample"][-1])
    session = store.open_session("bench", rate=RATE, nv_per_code=48.08, started_at=START)
    with store.writing() as db:
        add_beats(db, session.id, beats)
    records = [Record(1, "boot", 0, {"rate": 250, "boot": 1}, boot=1)]
    for i, at in enumerate(np.linspace(0, end, 3000).astype(int).tolist()):
        fields = {"host_time": START + at / (RATE * 1.00002), "uncertainty_ms": 5.0}
        records.append(Record(2_000_000 + i, "sync", at, fields, boot=1))
    for i, at in enumerate(np.linspace(0, end, 600).astype(int).tolist()):
        state = ("good", "noisy", "lead off")[(i % 30 == 7) + 2 * (i % 30 == 19)]
        off = "LA" if state == "lead off" else ""
        fields_ = {"state_name": state, "electrodes_off": off}
        records.append(Record(3_000_000 + i, "signal", at, fields_, boot=1))
    strip = (18_000 * np.maximum(0, np.sin(np.arange(22_500) / 32.0)) ** 40).astype(np.int32)
    for i, at in enumerate(np.linspace(20_000, end - 20_000, 40).astype(int).tolist()):
        records.append(Record(4_000_000 + i, "event", at, {"name": "button"}, boot=1))
        store.append_ecg(
            session.id, i + 1, at - 11_250, strip, rate=RATE, nv_per_code=48.08, boot=1
        )
    store.append(session.id, records)
    store.update_session(session.id, beat_count=BEATS)
    store.mark_complete(session.id, START + end / RATE)
    return session.id


def people(store: Store) -> None:
    """Ten thousand patients with a session each."""
    with store.writing() as db:
        lock_device(db, "bench", START)
        db.add_all(
            Patient(
                identifier=f"P-{n:05d}",
                name=f"Given{n % 211} Family{n % 997}",
                created_at=START,
                updated_at=START,
                search=f"p-{n:05d} given{n % 211} family{n % 997}",
            )
            for n in range(PEOPLE)
        )
        db.flush()
        db.add_all(
            SessionRow(device_id="bench", started_at=START - 60 * n, patient_id=n)
            for n in range(1, PEOPLE + 1)
        )


def _timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Return (wall, CPU) seconds."""
    begun, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begun, time.process_time() - cpu


def _row(name: str, seconds: tuple[float, float], bar: float) -> str:
    """Name, wall and CPU seconds: on a busy computer the latter tell what an idle one does."""
    wall, cpu = seconds
    word = "" if wall <= bar else "  over the bar" if cpu > bar else "  (this computer is busy)"
    return f"{name:<48}{wall:>8.3f} s{cpu:>9.3f} s CPU   (bar {bar:g} s){word}"


def _encrypted(path: Path, number: int) -> Iterator[str]:
    """CPU time of the same work on the store in clear, and then encrypted: ratios."""
    from sqlalchemy import URL

    from heartlog.store.cipher import MARK, Secret
    from heartlog.store.convert import convert

    secret = Secret(MARK + os.urandom(8), os.urandom(32))
    url = secret.in_url(URL.create("sqlite", database=str(path)))
    taken = []
    for turn in range(2):
        if turn:
            convert(path, None, secret)
        with Store.open(url.render_as_string(hide_password=False)) as store:
            loads = [_timed(lambda: store.beats(number))[1] for _ in range(3)]

            def commit_all(store: Store = store, first: int = 9_000_000 + 1000 * turn) -> None:
                for n in range(first, first + 100):
                    store.append(number, [Record(n, "mark", n, {}, boot=1)])

            taken.append((sorted(loads)[1], _timed(commit_all)[1]))
    (load, commit), (sealed_load, sealed_commit) = taken
    yield f"{'encrypted against in clear: beats loaded':<48}{sealed_load / load:>8.2f} x CPU"
    yield f"{'encrypted against in clear: 100 commits':<48}{sealed_commit / commit:>8.2f} x CPU"


def scale(context: Context) -> Iterator[str]:
    """A 14-day session opened for review and reported; people listed and searched."""
    from heartlog.records import patients
    from heartlog.report import make_report
    from heartlog.review import ReviewModel

    with tempfile.TemporaryDirectory(prefix="heartlog-bench-") as folder:
        path = Path(folder) / "store.sqlite"
        with Store.open(path) as store:
            number = fortnight(store)
        with Store.open(path) as store:
            size = path.stat().st_size / 1e6
            yield f"{'store of a 14-day session (1.5 million beats)':<48}{size:>8.1f} MB"
            yield _row("beats loaded as an array", _timed(lambda: store.beats(number)), 2.0)
            yield _row("opened for review", _timed(lambda: ReviewModel(store, number)), 2.0)
            pdf, html = Path(folder) / "r.pdf", Path(folder) / "r.html"
            yield _row("report, PDF", _timed(lambda: make_report(store, number, [pdf])), 20.0)
            yield _row("report, HTML", _timed(lambda: make_report(store, number, [html])), 20.0)
            people(store)
            for name, work in (
                ("first page of 10,000 patients", lambda: patients.search(store, limit=50)),
                ("patients searched by two words", lambda: patients.search(store, "n7 y13")),
                ("first page of 10,001 sessions", lambda: store.sessions(limit=50)),
                ("sessions searched by a name", lambda: store.sessions(text="given7 family13")),
            ):
                times = [_timed(work) for _ in range(5)]
                yield _row(name, sorted(times)[2], 0.2)
        yield from _encrypted(path, number)


def archive(context: Context) -> Iterator[str]:
    """Sessions analysed by Dask on one and on two worker processes; the same figures."""
    from heartlog.analysis.archive import reanalyse

    sessions, beats = 12, 100_000
    with tempfile.TemporaryDirectory(prefix="heartlog-bench-") as folder:
        path = str(Path(folder) / "store.sqlite")
        with Store.open(path) as store:
            rng = np.random.default_rng(5)
            for n in range(sessions):
                packed = np.zeros(beats, PACKED_BEAT)
                packed["rr"] = rng.integers(150, 260, beats)
                packed["sample"] = np.cumsum(packed["rr"].astype(np.int64))
                packed["seq"] = np.arange(1, beats + 1)
                packed["kind"] = BeatKind.NORMAL
                made = store.open_session(f"bench{n}", rate=RATE, started_at=START)
                with store.writing() as db:
                    add_beats(db, made.id, packed)
            numbers = [s.id for s in store.sessions()]
        results = {}
        for workers in (1, 2):
            begun = time.perf_counter()
            rows = list(reanalyse(path, numbers, workers=workers))
            seconds = time.perf_counter() - begun
            used = len({row["worker"] for row in rows})
            name = f"{sessions} sessions of {beats} beats, {used} worker processes"
            yield f"{name:<52}{seconds:>9.1f} s"
            for row in rows:
                del row["worker"]
            results[workers] = sorted(rows, key=lambda row: row["session"])
        same = "the same" if results[1] == results[2] else "DIFFERENT"
        yield f"{'figures of one and of two':<52}{same:>11}"
        yield f"{'processors here':<52}{os.cpu_count() or 1:>9}"
