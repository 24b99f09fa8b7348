"""An update over the air, on a littlefs on the flash model: signatures, refusals, power cuts."""

import hashlib
import json
import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from heartlog.device.signing import load_key, new_key, public_bytes, sign_archive
from heartlog.errors import CommandError, NotFound
from heartlog.image import ImageInfo
from heartlog.image.slotfile import FIRST_LINE, pack, unpack

from .conftest import Runner

FLASH_SIZE = 256 * 1024


def small_image(version: str, board: str = "desk", words: str = "x64 {} 0") -> bytes:
    """An image like a board's, but small: a few modules of odd sizes that don't pack well."""
    noise = random.Random(version)
    files = {
        "start.mpy": noise.randbytes(1280),
        "board.mpy": b"pins",
        "monitor/app.mpy": version.encode() * 700 + noise.randbytes(16000),
        "monitor/link/wire.mpy": noise.randbytes(1025),
        "monitor/empty.mpy": b"",
    }
    arch, number, build = words.format(version).split()
    return pack(files, board=board, arch=arch, version=number, build=build)


INSTALLED = small_image("1.0.0")


@dataclass
class Desk:
    """A flash with version 1.0.0 installed, and what it takes to update it."""

    folder: Path
    key: Ed25519PrivateKey
    onboard: Runner
    loader: Path

    def told(self, image: bytes, **other: Any) -> dict[str, Any]:
        file = self.folder / "update.img"
        file.write_bytes(image)
        signed = sign_archive(image, self.key)
        return {
            "flash": str(self.folder / "flash.bin"),
            "installed": str(self.folder / "installed.bin"),
            "flash_size": FLASH_SIZE,
            "image": str(file),
            "size": signed.size,
            "sha": signed.sha256.hex(),
            "signature": signed.signature.hex(),
            "board": "desk",
            "version": "1.0.0",
            "loader": str(self.loader),
            "digests": [hashlib.sha256(data).hexdigest() for data in (INSTALLED, image)],
        } | other


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, onboard: Runner, repository: Path) -> Desk:
    folder = tmp_path_factory.mktemp("desk")
    key = new_key(folder / "signing.pem")
    image = folder / "installed.img"
    image.write_bytes(INSTALLED)
    onboard(
        "prepare.py",
        flash=str(folder / "installed.bin"),
        flash_size=FLASH_SIZE,
        image=str(image),
        key=public_bytes(key).hex(),
    )
    return Desk(folder, key, onboard, repository / "firmware" / "loader.py")


def update(desk: Desk, image: bytes, cut: int = 0, **other: Any) -> dict[str, Any] | None:
    """Run the update on what is in flash.bin; None when power went."""
    told = desk.told(image, cut=cut) | other
    said = desk.onboard("update_cuts.py", may_die=bool(cut), **told)
    return json.loads(said) if said else None


def fresh(desk: Desk) -> None:
    """Put the flash back to what was installed over USB."""
    shutil.copy(desk.folder / "installed.bin", desk.folder / "flash.bin")
    (desk.folder / "flash.bin.wear").unlink(missing_ok=True)


def test_power_cut_at_any_point(desk: Desk) -> None:
    """Each flash operation of the whole update is cut once; what boots is always whole."""
    image = small_image("1.1.0")
    fresh(desk)
    undisturbed = update(desk, image)
    assert undisturbed is not None
    assert undisturbed["found"] == ["a", False, True]
    assert undisturbed["left"] == ["b", True, True]
    operations = undisturbed["operations"]
    assert operations > 60
    first_sent_again = []
    for cut in range(1, operations + 1):
        fresh(desk)
        assert update(desk, image, cut) is None, f"power was not cut in operation {cut}"
        after = update(desk, image)
        assert after is not None
        assert after["complaints"] == []
        slot, trial, whole = after["found"]
        assert whole, f"cut in operation {cut}: slot {slot} is damaged"
        assert (slot, trial) in (("a", False), ("b", True))
        assert after["left"] == ["b", True, True]
        if slot == "a" and after["take"]["from"] == 0:
            first_sent_again.append(cut)
    # What is safe on flash is never sent again: only a cut in the first 4096 bytes starts anew.
    print(f"operations={operations} started anew={first_sent_again}")
    assert first_sent_again == list(range(1, len(first_sent_again) + 1))
    assert len(first_sent_again) < 25


OK, NO_SLOTS, NO_KEY, BUSY, NO_SPACE = range(5)
BAD_HASH, BAD_SIGNATURE, BAD_IMAGE, WRONG_BOARD, OLDER = 9, 10, 11, 12, 13
READY, FAILED = 4, 5


def refused(desk: Desk, image: bytes, **other: Any) -> int:
    """Try an update that must fail after all of it has come; returns the reason."""
    fresh(desk)
    said = update(desk, image, **other)
    assert said is not None
    assert said["left"] == ["a", False, True], "the installed image must go on running"
    assert said["take"]["state"] == FAILED
    reason: int = said["take"]["reason"]
    return reason


