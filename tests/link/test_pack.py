"""Packed pages: lossless for any records, damaged bytes are noticed, and they are small."""

import hashlib
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heartlog._firmware.monitor.link import coder, model, pack, unpack, wire

Items = list[tuple[int, bytes]]


def beats(count: int, seed: int) -> Items:
    """Bodies of a heart with respiratory variation, an ectopic now and then, gaps."""
    rng = random.Random(seed)
    sample, found = rng.randrange(2**32), []
    for _ in range(count):
        rr = round(max(60.0, rng.gauss(205, 8)))
        gap = rng.random() < 0.01
        sample = (sample + (rng.randrange(2**20) if gap else rr)) % 2**32
        values = {
            "sample": sample,
            "rr": 0 if gap else rr,
            "amplitude_uv": wire.round_amplitude(max(0, round(rng.gauss(1000, 60)))),
            "width": max(0, round(rng.gauss(24, 0.5))),
            "confidence": rng.choice((90, 40)) if rng.random() < 0.03 else 100,
            "flags": wire.BEAT_AFTER_GAP if gap else 4 * (rng.random() < 0.01),
        }
        found.append((wire.BEAT, wire.encode(wire.BEAT, values)))
    return found


def write(items: Items, first: int = 7, chunk: int = 11) -> list[bytes]:
    """Pages that hold the items, flushed after each `chunk` of them."""
    page = bytearray(pack.PAGE)
    packer = pack.Packer(page)
    pages: list[bytes] = []
    seq, base, number = first, 0, 0
    packer.open_page(number, seq, base, 3)
    for kind, body in items:
        if packer.count >= chunk:
            packer.close_chunk()
        if not packer.add(kind, body, len(body)):
            packer.close_chunk()
            pages.append(bytes(page))
            number += 1
            packer.open_page(number, seq, base, 3)
            assert packer.add(kind, body, len(body))
        seq = (seq + 1) % 2**32
        if kind == wire.BEAT:
            base = int.from_bytes(body[:4], "little")
    packer.close_chunk()
    return [*pages, bytes(page)]


def read(pages: list[bytes], step: int = pack.PAGE) -> list[tuple[int, int, bytes]]:
    found = []
    for page in pages:
        reader = unpack.Unpacker()
        for at in range(0, len(page), step):
            reader.feed(page[at : at + step])
            found += reader.records()
        assert not reader.damaged
        assert reader.boot == 3
    return found


bodies = st.tuples(st.integers(1, wire.MAX_TYPE), st.binary(max_size=wire.MAX_BODY))


@given(
    st.lists(bodies | st.binary(min_size=11, max_size=11).map(lambda b: (wire.BEAT, b))),
    st.integers(0, 2**32 - 1),
    st.integers(1, 20),
    st.integers(1, 256),
)
def test_any_records_come_back(items: Items, first: int, chunk: int, step: int) -> None:
    expected = [((first + i) % 2**32, *item) for i, item in enumerate(items)]
    assert read(write(items, first, chunk), step) == expected


@given(st.integers(0, 10**6))
def test_beats_come_back(seed: int) -> None:
    items = beats(400, seed)
    assert read(write(items)) == [(7 + i, *item) for i, item in enumerate(items)]


def test_beats_are_small() -> None:
    """White noise in every field, flushed every eleven beats, checksums included."""
    items = beats(20000, 1)
    assert len(write(items)) * pack.PAGE / len(items) <= 1.75


def test_numbers_may_jump() -> None:
    page = bytearray(pack.PAGE)
    packer = pack.Packer(page)
    packer.open_page(1, 10, 0, 3)
    assert packer.add(20, b"a", 1)
    assert packer.skip(0xFFFFFFFF)
    assert packer.add(20, b"b", 1)
    assert packer.add(20, b"c", 1)
    packer.close_chunk()
    assert read([bytes(page)]) == [(10, 20, b"a"), (0xFFFFFFFF, 20, b"b"), (0, 20, b"c")]


@given(st.integers(0, 10**6), st.integers(0, pack.PAGE * 8 - 1))
def test_a_flipped_bit_is_noticed(seed: int, bit: int) -> None:
    """Records before the damage stand, none is invented."""
    items = beats(400, seed)
    page = bytearray(write(items)[0])
    whole = unpack.Unpacker(bytes(page)).records()
    page[bit >> 3] ^= 1 << (bit & 7)
    reader = unpack.Unpacker(bytes(page))
    found = reader.records()
    assert found == whole[: len(found)]
    assert found == whole or reader.damaged or reader.ended


