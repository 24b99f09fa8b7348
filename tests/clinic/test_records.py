"""Patients, equipment, diary, findings, corrections; each change leaves its trace."""

import datetime as dt
import time

import pytest

from heartlog.errors import UsageProblem
from heartlog.records import equipment, notes, patients
from heartlog.records.audit import trail
from heartlog.store import HUMAN, BeatKind, NotFound, Record


def test_search_finds_by_any_word_with_and_without_accents(any_store):
    for number, name in enumerate(("Zoë Müller", "Anna Schmidt", "Ωμέγα Π. %_")):
        patients.add(any_store, identifier=f"P-{number}", name=name, birth_date="1956-03-14")
    for text, wanted in (
        ("müller", ["P-0"]),
        ("MULLER zoe", ["P-0"]),
        ("1956", ["P-1", "P-0", "P-2"]),
        ("p-1", ["P-1"]),
        ("ωμέγα", ["P-2"]),
        ("%", ["P-2"]),
        ("nobody", []),
    ):
        found = [p.identifier for p in patients.search(any_store, text)]
        assert sorted(found) == sorted(wanted), text


def test_wrong_values_are_named(store):
    with pytest.raises(UsageProblem, match="needs an identifier"):
        patients.add(store, name="X")
    with pytest.raises(UsageProblem, match="not a date of birth"):
        patients.add(store, identifier="A", birth_date="14.3.56")
    with pytest.raises(UsageProblem, match="Nobody was born"):
        patients.add(store, identifier="A", birth_date="2956-03-14")
    with pytest.raises(UsageProblem, match="not a sex"):
        patients.add(store, identifier="A", sex="f")
    patients.add(store, identifier="A")
    with pytest.raises(UsageProblem, match="a patient A already"):
        patients.add(store, identifier="A")
    with pytest.raises(NotFound, match="No patient 'B'"):
        patients.by_identifier(store, "B")


def test_a_name_stays_in_its_line_whatever_was_pasted(store):
    """A line end in it would break every list, a control sequence would speak to the terminal."""
    made = patients.add(store, identifier=" P\t7 ", name='Anna "X"\nO\'Neill \x1b[31m😀')
    assert (made.identifier, made.name) == ("P 7", 'Anna "X" O\'Neill [31m😀')
    assert patients.edit(store, made.id, name="Zoë\r\nMüller").name == "Zoë Müller"
    with pytest.raises(UsageProblem, match="identifier"):
        patients.add(store, identifier="\n\x07")


def test_editing_keeps_who_when_before_and_after(any_store):
    row = patients.add(any_store, identifier="P-1", name="Ana", who="Doe")
    patients.edit(any_store, row.id, name="Anna", pacemaker=True, who="Roe")
    patients.edit(any_store, row.id, name="Anna", who="Roe")  # changes nothing, leaves no trace
    last, first = trail(any_store, "patient", str(row.id))
    assert (first.who, first.action, first.before) == ("Doe", "add", None)
    assert (last.who, last.action) == ("Roe", "edit")
    assert last.before == {"name": "Ana", "pacemaker": False}
    assert last.after == {"name": "Anna", "pacemaker": True}
    assert abs(last.at - time.time()) < 60
    assert patients.search(any_store, "anna")


def test_merging_moves_sessions_and_fills_what_lacks(any_store):
    a = patients.add(any_store, identifier="A", name="Anna", notes="one")
    b = patients.add(any_store, identifier="B", name="Anna", birth_date="1956-03-14", notes="two")
    session = any_store.open_session("dev", patient_id=b.id)
    kept = patients.merge(any_store, a.id, b.id, who="Doe")
    assert (kept.birth_date, kept.notes) == ("1956-03-14", "one\ntwo")
    assert any_store.session(session.id).patient_identifier == "A"
    assert patients.by_identifier(any_store, "B").id == a.id
    assert [p.identifier for p in patients.search(any_store, "b")] == ["A"]
    with pytest.raises(NotFound):
        patients.merge(any_store, a.id, b.id)
    with pytest.raises(UsageProblem, match="itself"):
        patients.merge(any_store, a.id, a.id)


def test_likely_duplicates_are_offered(any_store):
    for name in ("A", "B"):
        patients.add(any_store, identifier=name, name="Anna", birth_date="1956-03-14")
    patients.add(any_store, identifier="C", name="Anna", birth_date="1957-03-14")
    ((one, two),) = patients.likely_duplicates(any_store)
    assert {one.identifier, two.identifier} == {"A", "B"}


