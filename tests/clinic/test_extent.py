"""A session is listed from when to when it was worn, not from when its records came."""

import json

from heartlog.store import Record, Store
from heartlog.store.extent import extent, settle

START = 1_790_000_000.0
DAY = 86400.0


def worn(store: Store, device: str = "aa", boot: int = 0, start: float = START) -> int:
    """A session that this computer opened an hour and a day after the monitor's first record."""
    session = store.open_session(device, rate=250.0, started_at=start + DAY + 3600)
    beats = [
        Record(n, "beat", n * 250, {"rr": 250, "amplitude_uv": 900}, boot=boot)
        for n in range(1, 601)
    ]
    store.append(session.id, beats, now=start + DAY + 3600)
    store.add_sync(session.id, 0, start, boot=boot)
    return session.id


def test_a_list_shows_when_it_was_worn_not_when_it_was_fetched(store, capsys):
    from heartlog.cli.sessions import sessions

    number = worn(store)
    store.mark_complete(number, START + DAY + 3700)
    settle(store, number)
    found = store.session(number)
    assert (found.started_at, found.ended_at) == (START, START + 600)
    assert extent(store.timeline(number)) == (START, START + 600)
    settle(store, number)
    assert store.session(number) == found
    sessions(store=store.where)
    assert " 0:10:00 " in capsys.readouterr().out
    sessions(store=store.where, as_json=True)
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["start"][:16], row["stop"][:16]) == ("2026-09-21T14:13", "2026-09-21T14:23")


def test_one_that_was_fetched_half_way_has_no_end_but_a_length(store):
    number = worn(store)
    store.mark_interrupted(number, "fetched so far")
    settle(store, number)
    found = store.session(number)
    assert (found.started_at, found.ended_at, found.last_data_at) == (START, None, START + 600)


def test_a_session_without_a_clock_stays_where_it_is(store):
    session = store.open_session("aa", rate=250.0, started_at=START)
    settle(store, session.id)
    store.append(session.id, [Record(1, "beat", 77, {"rr": 200})], now=START + 9)
    settle(store, session.id)
    found = store.session(session.id)
    assert (found.started_at, found.ended_at, found.last_data_at) == (START, None, START + 9)


def test_the_session_that_was_made_last_goes_on(store):
    """Also when it took up what lies before the start of an earlier one."""
    first = store.open_session("aa", started_at=START + DAY)
    second = worn(store)
    settle(store, second)
    assert [s.id for s in store.open_sessions("aa")] == [second, first.id]


def test_damaged_beats_do_not_stop_a_recording_from_ending(store):
    number = worn(store)
    with store.writing() as db:
        db.connection().exec_driver_sql("UPDATE beat_chunk SET crc = crc + 1")
    settle(store, number)
    assert store.session(number).started_at == START + DAY + 3600
