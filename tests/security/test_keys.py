"""Keys at rest: locked by the keyring or a passphrase, and lost to whoever has neither."""

import hashlib
import json
import signal
import stat
import subprocess
import sys
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring

from heartlog.cli import main
from heartlog.security import keys as keys_module
from heartlog.security import master, relock
from heartlog.security.channel import derive
from heartlog.security.keys import FILE, Keys
from heartlog.security.master import LockProblem, unlock

GOOD = "four random words here"
CHECK = "d84226c7e3536c4d1f2a3532588f006c"
CODE = "aaaq-eaye-auda-ocaj-bifq-ydio-b4ib-ceqt-cqkr-mfyy-denb-wha5-dypy-flgg"  # of 0, 1, .. 31
NEW = "and four quite other ones"


class MemoryKeyring(KeyringBackend):
    """A keyring in memory, behind the keyring package's own interface."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(master.PASSPHRASE_VARIABLE, raising=False)
    monkeypatch.setattr(master, "SCRYPT_N", 2**14)
    keyring.set_keyring(NoKeyring())


def test_a_passphrase_opens_what_it_locked_and_another_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return GOOD

    first = unlock(tmp_path, ask)
    first_prompt, again = asked
    assert "New passphrase for Heartlog's keys on this computer (8 characters" in first_prompt
    assert again == "Once more"
    assert unlock(tmp_path, lambda _: GOOD) == first
    with pytest.raises(LockProblem, match="wrong"):
        unlock(tmp_path, lambda _: "something else")
    monkeypatch.setenv(master.PASSPHRASE_VARIABLE, GOOD)
    assert unlock(tmp_path) == first


def test_short_or_mistyped_new_passphrases_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LockProblem, match="5 characters"):
        unlock(tmp_path, lambda _: "short")
    words = iter((GOOD, GOOD + "!"))
    with pytest.raises(LockProblem, match="differ"):
        unlock(tmp_path, lambda _: next(words))
    with pytest.raises(LockProblem, match="nobody can be asked"):
        unlock(tmp_path)
    assert not (tmp_path / master.LOCK_FILE).exists()


def test_a_short_passphrase_is_refused_wherever_it_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(master.PASSPHRASE_VARIABLE, "7 chars")
    with pytest.raises(LockProblem, match="7 characters"):
        unlock(tmp_path)
    assert not (tmp_path / master.LOCK_FILE).exists()
    monkeypatch.setenv(master.PASSPHRASE_VARIABLE, "8  chars")
    assert len(unlock(tmp_path)) == 32


def test_what_was_locked_once_opens_in_every_later_version(tmp_path: Path) -> None:
    """A lock file and a recovery code, letter by letter."""
    lock = {"n": 2**14, "salt": bytes(range(16)).hex(), "check": CHECK}
    (tmp_path / master.LOCK_FILE).write_text(json.dumps(lock))
    secret = hashlib.scrypt(GOOD.encode(), salt=bytes(range(16)), n=2**14, r=8, p=1, dklen=32)
    assert unlock(tmp_path, lambda _: GOOD) == secret
    assert master.recovery_code(bytes(range(32))) == CODE


def test_a_recovery_code_opens_or_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(code: str) -> bytes:
        monkeypatch.setenv(master.RECOVERY_VARIABLE, code)
        return unlock(tmp_path)

    for written in (CODE, CODE.upper(), CODE.replace("-", " "), f" {CODE[:20]}\n{CODE[20:]} "):
        assert opened(written) == bytes(range(32))
    wrong = [CODE[:-1], CODE[:-4], CODE[5:], CODE + "-aaaa", CODE + CODE, "a", "1", "é", "-"]
    for i, letter in enumerate(CODE):
        if letter != "-":
            wrong.append(CODE[:i] + ("b" if letter == "a" else "a") + CODE[i + 1 :])
    for code in wrong:
        with pytest.raises(LockProblem, match="recovery code is not right"):
            opened(code)
    assert not list(tmp_path.iterdir())


def test_the_keyring_is_used_where_there_is_one(tmp_path: Path) -> None:
    ring = MemoryKeyring()
    keyring.set_keyring(ring)
    first = unlock(tmp_path)
    assert len(first) == 32
    assert unlock(tmp_path) == first
    assert not (tmp_path / master.LOCK_FILE).exists()
    (name,) = ring.kept
    ring.kept[name] = "not hex"
    with pytest.raises(LockProblem, match="no usable secret"):
        unlock(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        json.dumps({"n": 2**30, "salt": "00" * 16, "check": ""}),
        json.dumps({"n": 3, "salt": "00" * 16, "check": ""}),
        json.dumps({"n": 2**14, "salt": "00", "check": ""}),
    ],
)
def test_a_damaged_or_forged_lock_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / master.LOCK_FILE).write_text(content)
    with pytest.raises(LockProblem, match="damaged"):
        unlock(tmp_path, lambda _: GOOD)


def test_keys_survive_only_under_their_secret(tmp_path: Path) -> None:
    keys = Keys(tmp_path, bytes(32))
    first = keys.add("aa" * 8, session=1)
    second = keys.add("aa" * 8, session=2)
    other = keys.add("bb" * 8, session=3)
    again = Keys(tmp_path, bytes(32))
    assert again.get("aa" * 8) == second != first
    assert again.get("bb" * 8) == other
    assert again.get("cc" * 8) is None
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    data = (tmp_path / FILE).read_bytes()
    for key in (first, second, other):
        assert key not in data
        assert key.hex().encode() not in data
    with pytest.raises(LockProblem, match="another secret"):
        Keys(tmp_path, bytes(31) + b"\x01")


def test_a_passphrase_is_changed_and_what_it_locks_stays(tmp_path: Path) -> None:
    secret = unlock(tmp_path, lambda _: GOOD)
    key = Keys(tmp_path, secret).add("aa" * 8)
    assert relock.held(tmp_path, lambda _: GOOD) == secret
    relock.to_passphrase(tmp_path, secret, NEW)
    assert unlock(tmp_path, lambda _: NEW) == secret
    assert Keys(tmp_path, secret).get("aa" * 8) == key
    with pytest.raises(LockProblem, match="wrong"):
        unlock(tmp_path, lambda _: GOOD)
    with pytest.raises(LockProblem, match="5 characters"):
        relock.to_passphrase(tmp_path, secret, "short")
    assert unlock(tmp_path, lambda _: NEW) == secret
    assert secret.hex() not in (tmp_path / master.LOCK_FILE).read_text()


def test_a_secret_that_a_passphrase_made_gets_another_one(tmp_path: Path) -> None:
    """Lock files of before."""
    salt = bytes(range(16))
    secret = master._from_passphrase(GOOD, salt, 2**14)
    lock = {"n": 2**14, "salt": salt.hex(), "check": master.check_of(secret)}
    (tmp_path / master.LOCK_FILE).write_text(json.dumps(lock))
    assert relock.held(tmp_path, lambda _: GOOD) == secret
    relock.to_passphrase(tmp_path, secret, NEW)
    assert unlock(tmp_path, lambda _: NEW) == secret


def test_from_the_keyring_to_a_passphrase_and_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = MemoryKeyring()
    keyring.set_keyring(ring)
    secret = unlock(tmp_path)
    # What is in the environment is not what opened it: no second secret is made for it.
    monkeypatch.setenv(master.PASSPHRASE_VARIABLE, NEW)
    assert relock.held(tmp_path, None) == secret
    relock.to_passphrase(tmp_path, secret, NEW)
    assert ring.kept == {}
    assert unlock(tmp_path) == secret
    monkeypatch.delenv(master.PASSPHRASE_VARIABLE)
    relock.to_keyring(tmp_path, secret)
    assert not (tmp_path / master.LOCK_FILE).exists()
    assert unlock(tmp_path) == secret


def test_a_keyring_that_keeps_nothing_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = unlock(tmp_path, lambda _: GOOD)
    with pytest.raises(LockProblem, match="Nothing changed"):
        relock.to_keyring(tmp_path, secret)
    ring = MemoryKeyring()
    monkeypatch.setattr(ring, "set_password", lambda *_: None)
    keyring.set_keyring(ring)
    with pytest.raises(LockProblem, match="Nothing changed"):
        relock.to_keyring(tmp_path, secret)
    assert unlock(tmp_path, lambda _: GOOD) == secret


CHILD = """
import os, sys, time
from pathlib import Path
from heartlog.security import files, master, relock
master.SCRYPT_N = 2**14
step = os.replace
def announced(*a):
    if sys.argv[2] == "after": step(*a)
    print("now", flush=True)
    time.sleep(600)