def test_what_is_not_ours_is_refused(desk: Desk) -> None:
    good = small_image("1.1.0")
    stranger = sign_archive(good, Ed25519PrivateKey.generate())
    damaged = bytearray(good)
    damaged[700] ^= 1
    assert refused(desk, good, signature=stranger.signature.hex()) == BAD_SIGNATURE
    assert refused(desk, bytes(damaged), sha=sign_archive(good, desk.key).sha256.hex()) == BAD_HASH
    assert refused(desk, small_image("1.1.0", board="pico_w")) == WRONG_BOARD
    assert refused(desk, small_image("0.9.9")) == OLDER
    assert refused(desk, bytes(10240)) == BAD_IMAGE


def test_signed_nonsense_is_refused(desk: Desk) -> None:
    """Even who holds the key can't put what is no whole image on trial."""
    good = small_image("1.1.0")
    assert refused(desk, small_image("1.1.0", words="x64 new 0")) == BAD_IMAGE
    assert refused(desk, good[: len(good) - 100]) == BAD_IMAGE
    assert refused(desk, good + bytes(100)) == BAD_IMAGE
    for place, byte in ((0, b"X"), (6, b"9"), (15, b"9"), (FIRST_LINE + 30, b"\xff")):
        damaged = good[:place] + byte + good[place + 1 :]
        assert refused(desk, damaged) == BAD_IMAGE, place


def test_requests_that_come_at_the_wrong_time(desk: Desk) -> None:
    """Checked against the device's own answers: sizes, offsets, states, room, keys."""
    fresh(desk)
    image = small_image("1.1.0")
    said = json.loads(desk.onboard("update_order.py", **desk.told(image, cut=0)))
    assert said["huge"] == [NO_SPACE, 0]
    assert said["recording"] == [BUSY, 0]
    assert said["short_hash"] == [BAD_IMAGE, 0]
    assert said["early_write"][0] == 5
    assert said["gap"] == [6, 4096]
    assert said["too_long"] == [7, 4096]
    assert said["early_finish"] == 8
    assert said["after_reset"] == [OK, 4096]
    assert said["other_image"] == [OK, 0]
    assert said["aborted"] == [OK, 0]
    assert said["no_key"] == [NO_KEY, 0]
    assert said["no_slots"] == [NO_SLOTS, 0]
    assert said["write_after_finish"][0] == 5


def test_damaged_images_never_crash_the_readers(desk: Desk) -> None:
    """A thousand images with damaged lines: each is read or refused, nothing else, by both."""
    image = desk.folder / "fuzz.img"
    image.write_bytes(small_image("1.1.0"))
    said = json.loads(
        desk.onboard(
            "image_fuzz.py",
            image=str(image),
            rounds=1000,
            loader=str(desk.loader),
            scratch=str(desk.folder / "scratch.img"),
        )
    )
    for reader in ("loader", "update"):
        assert sum(said[reader]) == 1000
        assert said[reader][1] > 300, reader


def test_host_reads_what_it_packs() -> None:
    data = small_image("1.1.0")
    told = unpack(data)
    assert (told.board, told.arch, told.version) == ("desk", "x64", "1.1.0")
    assert told.files["board.mpy"] == b"pins"
    for damaged in (data[:-1], b"HLI2" + data[4:], data.replace(b" 4\n", b" 5\n")):
        with pytest.raises(ValueError, match=r"image file|damaged"):
            unpack(damaged)


def test_trial_is_kept_or_left(desk: Desk) -> None:
    """The loader counts three starts; a confirmed image stays, another goes."""
    said = json.loads(desk.onboard("trial.py", **desk.told(small_image("1.1.0"), cut=0)))
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
    with pytest.raises(NotFound, match=r"no folder .*missing for the key"):
        new_key(tmp_path / "missing" / "signing.pem")
    with pytest.raises(NotFound, match="no signing key"):
        load_key(tmp_path / "missing.pem")
    path.write_text("no key")
    with pytest.raises(CommandError, match="no signing key that can be read"):
        load_key(path)


def test_loader_and_journal_on_a_fat(desk: Desk, x64_image: ImageInfo) -> None:
    """They run there, too; that a power cut can damage a FAT is why the flasher refuses one."""
    said = json.loads(
        desk.onboard(
            "fat.py",
            flash=str(desk.folder / "fat.bin"),
            flash_size=1 << 20,
            loader=str(desk.loader),
            image=str(x64_image.archive),
        )
    )
    assert said["starts"] == ["b", "b", "b", "a", "a"]
    assert said["state"] == ["a", "-", 0, "failed-b"]
    assert said["version"] == x64_image.version
    assert said["blocks"] == [10, 10]
    first, second = said["seqs"]
    assert second >= first > 300
    assert said["complaints"] == []