def on_page(payload: bytes, boot: int) -> bytes:
    """A page with a good header and any bytes behind it."""
    page = bytearray(pack.PAGE)
    pack.Packer(page).open_page(9, 1, 2, boot)
    page[pack.PAGE_HEAD : pack.PAGE_HEAD + len(payload)] = payload
    return bytes(page)


@settings(max_examples=300)
@given(st.binary(max_size=pack.PAGE - pack.PAGE_HEAD), st.integers(0, 255))
def test_any_bytes_behind_a_good_header_end(payload: bytes, boot: int) -> None:
    reader = unpack.Unpacker(on_page(payload, boot))
    for _, kind, body in reader.records():
        assert 0 <= kind < 32
        assert len(body) < 256


@settings(max_examples=100)
@given(st.lists(st.integers(0, 2**16 - 1), max_size=4000), st.integers(0, 255))
def test_any_bits_under_a_good_checksum_end(words: list[int], boot: int) -> None:
    """What the model makes of bits that no packer wrote is bounded, too."""
    page = bytearray(on_page(b"", boot))
    blind = model.Model()
    blind.begin(2)
    out = coder.Encoder(page, blind.states)
    out.begin(pack.PAGE_HEAD)
    for word in words:
        if out.room() < 8:
            break
        if word & 1:
            out.raw(word >> 1 & 255, 8)
        else:
            out.bit(word >> 2, word >> 1 & 1) if word >> 2 < model.CONTEXTS else out.bit(0, 1)
    out.finish(9)
    for _, kind, body in unpack.Unpacker(bytes(page)).records():
        assert 0 <= kind < 32
        assert len(body) < 256


@given(st.binary(max_size=300))
def test_any_bytes_as_a_page_end(data: bytes) -> None:
    unpack.Unpacker(data).records()


def test_what_a_chunks_checksum_lets_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of chunks with any damage, as many as their unused checksums: below one in 60,000."""
    passes = []
    whole = coder._checksum

    def watch(*arguments: Any) -> int:
        passes.append(2.0 ** -arguments[4])
        return whole(*arguments)

    pages = write(beats(8000, 3))
    monkeypatch.setattr(coder, "_checksum", watch)
    read(pages)
    assert len(passes) > 700
    assert max(passes) <= 2**-14
    assert sum(passes) / len(passes) < 1 / 60000


def test_pages_of_the_older_format(repository: Path) -> None:
    """Flash of a monitor of version 0.1.0; what it read from it itself, as a digest."""
    flash = (repository / "tests" / "journal" / "format1.bin").read_bytes()
    pages = {}
    for at in range(0, len(flash), 256):
        page = flash[at or 32 :][:256] if at % 4096 else flash[at + 32 : at + 256]
        head = pack.page_head(page, 4711)
        if head:
            pages[head[0]] = page
    digest = hashlib.sha256()
    for number in sorted(pages):
        reader = unpack.Unpacker(journal=4711)
        for at in range(0, len(pages[number]), 100):
            reader.feed(pages[number][at : at + 100])
            for seq, kind, body in reader.records():
                digest.update(f"{seq} {kind} {body.hex()}\n".encode())
        assert not reader.damaged
    assert digest.hexdigest().startswith("58d49ef25b355a82")


SCRIPT = """
import sys
sys.path.insert(0, {firmware!r})
from binascii import hexlify, unhexlify
from monitor.link import pack, unpack
page = bytearray(pack.PAGE)
packer = pack.Packer(page)
packer.open_page(5, 1, 0, 3)
for line in open({items!r}):
    if not packer.add(1, unhexlify(line.strip()), 11):
        break
    if packer.count == 11:
        packer.close_chunk()
packer.close_chunk()
print(hexlify(page).decode())
print(len(unpack.Unpacker(page).records()))
"""


def test_the_board_packs_the_same_bytes(
    repository: Path, micropython: str, tmp_path: Path
) -> None:
    items = beats(300, 4)
    path = tmp_path / "items"
    path.write_text("\n".join(body.hex() for _, body in items))
    script = SCRIPT.format(firmware=str(repository / "firmware"), items=str(path))
    out = subprocess.run(
        [micropython, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    page = unpack.Unpacker(bytes.fromhex(out[0]))
    found = page.records()
    assert not page.damaged
    assert [body for _, _, body in found] == [body for _, body in items[: len(found)]]
    assert len(found) == int(out[1]) > 100
