"""What is done with a patient's data, and changes none of it, is noted: who, when, what."""

import json
import time
from pathlib import Path

import pytest
from tests.clinic.test_report import made_test

from heartlog.cli import main
from heartlog.importing import save
from heartlog.records.audit import trail
from heartlog.security.keys import own_keys
from heartlog.store import Store

DEVICE = "8a6f2c0011223344"


@pytest.fixture
def heartlog(tmp_path, monkeypatch):
    """Run a command that succeeds, by technician Doe, on a store and keys of its own."""
    file = tmp_path / "s.sqlite"
    monkeypatch.setenv("HEARTLOG_STORE", str(file))
    monkeypatch.setenv("HEARTLOG_USER", "Doe")
    monkeypatch.setenv("HEARTLOG_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("HEARTLOG_PASSPHRASE", "three words of mine")
    monkeypatch.setenv("HEARTLOG_SHARE_PASSPHRASE", "four words are good")
    monkeypatch.chdir(tmp_path)

    def run(*words):
        with pytest.raises(SystemExit) as ended:
            main([str(w) for w in words])
        assert not ended.value.code, words

    return run


def noted(file: Path) -> list[tuple[str, str]]:
    """(action, entity and its number) of all that the trail holds, oldest first."""
    with Store.open(file) as store:
        entries = trail(store, limit=1000)
    assert {e.who for e in entries} <= {"Doe"}
    assert all(abs(e.at - time.time()) < 600 for e in entries)
    return [(e.action, f"{e.entity} {e.entity_id}".strip()) for e in reversed(entries)]


def test_a_code_that_was_not_shown_is_no_act(heartlog, tmp_path, monkeypatch):
    file = tmp_path / "s.sqlite"
    with Store.open(file):
        pass
    own_keys(create=True)
    monkeypatch.setenv("HEARTLOG_PASSPHRASE", "other words")
    with pytest.raises(AssertionError):
        heartlog("keys", "recovery")
    assert noted(file) == []


def test_what_leaves_the_store_is_noted(heartlog, tmp_path, capsys):
    file = tmp_path / "s.sqlite"
    with Store.open(file) as store:
        save(store, made_test(minutes=3))
        save(store, made_test(minutes=3))
    before = len(noted(file))
    heartlog("export", 1, "-f", "csv", "-o", "out", "--deidentify")
    heartlog("report", 2, "-o", "r.html")
    heartlog("show", 1, "--picture", "p.png")
    heartlog("show", 1)
    heartlog("compare", 1, 2, "-o", "c.html")
    heartlog("compare", 1, 2)
    heartlog("share", "seal", 2, "-o", "x.heartshare")
    heartlog("share", "open", "x.heartshare", "--store", "other.sqlite")
    heartlog("store", "backup", "b.heartlog")
    heartlog("store", "restore", "b.heartlog", "--store", "new.sqlite")
    heartlog("store", "encrypt")
    heartlog("store", "backup", "--clear", "--yes", "clear.heartlog")
    heartlog("store", "decrypt", "--yes")
    assert noted(file)[before:] == [
        ("export", "session 1"),
        ("report", "session 2"),
        ("picture", "session 1"),
        ("compare", "session 1"),
        ("compare", "session 2"),
        ("share", "session 2"),
        ("backup", "store"),
        ("encrypt", "store"),
        ("backup", "store"),
        ("decrypt", "store"),
    ]
    assert ("open shared", "session 1") in noted(tmp_path / "other.sqlite")
    assert noted(tmp_path / "new.sqlite")[-1] == ("restore", "store")
    capsys.readouterr()
    heartlog("store", "audit", "session", 1, "--json")
    entries = json.loads(capsys.readouterr().out)
    (export,) = (e for e in entries if e["action"] == "export")
    assert export["after"] == {"format": "csv", "deidentified": True}
    heartlog("store", "audit", "store")
    assert "clear.heartlog" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(SystemExit) as ended:
        main(["report", "77"])
    assert ended.value.code == 3
    assert noted(file)[-1] == ("decrypt", "store")


def test_what_is_done_with_a_monitors_keys_is_noted(heartlog, tmp_path, monkeypatch, capsys):
    file = tmp_path / "s.sqlite"
    keys = own_keys(create=True)
    assert keys is not None
    keys.add(DEVICE)
    heartlog("keys", "found", DEVICE)
    assert not file.exists(), "no store is made for it"
    Store.open(file).close()
    heartlog("keys", "lost", DEVICE, "--yes")
    heartlog("keys", "found", DEVICE)
    heartlog("keys", "recovery")
    heartlog("keys", "list")
    keys.add(DEVICE)
    keys.mark_wiped(DEVICE)
    capsys.readouterr()
    heartlog("keys", "found", DEVICE)
    out, err = capsys.readouterr()
    assert "was wiped meanwhile" in " ".join(out.split())
    assert "heartlog pair" in err
    heartlog("keys", "forget", DEVICE, "--yes", "--store", "elsewhere.sqlite")
    Store.open(tmp_path / "other.sqlite").close()
    keys.add(DEVICE)  # in this process, that is still a matter of the last command's store
    heartlog("keys", "forget", DEVICE, "--yes", "--store", "other.sqlite")
    monitor = f"monitor {DEVICE}"
    assert noted(file) == [
        ("lost", monitor),
        ("found", monitor),
        ("show recovery code", "keys"),
        ("pair", monitor),
        ("wipe", monitor),
        ("found", monitor),
    ]
    assert noted(tmp_path / "other.sqlite") == [("forget keys", monitor)]
    assert not (tmp_path / "elsewhere.sqlite").exists()
    # A store that can't be opened stops no act.
    keys.add(DEVICE)
    file.write_bytes(b"not a store" * 100)
    capsys.readouterr()
    heartlog("keys", "lost", DEVICE, "--yes")
    assert "The audit trail does not show this" in " ".join(capsys.readouterr().err.split())
    again = own_keys()
    assert again is not None
    assert again.lost(DEVICE)


def test_records_that_are_given_up_are_noted_once(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARTLOG_USER", "Doe")
    with Store.open(tmp_path / "s.sqlite") as store:
        store.mark_lost(DEVICE, 5, 9, journal=7)
        store.mark_lost(DEVICE, 3, 9, journal=7)
        store.mark_lost(DEVICE, 3, 9, journal=7)
        entries = trail(store, "records", DEVICE)
    assert [e.after for e in reversed(entries)] == [
        {"first": 5, "last": 9, "journal": 7},
        {"first": 3, "last": 4, "journal": 7},
    ]
    assert {(e.who, e.action) for e in entries} == {("Doe", "give up")}
