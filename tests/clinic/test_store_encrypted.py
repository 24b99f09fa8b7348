"""The encrypted store: nothing of a person in any of its files, and nothing lost on the way."""

import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import keyring
import pytest
from keyring.backends.fail import Keyring as NoKeyring
from tests.clinic.conftest import packed

from heartlog.cli import main
from heartlog.records import patients
from heartlog.security import keys, master
from heartlog.store import Record, Store, StoreBusy, StoreError, StoreLocked
from heartlog.store.cipher import MARK, Secret, is_encrypted, without_key
from heartlog.store.convert import PARTIAL, decrypt, encrypt
from heartlog.store.ingest import add_beats

WORDS = "four random words here"
NAME = "Zwetlana Unverwechselbar"


@pytest.fixture(autouse=True)
def _locked(tmp_path, monkeypatch):
    monkeypatch.setenv(keys.FOLDER_VARIABLE, str(tmp_path / "keys"))
    monkeypatch.setenv(master.PASSPHRASE_VARIABLE, WORDS)
    monkeypatch.delenv(master.RECOVERY_VARIABLE, raising=False)
    monkeypatch.setattr(master, "SCRYPT_N", 2**14)
    monkeypatch.setattr(keys, "_masters", {})
    keyring.set_keyring(NoKeyring())


def fill(store: Store) -> int:
    """A patient, 5,000 beats and a note; the session's number."""
    person = patients.add(store, identifier="P-7731", name=NAME, birth_date="1951-02-03")
    session = store.open_session("8a6f2c00", rate=250, patient_id=person.id, notes="fell twice")
    with store.writing() as db:
        add_beats(db, session.id, packed(5000))
    store.append(session.id, [Record(9001, "event", 77, {"name": "button"}, boot=1)])
    return session.id


def telling(store: Store, session: int) -> list[bytes]:
    """What must not be found: names, notes, and the beats as they lie in a store in clear."""
    from sqlalchemy import select

    from heartlog.store.schema import BeatChunk

    with store.reading() as db:
        chunk = db.scalars(select(BeatChunk).where(BeatChunk.session_id == session)).first()
    words = [NAME, NAME.casefold(), "Unverwechselbar", "P-7731", "fell twice", "8a6f2c00"]
    return [w.encode() for w in words] + [chunk.data[:24], chunk.data[-24:], b"SQLite format"]


def found(folder: Path, secrets: list[bytes]) -> list[tuple[str, bytes]]:
    files = [f for f in folder.rglob("*") if f.is_file()]
    return [(f.name, s) for f in files for s in secrets if s in f.read_bytes()]


def test_no_file_of_an_open_store_holds_anything_of_a_person(tmp_path):
    folder = tmp_path / "store"
    with Store.open(folder / "s.sqlite", encrypted=True) as store:
        session = fill(store)
        secrets = telling(store, session)
        log = folder / "s.sqlite-wal"
        assert log.stat().st_size > 4096  # what was written last lies here
        assert found(folder, secrets) == []
        assert store.encrypted
    assert found(folder, secrets) == []
    assert is_encrypted(folder / "s.sqlite")
    with Store.open(folder / "plain.sqlite") as plain:  # the search itself finds what is there
        fill(plain)
        assert len({s for _, s in found(folder, secrets)}) == len(secrets)


def test_it_opens_by_the_secret_and_the_url_and_by_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "s.sqlite"
    with Store.open(path, encrypted=True) as store:
        session = fill(store)
        url = store.url
    monkeypatch.setenv(master.PASSPHRASE_VARIABLE, "other words entirely")
    with pytest.raises(StoreLocked, match=r"s\.sqlite is encrypted\. The passphrase is wrong"):
        Store.open(path)
    monkeypatch.delenv(master.PASSPHRASE_VARIABLE)
    with pytest.raises(StoreLocked, match="nobody can be asked"):
        Store.open(path)
    with Store.open(url, read_only=True) as store:  # as a worker process opens it
        assert store.read_only
        assert len(store.beats(session)) == 5000
    with pytest.raises(StoreLocked):
        Store.open(without_key(url))
    monkeypatch.setenv(master.PASSPHRASE_VARIABLE, WORDS)
    monkeypatch.setenv(keys.FOLDER_VARIABLE, str(tmp_path / "another computer"))
    with pytest.raises(StoreLocked, match="does not open: it was locked with another secret"):
        Store.open(path)
    assert StoreLocked("").exit_code == 5


