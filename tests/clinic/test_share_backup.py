"""Sealed files open for who knows the words, backups come back whole, on each database."""

import random

import numpy as np
import pytest
from sqlalchemy import select

from heartlog.errors import UsageProblem
from heartlog.records import equipment, notes, patients
from heartlog.share import seal, unseal
from heartlog.share.file import HEAD, ShareProblem, decrypt, encrypt
from heartlog.store import BeatKind, Record, Store, StoreDamaged, StoreError
from heartlog.store.backup import backup, restore, verify
from heartlog.store.schema import Base

WORDS = "correct horse battery staple"


def fill(store, name="A"):
    """A patient with a session that has something in every table."""
    owner = patients.add(store, identifier=name, name="Zoë Müller")
    session = store.open_session("dev", rate=250.0, patient_id=owner.id, started_at=1.79e9)
    records = [Record(n, "beat", n * 200, {"rr": 200, "kind": 1}) for n in range(1, 5000)]
    records[100] = Record(101, "gap", 20_000, {"lost": 9, "reason_name": "samples overran"})
    records[200] = Record(201, "unknown", None, {}, b"\x00\xff")
    store.append(session.id, records)
    store.append_ecg(session.id, 1, 500, np.arange(900), rate=250.0, nv_per_code=48.08)
    notes.add_diary(store, session.id, 1.79e9 + 60, "dizzy")
    notes.add_finding(store, session.id, "wide beats")
    notes.reclassify_beat(store, session.id, 7, 0, 1400, BeatKind.WIDE)
    return session


def content(store):
    with store.reading() as db:
        return {
            table.name: [tuple(row) for row in db.execute(select(table).order_by("id"))]
            for table in Base.metadata.sorted_tables
        }


def test_a_shared_session_arrives_whole(store, tmp_path):
    session = fill(store)
    path = tmp_path / "case.heartshare"
    seal(store, [session.id], path, WORDS)
    assert b"M\xc3\xbcller" not in path.read_bytes()
    with Store.open(tmp_path / "colleague.sqlite") as other:
        fill(other, "their own")
        (arrived,) = unseal(path, WORDS, other)
        assert (arrived.patient, arrived.beats) == ("A", 4997)
        a, b = store.timeline(session.id), other.timeline(arrived.session_id)
        assert np.array_equal(a.beats, b.beats)
        assert [(r.kind, r.seq, r.fields, r.raw) for r in a.records] == [
            (r.kind, r.seq, r.fields, r.raw) for r in b.records
        ]
        theirs = other.ecg(arrived.session_id)
        assert np.array_equal(theirs[0].codes, store.ecg(session.id)[0].codes)
        assert [f.text for f in notes.findings(other, arrived.session_id)] == ["wide beats"]
        assert len(patients.search(other, "zoë")) == 2


def test_the_same_file_opened_again_adds_nothing(store, tmp_path):
    """Nor does one's own session that comes back; one that went on meanwhile does, and is told."""
    session = fill(store)
    path, later = tmp_path / "case.heartshare", tmp_path / "later.heartshare"
    seal(store, [session.id], path, WORDS)
    notes.add_finding(store, session.id, "and a pause")
    seal(store, [session.id], later, WORDS)
    with Store.open(tmp_path / "colleague.sqlite") as other:
        (arrived,) = unseal(path, WORDS, other)
        assert not arrived.known
        notes.add_diary(other, arrived.session_id, 1.79e9 + 90, "added here")
        before = content(other)
        (again,) = unseal(path, WORDS, other)
        assert (again.session_id, again.known) == (arrived.session_id, True)
        assert content(other) == before
        (more,) = unseal(later, WORDS, other)
        assert (more.known, more.others) == (False, (arrived.session_id,))
        assert [f.text for f in notes.findings(other, more.session_id)][-1] == "and a pause"
        assert unseal(later, WORDS, other)[0].session_id == more.session_id
    before = content(store)
    assert unseal(later, WORDS, store)[0].known
    assert content(store) == before


def test_a_file_that_does_not_open_leaves_no_store_behind(heartlog, tmp_path):
    path, made = tmp_path / "case.heartshare", tmp_path / "new.sqlite"
    path.write_bytes(encrypt(b"no store", WORDS))
    for words in (WORDS, "other words than these"):
        done = heartlog(
            "share", "open", str(path), "--store", str(made), HEARTLOG_SHARE_PASSPHRASE=words
        )
        assert done.returncode == 1, done.stdout + done.stderr
        assert "Next:" in done.stderr
        assert not made.exists()