os.replace = announced
folder = Path(sys.argv[1])
secret = relock.held(folder, lambda _: sys.argv[3])
relock.to_passphrase(folder, secret, sys.argv[4])
"""


@pytest.mark.parametrize(("when", "opens", "not_any_more"), [("before", 0, 1), ("after", 1, 0)])
def test_killed_in_the_middle_the_old_lock_opens_or_the_new(
    tmp_path: Path, when: str, opens: int, not_any_more: int
) -> None:
    words = GOOD, NEW
    secret = unlock(tmp_path, lambda _: GOOD)
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path), when, *words], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"now\n"
        child.send_signal(signal.SIGKILL)
    assert unlock(tmp_path, lambda _: words[opens]) == secret
    with pytest.raises(LockProblem, match="wrong"):
        unlock(tmp_path, lambda _: words[not_any_more])


def test_the_command_changes_it_and_takes_a_recovery_code_for_a_forgotten_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(keys_module, "_masters", {})  # another process
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        return int(ended.value.code or 0), " ".join(capsys.readouterr().err.split())

    store = str(tmp_path / "s.sqlite")
    monkeypatch.setenv(keys_module.FOLDER_VARIABLE, str(tmp_path / "keys"))
    monkeypatch.setenv("HEARTLOG_STORE", store)
    monkeypatch.setenv(master.PASSPHRASE_VARIABLE, GOOD)
    assert run("store", "init", "--encrypted")[0] == 0
    code = master.recovery_code(unlock(tmp_path / "keys"))
    status, said = run("store", "passphrase")
    assert (status, "Set HEARTLOG_NEW_PASSPHRASE" in said) == (1, True), "nobody is to be asked"
    monkeypatch.setenv("HEARTLOG_NEW_PASSPHRASE", NEW)
    status, said = run("store", "passphrase")
    assert (status, "still holds another one" in said) == (0, True)
    monkeypatch.setenv(master.PASSPHRASE_VARIABLE, GOOD)
    assert run("store", "check")[0] == 5
    monkeypatch.setenv(master.PASSPHRASE_VARIABLE, NEW)
    assert run("store", "check")[0] == 0
    monkeypatch.delenv(master.PASSPHRASE_VARIABLE)
    monkeypatch.setenv("HEARTLOG_NEW_PASSPHRASE", GOOD)
    other = master.recovery_code(bytes(32))
    monkeypatch.setenv(master.RECOVERY_VARIABLE, other)
    status, said = run("store", "passphrase")
    assert (status, "another computer's secret" in said) == (1, True)
    monkeypatch.setenv(master.RECOVERY_VARIABLE, code)
    assert run("store", "passphrase")[0] == 0
    monkeypatch.delenv(master.RECOVERY_VARIABLE)
    monkeypatch.setenv(master.PASSPHRASE_VARIABLE, GOOD)
    assert run("store", "check")[0] == 0


def test_every_flipped_byte_and_every_cut_is_noticed(tmp_path: Path) -> None:
    Keys(tmp_path, bytes(32)).add("aa" * 8)
    path = tmp_path / FILE
    good = path.read_bytes()
    for i in range(len(good)):
        path.write_bytes(good[:i] + bytes((good[i] ^ 1,)) + good[i + 1 :])
        with pytest.raises(LockProblem):
            Keys(tmp_path, bytes(32))
        path.write_bytes(good[:i])
        with pytest.raises(LockProblem):
            Keys(tmp_path, bytes(32))


def test_a_forgotten_monitor_is_not_recognised_any_more(tmp_path: Path) -> None:
    import hashlib
    import hmac

    keys = Keys(tmp_path, bytes(32))
    key = keys.add("aa" * 8)
    keys.add("bb" * 8)
    secret = derive(key, b"", b"heartlog identifier", 32)
    identifier = b"abcd" + hmac.digest(secret, b"abcd", hashlib.sha256)[:4]
    found = keys.whose(identifier)
    assert found is not None
    assert found.device == "aa" * 8
    assert keys.forget("aa" * 8) == 1
    assert keys.forget("aa" * 8) == 0
    assert Keys(tmp_path, bytes(32)).whose(identifier) is None