def test_a_changed_or_cut_file_is_refused(tmp_path):
    path = tmp_path / "s.sqlite"
    with Store.open(path, encrypted=True) as store:
        fill(store)
    whole = path.read_bytes()
    for at in (20, 3000, 5000):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(StoreError), Store.open(path) as store:
            store.sessions()
    path.write_bytes(MARK + b"short")
    with pytest.raises(StoreError):
        Store.open(path)


def test_the_recovery_code_opens_it_on_another_computer(tmp_path, monkeypatch, capsys):
    path = tmp_path / "s.sqlite"
    with Store.open(path, encrypted=True) as store:
        fill(store)
    with pytest.raises(SystemExit):
        main(["keys", "recovery"])
    code = "-".join(capsys.readouterr().out.split())
    monkeypatch.delenv(master.PASSPHRASE_VARIABLE)
    monkeypatch.setenv(keys.FOLDER_VARIABLE, str(tmp_path / "another computer"))
    monkeypatch.setenv(master.RECOVERY_VARIABLE, code.upper().replace("-", " "))
    with Store.open(path) as store:
        assert len(store.sessions()) == 1
    wrong = code[:-1] + ("a" if code[-1] != "a" else "b")
    for nonsense in (wrong, code[:-5], "no code at all", "ä" * 70):
        monkeypatch.setenv(master.RECOVERY_VARIABLE, nonsense)
        with pytest.raises(StoreLocked, match="recovery code is not right"):
            Store.open(path)


def test_a_store_is_encrypted_and_decrypted_where_it_lies(tmp_path):
    folder = tmp_path / "store"
    path = folder / "s.sqlite"
    with Store.open(path) as store:
        session = fill(store)
        secrets = telling(store, session)
        before = store.beats(session)
    counts = encrypt(path)
    assert counts["beat_chunk"] >= 2
    assert found(folder, secrets) == []
    assert [f.name for f in folder.iterdir()] == ["s.sqlite"]
    with Store.open(path) as store:
        assert (store.beats(session) == before).all()
        assert store.sessions(text="unverwechselbar")[0].patient_name == NAME
        store.append(session, [Record(9002, "event", 99, {"name": "button"}, boot=1)])
    with pytest.raises(StoreError, match="encrypted already"):
        encrypt(path)
    decrypt(path)
    with Store.open(path) as store:
        assert len(store.events(session)) == 2
        assert not store.encrypted
    with pytest.raises(StoreError, match="not encrypted"):
        decrypt(path)


USER = """
import sys
from heartlog.store import Record, Store
store = Store.open(sys.argv[1])
store.sessions()
print("open", flush=True)
sys.stdin.readline()
store.append(1, [Record(9002, "event", 99, {"name": "button"}, boot=1)])
store.close()
"""


