"""An update over the air, on a littlefs on the flash model: signatures, refusals, power cuts."""

import hashlib
import io
import json
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from heartlog.device.signing import load_key, new_key, public_bytes, sign_archive
from heartlog.errors import CommandError, NotFound
from heartlog.image.build import pack

from .conftest import Runner

FLASH_SIZE = 256 * 1024


def small_archive(version: str, board: str = "desk", **changes: Any) -> bytes:
    """An image like a board's, but small: a few files of odd sizes."""

    files = {
        "main.py": b"import start\n",
        "start.mpy": bytes(range(256)) * 5 + version.encode(),
        "board.mpy": b"pins",
        "monitor/app.mpy": version.encode() * 700,
        "monitor/link/wire.mpy": b"w" * 1025,
        "monitor/empty.mpy": b"",
    }
    files |= changes.get("files", {})
    manifest = {
        "format": 1,
        "board": board,
        "arch": "x64",
        "version": version,
        "build": "0",
        "files": [
            {"path": p, "size": len(c), "sha256": hashlib.sha256(c).hexdigest()}
            for p, c in files.items()
        ],
    }
    manifest |= changes.get("manifest", {})
    files["manifest.json"] = json.dumps(manifest).encode()
    return pack(files)


@dataclass
class Desk:
    """A flash with version 1.0.0 installed, and what it takes to update it."""

    folder: Path
    key: Ed25519PrivateKey
    onboard: Runner
    loader: Path

    def told(self, archive: bytes, **other: Any) -> dict[str, Any]:
        file = self.folder / "update.tar"
        file.write_bytes(archive)
        signed = sign_archive(archive, self.key)
        return {
            "flash": str(self.folder / "flash.bin"),
            "installed": str(self.folder / "installed.bin"),
            "flash_size": FLASH_SIZE,
            "archive": str(file),
            "size": signed.size,
            "sha": signed.sha256.hex(),
            "signature": signed.signature.hex(),
            "board": "desk",
            "version": "1.0.0",
            "loader": str(self.loader),
        } | other


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, onboard: Runner, repository: Path) -> Desk:
    folder = tmp_path_factory.mktemp("desk")
    key = new_key(folder / "signing.pem")
    archive = folder / "installed.tar"
    archive.write_bytes(small_archive("1.0.0"))
    onboard(
        "prepare.py",
        flash=str(folder / "installed.bin"),
        flash_size=FLASH_SIZE,
        archive=str(archive),
        key=public_bytes(key).hex(),
    )
    return Desk(folder, key, onboard, repository / "firmware" / "loader.py")


def update(desk: Desk, archive: bytes, cut: int = 0, **other: Any) -> dict[str, Any] | None:
    """Run the update on what is in flash.bin; None when power went."""
    told = desk.told(archive, cut=cut) | other
    said = desk.onboard("update_cuts.py", may_die=bool(cut), **told)
    return json.loads(said) if said else None


def fresh(desk: Desk) -> None:
    """Put the flash back to what was installed over USB."""
    shutil.copy(desk.folder / "installed.bin", desk.folder / "flash.bin")
    (desk.folder / "flash.bin.wear").unlink(missing_ok=True)


def test_power_cut_at_any_point(desk: Desk) -> None:
    """Each flash operation of the whole update is cut once; what boots is always whole."""
    archive = small_archive("1.1.0")
    fresh(desk)
    undisturbed = update(desk, archive)
    assert undisturbed is not None
    assert undisturbed["found"] == ["a", False, True]
    assert undisturbed["left"] == ["b", True, True]
    operations = undisturbed["operations"]
    assert operations > 60
    resumed = restarted = 0
    for cut in range(1, operations + 1):
        fresh(desk)
        assert update(desk, archive, cut) is None, f"power was not cut in operation {cut}"
        after = update(desk, archive)
        assert after is not None
        assert after["complaints"] == []
        slot, trial, whole = after["found"]
        assert whole, f"cut in operation {cut}: slot {slot} is damaged"
        assert (slot, trial) in (("a", False), ("b", True))
        assert after["left"] == ["b", True, True]
        if slot == "a":
            resumed += after["take"]["from"] > 0
            restarted += after["take"]["from"] == 0
    print(f"operations={operations} resumed={resumed} restarted={restarted}")
    # What is safe on flash is never sent again: only cuts in the first 4096 bytes start anew.
    assert resumed > 4 * restarted


OK, NO_SLOTS, NO_KEY, BUSY, NO_SPACE = range(5)
BAD_HASH, BAD_SIGNATURE, BAD_ARCHIVE, WRONG_BOARD, OLDER = 9, 10, 11, 12, 13
READY, FAILED = 4, 5


