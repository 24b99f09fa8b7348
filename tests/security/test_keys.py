"""Keys at rest: locked by the keyring or a passphrase, and lost to whoever has neither."""

import hashlib
import json
import stat
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring

from heartlog.security import master
from heartlog.security.channel import derive
from heartlog.security.keys import FILE, Keys
from heartlog.security.master import LockProblem, unlock

GOOD = "four random words here"
CHECK = "d84226c7e3536c4d1f2a3532588f006c"
CODE = "aaaq-eaye-auda-ocaj-bifq-ydio-b4ib-ceqt-cqkr-mfyy-denb-wha5-dypy-flgg"  # of 0, 1, .. 31


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