def test_a_store_that_is_in_use_is_not_converted(tmp_path):
    path = tmp_path / "s.sqlite"
    with Store.open(path) as store:
        session = fill(store)
    # Another process, as it always is: locks are a process's.
    with subprocess.Popen(
        [sys.executable, "-c", USER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as user:
        assert user.stdout.readline() == "open\n"
        with pytest.raises(StoreBusy, match="open in another program"):
            encrypt(path)
        user.communicate("\n")
        assert user.returncode == 0
    assert [f.name for f in tmp_path.iterdir() if PARTIAL in f.name] == []
    encrypt(path)
    with Store.open(path) as store:
        assert len(store.events(session)) == 2


FULL = """
import resource, sys
from pathlib import Path
from heartlog.cli import main
size = Path(sys.argv[1]).stat().st_size
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))
main(["store", "encrypt", "--store", sys.argv[1]])
"""


def test_a_disk_that_is_full_leaves_the_store_as_it_was(tmp_path):
    path = tmp_path / "s.sqlite"
    with Store.open(path) as store:
        session = fill(store)
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 5, done.stderr
    assert "could not be written" in done.stderr
    assert [f.name for f in tmp_path.glob("s.*")] == ["s.sqlite"]
    with Store.open(path) as store:
        assert len(store.beats(session)) == 5000


CHILD = """
import sys, heartlog.store.convert as c
from heartlog.security import master
from pathlib import Path
master.SCRYPT_N = 2**14
step = getattr(c, sys.argv[2])
def announced(*a):
    if sys.argv[3] == "after": out = step(*a)
    print("now", flush=True)
    import time; time.sleep(60)
setattr(c, sys.argv[2], announced)
c.encrypt(Path(sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("step", "when"),
    [("_copy", "after"), ("_check", "after"), ("_sync_folder", "before")],
)
def test_killed_in_the_middle_one_whole_store_is_there(tmp_path, step, when):
    path = tmp_path / "s.sqlite"
    with Store.open(path) as store:
        session = fill(store)
    Secret.new()  # makes the lock file, so that both processes have one secret
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), step, when], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "now\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    with Store.open(path) as store:
        assert len(store.beats(session)) == 5000
        swapped = store.encrypted
    assert swapped == (step == "_sync_folder")
    if not swapped:
        encrypt(path)
    assert is_encrypted(path)
    with Store.open(path) as store:
        assert len(store.beats(session)) == 5000
    assert [f.name for f in tmp_path.glob(f"*{PARTIAL}*")] == []


@pytest.fixture
def heartlog(tmp_path, monkeypatch, capsys):
    """Run a command on an encrypted store; return (exit code, stdout, stderr)."""
    monkeypatch.setenv("HEARTLOG_STORE", str(tmp_path / "cli" / "s.sqlite"))
    monkeypatch.setenv("HEARTLOG_USER", "Doe")
    monkeypatch.chdir(tmp_path)

    def run(*words):
        with pytest.raises(SystemExit) as ended:
            main([str(w) for w in words])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, " ".join(said.err.split())

    return run


def test_the_commands_as_a_person_types_them(heartlog, tmp_path, monkeypatch):
    path = tmp_path / "cli" / "s.sqlite"
    assert heartlog("store", "encrypt")[0] == 5
    code, _, err = heartlog("store", "init", "--encrypted")
    assert (code, "keys recovery" in err) == (0, True)
    assert heartlog("store", "init")[0] == 5
    assert heartlog("store", "init", "--encrypted", "--store", "postgresql://x@y/z")[0] == 5
    with Store.open(path) as store:
        session = fill(store)
        secrets = telling(store, session)
    code, out, err = heartlog("export", session, "-f", "csv", "-o", tmp_path / "out")
    assert code == 0
    assert "not encrypted, as the store is" in err
    assert "not encrypted" not in out
    assert "not encrypted" in heartlog("report", session, "-o", tmp_path / "out" / "r.html")[2]
    backup = tmp_path / "backups" / "monday.heartlog"
    assert heartlog("store", "backup", backup)[0] == 0
    assert found(backup.parent, secrets) == []
    new = tmp_path / "new.sqlite"
    code, _, err = heartlog("store", "restore", backup, "--store", new)
    assert (code, "this store is not" in err) == (0, True)
    assert not is_encrypted(new)
    code, _, err = heartlog("store", "backup", "--clear", tmp_path / "clear.heartlog")
    assert code == 2
    assert "so that anyone can read it" in err
    assert heartlog("store", "backup", "--clear", tmp_path / "clear.heartlog", "--yes")[0] == 0
    assert found(tmp_path, [NAME.encode()])
    assert heartlog("store", "check")[0] == 0
    assert NAME in heartlog("store", "audit", "--json")[1]
    assert heartlog("store", "decrypt")[0] == 2
    code, out, _ = heartlog("store", "decrypt", "--yes", "--json")
    assert (code, json.loads(out)["encrypted"]) == (0, False)
    assert heartlog("store", "encrypt")[0] == 0
    monkeypatch.setenv(master.PASSPHRASE_VARIABLE, "not these words")
    code, _, err = heartlog("sessions")
    assert code == 5
    assert "The passphrase is wrong" in err


def test_sharing_leaves_nothing_in_clear_behind(tmp_path, monkeypatch):
    """Neither beside the file nor in the system's temporary folder, not even for a moment."""
    from heartlog.share import seal, unseal

    seen: list[str] = []
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    sys.addaudithook(
        lambda event, args: seen.append(str(args[0])) if event == "sqlite3.connect" else None
    )
    with Store.open(tmp_path / "s.sqlite", encrypted=True) as store:
        session = fill(store)
        secrets = telling(store, session)
        seal(store, [session], tmp_path / "one.heartshare", "twelve or more")
        (arrived,) = unseal(tmp_path / "one.heartshare", "twelve or more", store)
        assert len(store.beats(arrived.session_id)) == 5000
    assert seen
    assert set(seen) <= {":memory:"}
    assert found(tmp_path, secrets) == []
    assert list((tmp_path / "tmp").iterdir()) == []