def test_archiving_hides_and_brings_back(store):
    row = patients.add(store, identifier="A")
    patients.archive(store, row.id)
    assert patients.search(store) == []
    assert len(patients.search(store, archived=True)) == 1
    patients.archive(store, row.id, back=True)
    assert len(patients.search(store)) == 1


def test_corrected_beats_leave_the_original(store):
    session = store.open_session("dev", rate=250.0, started_at=1.79e9)
    store.append(
        session.id,
        [Record(n, "beat", n * 200, {"rr": 200, "kind": 1}) for n in range(1, 11)],
    )
    before = store.beats(session.id)
    notes.reclassify_beat(store, session.id, 3, 0, 600, BeatKind.WIDE, "wide QRS", who="Doe")
    notes.delete_beat(store, session.id, 6, 0, 1200, "noise", who="Doe")
    notes.add_beat(store, session.id, 0, 1700, BeatKind.NORMAL, "missed", who="Doe")
    after = store.beats(session.id)
    assert after["index"].tolist() == [200, 400, 600, 800, 1000, 1400, 1600, 1700, 1800, 2000]
    assert after["kind"][2] == BeatKind.WIDE
    assert after["rr_ms"][5] == pytest.approx(1600)  # across the beat that was taken out
    assert after["rr_ms"][7:9].tolist() == pytest.approx([400, 400])
    assert after["time"][7] == pytest.approx(before["time"][7] + 0.4)
    assert (after["flags"][[2, 7]] & HUMAN).all()
    assert (store.beats(session.id, edited=False) == before).all()
    for _ in range(3):
        assert notes.undo_edit(store, session.id) is not None
    assert notes.undo_edit(store, session.id) is None
    assert (store.beats(session.id) == before).all()
    assert len(trail(store, "beat_edit")) == 6


def test_session_is_given_a_patient_and_only_that_can_be_edited(store):
    row = patients.add(store, identifier="A", name="Anna")
    session = store.open_session("dev")
    notes.edit_session(store, session.id, patient_id=row.id, notes="left arm in plaster")
    assert [s.id for s in store.sessions(text="anna plaster")] == [session.id]
    with pytest.raises(UsageProblem, match="can't be edited"):
        notes.edit_session(store, session.id, beat_count=3)
    with pytest.raises(NotFound):
        notes.edit_session(store, session.id, patient_id=99)


def test_equipment_has_a_history_and_a_due_day(any_store):
    equipment.add(any_store, "SN-1", device_id="e661", board="pico_w", who="Doe")
    equipment.edit(any_store, "SN-1", maintenance_due="2026-12-01")
    equipment.note(any_store, "e661", "self-test", "all electrodes", passed=True, who="Doe")
    equipment.note(any_store, "SN-1", "cleaning")
    kinds = [(e.kind, e.passed) for e in equipment.history(any_store, "SN-1")]
    assert kinds == [("cleaning", None), ("self-test", True)]
    assert [e.serial for e in equipment.due(any_store, dt.date(2026, 12, 1))] == ["SN-1"]
    assert equipment.due(any_store, dt.date(2026, 11, 30)) == []
    assert [e.serial for e in equipment.search(any_store, "pico sn")] == ["SN-1"]
    with pytest.raises(UsageProblem, match="no entry 'explosion'"):
        equipment.note(any_store, "SN-1", "explosion")
    equipment.archive(any_store, "SN-1")
    assert equipment.search(any_store) == []


def test_diary_and_findings_need_words(store):
    session = store.open_session("dev")
    with pytest.raises(UsageProblem):
        notes.add_diary(store, session.id, 5.0)
    with pytest.raises(UsageProblem):
        notes.add_finding(store, session.id, "  ")
    row = notes.add_finding(store, session.id, "a run", urgent=True, who="Doe")
    assert [f.text for f in notes.findings(store, session.id)] == ["a run"]
    notes.archive_finding(store, row.id)
    assert notes.findings(store, session.id) == []


def test_ten_thousand_patients_are_searched_and_listed(store):
    """Correctness at scale here; times are in the bench."""
    with store.writing() as db:
        from heartlog.store.schema_clinic import Patient

        db.add_all(
            Patient(
                identifier=f"P-{n:05d}",
                name=f"Name {n % 97} Family {n}",
                created_at=0,
                updated_at=0,
                search=f"p-{n:05d} name {n % 97} family {n}",
            )
            for n in range(10_000)
        )
    assert patients.count(store) == 10_000
    assert len(patients.search(store, "name 13", limit=1000)) >= 103
    assert len(patients.search(store, limit=50, offset=9_990)) == 10