def refused(desk: Desk, archive: bytes, **other: Any) -> int:
    """Try an update that must fail after all of it has come; returns the reason."""
    fresh(desk)
    said = update(desk, archive, **other)
    assert said is not None
    assert said["left"] == ["a", False, True], "the installed image must go on running"
    assert said["take"]["state"] == FAILED
    reason: int = said["take"]["reason"]
    return reason


def test_what_is_not_ours_is_refused(desk: Desk) -> None:
    good = small_archive("1.1.0")
    stranger = sign_archive(good, Ed25519PrivateKey.generate())
    damaged = bytearray(good)
    damaged[700] ^= 1
    assert refused(desk, good, signature=stranger.signature.hex()) == BAD_SIGNATURE
    assert refused(desk, bytes(damaged), sha=sign_archive(good, desk.key).sha256.hex()) == BAD_HASH
    assert refused(desk, small_archive("1.1.0", board="pico_w")) == WRONG_BOARD
    assert refused(desk, small_archive("0.9.9")) == OLDER
    assert refused(desk, bytes(10240)) == BAD_ARCHIVE


def test_signed_nonsense_is_refused(desk: Desk) -> None:
    """Even who holds the key can't write outside the slot, or leave an image that isn't whole."""
    outside = io.BytesIO()
    with tarfile.open(fileobj=outside, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        member = tarfile.TarInfo("../state")
        member.size = 9
        tar.addfile(member, io.BytesIO(b"b - 0 -\n\n"))
    assert refused(desk, outside.getvalue()) == BAD_ARCHIVE
    assert refused(desk, small_archive("1.1.0", manifest={"version": "new"})) == BAD_ARCHIVE
    assert refused(desk, small_archive("1.1.0", manifest={"files": [{"path": "/main.py"}]})) == (
        BAD_ARCHIVE
    )
    good = small_archive("1.1.0")
    assert refused(desk, good[: 1024 + 512]) == BAD_ARCHIVE


def test_requests_that_come_at_the_wrong_time(desk: Desk) -> None:
    """Checked against the device's own answers: sizes, offsets, states, room, keys."""
    fresh(desk)
    archive = small_archive("1.1.0")
    said = json.loads(desk.onboard("update_order.py", **desk.told(archive, cut=0)))
    assert said["huge"] == [NO_SPACE, 0]
    assert said["recording"] == [BUSY, 0]
    assert said["short_hash"] == [BAD_ARCHIVE, 0]
    assert said["early_write"][0] == 5
    assert said["gap"] == [6, 4096]
    assert said["too_long"] == [7, 4096]
    assert said["early_finish"] == 8
    assert said["after_reset"] == [OK, 4096]
    assert said["other_archive"] == [OK, 0]
    assert said["aborted"] == [OK, 0]
    assert said["no_key"] == [NO_KEY, 0]
    assert said["no_slots"] == [NO_SLOTS, 0]
    assert said["write_after_finish"][0] == 5


def test_damaged_archives_never_crash_the_reader(desk: Desk) -> None:
    """A thousand damaged archives: each is read to an end or refused, nothing else."""
    archive = desk.folder / "fuzz.tar"
    archive.write_bytes(small_archive("1.1.0"))
    said = json.loads(desk.onboard("tar_fuzz.py", archive=str(archive), rounds=1000))
    assert said["read"] + said["refused"] == 1000
    assert said["refused"] > 300


def test_trial_is_kept_or_left(desk: Desk) -> None:
    """The loader counts three starts; a confirmed image stays, another goes."""
    said = json.loads(desk.onboard("trial.py", **desk.told(small_archive("1.1.0"), cut=0)))
    assert said["never_confirmed"] == ["b", "b", "b", "a", "a"]
    assert said["after_failure"] == ["a", "-", 0, "failed-b"]
    assert said["confirmed"] == ["b", "b"]
    assert said["after_success"] == ["b", "-", 0, "kept-b"]
    assert said["spare_on_trial"] is None
    assert said["spare_after"] == "a"
    assert said["no_state"] == "a"
    assert said["nothing"] is None


def test_keys_are_kept_well(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    new_key(path)
    assert path.stat().st_mode & 0o077 == 0
    assert public_bytes(load_key(path)) == public_bytes(load_key(path))
    with pytest.raises(CommandError, match="never overwritten"):
        new_key(path)
    with pytest.raises(NotFound, match="no signing key"):
        load_key(tmp_path / "missing.pem")
    path.write_text("no key")
    with pytest.raises(CommandError, match="no signing key that can be read"):
        load_key(path)
