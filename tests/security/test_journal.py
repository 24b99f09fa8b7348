"""The journal at rest: what the monitor seals, the host opens, and nobody without the key."""

import random
import subprocess
from pathlib import Path

import pytest

from heartlog.security.journal import (
    JournalKeys,
    SealedPage,
    emergency_key,
    follow,
    journal_key,
    key_id,
    open_block,
)
from heartlog.security.keys import Keys

HERE = Path(__file__).parent
KEY = bytes(range(16))
JOURNAL = 0x89ABCDEF


@pytest.fixture(scope="module")
def sealed(repository: Path, micropython: str) -> list[list[str]]:
    """Forty pages and blocks of ECG as the firmware seals them, with what is in them."""
    command = [micropython, str(HERE / "vault_check.py"), str(repository / "firmware")]
    done = subprocess.run(
        [*command, KEY.hex(), "40", "5"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout[-300:] + done.stderr
    return [line.split() for line in done.stdout.splitlines()]


def test_pages_arrive_in_any_portions_and_open(sealed: list[list[str]]) -> None:
    rng = random.Random(3)
    keys = JournalKeys([bytes(16), KEY])
    pages = [(bytes.fromhex(r), bytes.fromhex(p)) for w, r, p, *_ in sealed if w == "page"]
    assert len(pages) == 40
    for raw, plain in pages:
        page = SealedPage(keys, JOURNAL)
        opened, at = b"", 0
        while at < len(raw):
            n = rng.choice((1, 7, 19, 200))
            opened += page.feed(raw[at : at + n])
            at += n
        assert not page.locked
        assert opened == plain[: len(opened)]
        assert set(plain[len(opened) :]) <= {0xFF}  # never written


def test_blocks_of_ecg_open_and_clear_ones_pass(sealed: list[list[str]]) -> None:
    keys = JournalKeys([KEY])
    for _, number, raw, plain in (line for line in sealed if line[0] == "block"):
        block = bytes.fromhex(raw)
        assert open_block(block, int(number), JOURNAL, keys) == bytes.fromhex(plain)
        assert open_block(block, int(number), JOURNAL, JournalKeys([])) is None
        assert open_block(block, int(number) + 1, JOURNAL, keys) != bytes.fromhex(plain)
        clear = bytes.fromhex(plain)
        assert open_block(clear, int(number), JOURNAL, keys) == clear
    for nonsense in (b"", b"\x22", b"\x21abcd"):
        open_block(nonsense, 1, JOURNAL, keys)


def test_no_key_no_page(sealed: list[list[str]]) -> None:
    raw = bytes.fromhex(next(r for w, r, *_ in sealed if w == "page"))
    for keys in (None, JournalKeys([]), JournalKeys([bytes(16)])):
        page = SealedPage(keys, JOURNAL)
        assert page.feed(raw) == b""
        assert page.locked


def test_nothing_repeats_between_pages(sealed: list[list[str]]) -> None:
    """Sixteen bytes of stream used twice would show as equal differences of two pages."""
    seen: set[bytes] = set()
    for _, raw, plain in (line for line in sealed if line[0] == "page"):
        pairs = zip(bytes.fromhex(raw)[20:], bytes.fromhex(plain)[16:], strict=False)
        cover = [a ^ b for a, b in pairs]
        for at in range(12, 150, 16):  # raw offset 32: whole blocks of the cipher
            part = bytes(cover[at : at + 16])
            if bytes.fromhex(raw)[20 + at :][:16] != b"\xff" * 16 and len(part) == 16:
                assert part not in seen
                seen.add(part)
    assert len(seen) > 200


def test_the_keys_go_forward_only_and_are_each_pairings_own() -> None:
    secret, pairing = bytes(range(32)), bytes(32)
    first = journal_key(secret, pairing)
    assert first != journal_key(secret, bytes(31) + b"\1")
    assert first != journal_key(bytes(32), pairing)
    assert first != emergency_key(pairing)
    assert follow(first) != first
    keys = JournalKeys([first])
    assert keys.page_key(key_id(first), 3) == JournalKeys([first]).page_key(key_id(first), 3)
    chain = {keys.page_key(key_id(first), n) for n in range(50)}
    assert len(chain) == 50
    assert keys.page_key(key_id(first) ^ 1, 3) is None
    assert keys.page_key(key_id(first), -1) is None
    assert keys.page_key(key_id(first), 1 << 20) is None


def test_every_pairing_of_a_monitor_opens_its_part(tmp_path: Path) -> None:
    keys = Keys(tmp_path, bytes(range(32)))
    old, new = keys.add("m1", 1), keys.add("m1", 2)
    other = keys.add("m2", 3)
    opener = keys.journal("m1")
    for key in (old, new):
        for first in (keys.journal_key(key), emergency_key(key)):
            assert opener.page_key(key_id(first), 5) is not None
    assert opener.page_key(key_id(keys.journal_key(other)), 5) is None
    keys.forget("m1")
    assert keys.journal("m1").page_key(key_id(keys.journal_key(new)), 5) is None


def test_garbage_is_never_more_than_garbage() -> None:
    rng = random.Random(8)
    keys = JournalKeys([KEY])
    for turn in range(500):
        data = bytearray(rng.randbytes(rng.randrange(1, 300) if turn % 20 else 1500))
        data[0] |= 0x40
        if len(data) > 20 and rng.random() < 0.5:
            data[16:18] = key_id(KEY).to_bytes(2, "little")
        page = SealedPage(keys, JOURNAL)
        at = 0
        while at < len(data):
            n = rng.randrange(0, 60)
            page.feed(bytes(data[at : at + n]))
            at += n
        assert len(page) == len(data)