def test_wrong_words_changes_and_cuts_are_refused():
    plain = random.Random(3).randbytes(3_000_000)
    sealed = encrypt(plain, WORDS)
    assert decrypt(sealed, WORDS) == plain
    with pytest.raises(ShareProblem, match="passphrase is wrong"):
        decrypt(sealed, WORDS + "!")
    with pytest.raises(ShareProblem, match="not a shared file"):
        decrypt(b"PK\3\4" + bytes(100), WORDS)
    chance = random.Random(8)
    for _ in range(6):
        broken = bytearray(sealed)
        broken[chance.randrange(HEAD, len(sealed))] ^= 1 << chance.randrange(8)
        with pytest.raises(ShareProblem):
            decrypt(bytes(broken), WORDS)
    first = HEAD + 4 + int.from_bytes(sealed[HEAD : HEAD + 4], "little")
    for cut in (HEAD, HEAD + 3, first, len(sealed) - 1):
        with pytest.raises(ShareProblem):
            decrypt(sealed[:cut], WORDS)


def test_a_weak_passphrase_and_an_existing_file_are_refused(store, tmp_path):
    session = fill(store)
    with pytest.raises(UsageProblem, match="12 characters"):
        seal(store, [session.id], tmp_path / "x", "short")
    (tmp_path / "there").write_text("mine")
    with pytest.raises(ShareProblem, match="exists already"):
        seal(store, [session.id], tmp_path / "there", WORDS)
    assert (tmp_path / "there").read_text() == "mine"


def test_a_backup_restores_every_row(any_store, tmp_path):
    fill(any_store)
    equipment.add(any_store, "SN-1", device_id="dev")
    equipment.note(any_store, "SN-1", "cleaning")
    counts = backup(any_store, tmp_path / "monday.heartlog")
    assert counts["beat_chunk"] >= 1
    assert not list(tmp_path.glob("*.part*"))
    before = content(any_store)
    with Store.open(tmp_path / "monday.heartlog", read_only=True) as copy:
        assert content(copy) == before
    with Store.open(tmp_path / "new.sqlite") as empty:
        restore(tmp_path / "monday.heartlog", empty)
        assert content(empty) == before
        fill(empty, "B")  # numbers go on after the restored ones


def test_a_backup_moves_a_house_to_postgresql(store, postgres_url, tmp_path):
    fill(store)
    backup(store, tmp_path / "b.heartlog")
    with Store.open(postgres_url) as server:
        restore(tmp_path / "b.heartlog", server)
        assert content(server) == content(store)
        fill(server, "B")


def test_nothing_is_overwritten(store, tmp_path):
    fill(store)
    backup(store, tmp_path / "b.heartlog")
    with pytest.raises(StoreError, match="does not overwrite"):
        backup(store, tmp_path / "b.heartlog")
    with pytest.raises(StoreError, match="not empty"):
        restore(tmp_path / "b.heartlog", store)


def test_verify_finds_rot(store):
    fill(store)
    assert verify(store)["ecg_chunk"] == 1
    with store.writing() as db:
        db.connection().exec_driver_sql("UPDATE ecg_chunk SET data = x'00'")
    with pytest.raises(StoreDamaged, match="ECG of session 1"):
        verify(store)


def test_a_deidentified_share_tells_nobody(store, tmp_path):
    session = fill(store, "P-17-anna")
    flagged = seal(store, [session.id], tmp_path / "x", WORDS, deidentify=True)
    assert {"diary symptom", "findings"} <= set(flagged)
    inside = decrypt((tmp_path / "x").read_bytes(), WORDS)
    for secret in ("Müller", "Zoë", "P-17-anna", "dizzy", "wide beats"):
        assert secret.encode() not in inside, secret
    with Store.open(tmp_path / "colleague.sqlite") as other:
        (arrived,) = unseal(tmp_path / "x", WORDS, other)
        a, b = store.beats(session.id), other.beats(arrived.session_id)
        shift = b["time"][0] - a["time"][0]
        assert shift < 0
        assert shift % (7 * 86_400) == pytest.approx(0, abs=1e-3)
        assert np.array_equal(a["rr_ms"], b["rr_ms"])
        assert np.array_equal(a["kind"], b["kind"])
