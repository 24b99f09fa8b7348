"""The commands as a person types them: results on stdout, the rest on stderr, exit codes."""

import json

import pytest
from tests.clinic.test_report import made_test

from heartlog.cli import main
from heartlog.importing import save


@pytest.fixture
def heartlog(store, monkeypatch, capsys):
    """Run a command; return (exit code, stdout, stderr)."""
    monkeypatch.setenv("HEARTLOG_STORE", store.where)
    monkeypatch.setenv("HEARTLOG_USER", "Doe")
    save(store, made_test(minutes=3))

    def run(*words):
        with pytest.raises(SystemExit) as ended:
            main([str(w) for w in words])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_patients_from_adding_to_merging(heartlog):
    assert (
        heartlog("patients", "add", "A", "--name", "Anna Müller", "--born", "1956-03-14")[0] == 0
    )
    heartlog("patients", "add", "B", "--name", "anna müller", "--born", "1956-03-14")
    assert heartlog("session", "assign", 1, "B")[0] == 0
    code, out, _ = heartlog("patients", "list", "muller", "--json")
    assert (code, [p["identifier"] for p in json.loads(out)]) == (0, ["A", "B"])
    assert "A" in heartlog("patients", "duplicates")[1]
    code, _, err = heartlog("patients", "merge", "A", "B")
    assert code == 2
    assert "--yes" in err
    assert heartlog("patients", "merge", "A", "B", "--yes")[0] == 0
    assert json.loads(heartlog("patients", "show", "A", "--json")[1])["sessions"] == [1]
    entries = json.loads(heartlog("store", "audit", "patient", "--json")[1])
    assert {e["who"] for e in entries} == {"Doe"}
    assert entries[0]["action"] == "merge"
    assert heartlog("patients", "show", "nobody")[0] == 3
    assert heartlog("patients", "edit", "A")[0] == 2
    assert heartlog("patients", "archive", "A")[0] == 0


def test_equipment_and_its_history(heartlog):
    heartlog("equipment", "add", "SN1", "--due", "2020-01-01", "--board", "pico_w")
    heartlog("equipment", "note", "SN1", "self-test", "fine", "--passed")
    heartlog("equipment", "edit", "SN1", "--notes", "new battery")
    shown = json.loads(heartlog("equipment", "show", "SN1", "--json")[1])
    assert (shown["history"][0]["kind"], shown["history"][0]["passed"]) == ("self-test", True)
    assert "2020-01-01 due" in heartlog("equipment", "list", "--due")[1]
    assert heartlog("equipment", "note", "SN1", "explosion")[0] == 2
    assert heartlog("equipment", "show", "SN9")[0] == 3


def test_notes_report_export_share_and_backup(heartlog, store, tmp_path, monkeypatch):
    save(store, made_test(minutes=4, pause_at=100))
    assert heartlog("session", "diary", 1, "16:15", "dizzy")[0] == 0
    assert heartlog("session", "finding", 1, "a long pause", "--urgent")[0] == 0
    assert heartlog("session", "diary", 1, "soon", "dizzy")[0] == 2
    code, out, err = heartlog("report", 1, "-o", tmp_path / "r.html")
    assert (code, out.strip()) == (0, str(tmp_path / "r.html"))
    assert "Pause of 3.40 s" in err
    page = (tmp_path / "r.html").read_text()
    assert "dizzy" in page
    assert "a long pause" in page
    assert heartlog("report", 1, "-o", tmp_path / "r.doc")[0] == 2
    assert heartlog("report", 77, "-o", tmp_path / "r.html")[0] == 3
    code, out, _ = heartlog("export", 1, "-f", "json", "-o", tmp_path, "--json", "--deidentify")
    assert "diary" in json.loads(out)["free_text_taken_out"]
    # What no passphrase can mend is said before one is asked for.
    assert heartlog("share", "seal", 77, "-o", tmp_path / "c.heartshare")[0] == 3
    for name, said in (("nothing", "There is no file"), ("r.html", "is not a shared file")):
        code, _, err = heartlog("share", "open", tmp_path / name)
        assert (code, said in err) == (1, True)
    assert "no terminal to type" in heartlog("share", "seal", 1, "-o", tmp_path / "c")[2]
    monkeypatch.setenv("HEARTLOG_SHARE_PASSPHRASE", "four words are good")
    assert heartlog("share", "seal", 1, "-o", tmp_path / "c.heartshare")[0] == 0
    opened = json.loads(heartlog("share", "open", tmp_path / "c.heartshare", "--json")[1])
    assert [(one["session"], one["known"]) for one in opened] == [(1, True)]
    assert heartlog("share", "open", tmp_path / "r.html")[0] == 1
    assert heartlog("store", "backup", tmp_path / "b.heartlog")[0] == 0
    assert heartlog("store", "backup", tmp_path / "b.heartlog")[0] == 5
    assert heartlog("store", "restore", tmp_path / "b.heartlog")[0] == 5
    new = tmp_path / "new.sqlite"
    assert heartlog("store", "restore", tmp_path / "b.heartlog", "--store", new)[0] == 0
    assert json.loads(heartlog("store", "check", "--json", "--store", new)[1])["beat_chunk"] >= 2
    assert heartlog("compare", 1, 2)[0] == 0
    assert json.loads(heartlog("review", 1, "--json")[1])["rhythm"][0]["what"] == "URGENT"


def test_import_tells_the_session(heartlog, tmp_path):
    path = tmp_path / "rr.txt"
    path.write_text("\n".join(["800"] * 50))
    code, out, _ = heartlog("import", path, "--start", "2026-03-01T09:30:00+01:00", "--json")
    assert (code, json.loads(out)[0]["beats"]) == (0, 51)
    assert heartlog("import", tmp_path / "none.edf")[0] == 1
    assert heartlog("import", path, "--start", "yesterday")[0] == 2
