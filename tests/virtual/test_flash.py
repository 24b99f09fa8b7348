"""The flash model: what NOR flash does to bits, and what a power cut leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heartlog._boards.virtual.models.flash import SECTOR, FlashDevice, Nor, PowerCut


def read(nor: Nor, address: int, n: int) -> bytes:
    buf = bytearray(n)
    nor.read(address, buf)
    return bytes(buf)


@pytest.fixture
def nor(tmp_path: Path):
    chip = Nor(str(tmp_path / "flash.bin"), 4 * SECTOR)
    yield chip
    chip.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 3 * SECTOR), st.binary(min_size=1, max_size=700)), max_size=8
    )
)
def test_programming_only_clears_bits(nor: Nor, writes: list[tuple[int, bytes]]) -> None:
    for sector in range(4):
        nor.erase(sector * SECTOR)
    expected = bytearray(b"\xff" * nor.size)
    for address, data in writes:
        nor.program(address, data)
        for i, byte in enumerate(data):
            expected[address + i] &= byte
    assert read(nor, 0, nor.size) == bytes(expected)


def test_complaint_when_bits_would_have_to_rise(nor: Nor) -> None:
    nor.program(100, b"\x0f")
    nor.program(100, b"\x0e")  # only clears
    nor.program(100, b"\xff")  # leaves it alone
    assert nor.complaints == []
    nor.program(100, b"\x1e")
    assert len(nor.complaints) == 1
    assert "0x1E over 0x0E at 0x64" in nor.complaints[0]
    assert read(nor, 100, 1) == b"\x0e"


def test_pages_times_and_wear(tmp_path: Path) -> None:
    took: list[int] = []
    path = str(tmp_path / "flash.bin")
    nor = Nor(path, 2 * SECTOR, stall=took.append)
    nor.program(200, bytes(300))  # touches two pages: 56 bytes, then 244
    nor.erase(SECTOR)
    assert took == [400, 400, 45000]
    assert (nor.operations, nor.programs, nor.erases) == (3, 2, 1)
    nor.close()
    again = Nor(path, 2 * SECTOR)
    assert again.wear == [0, 1]
    assert read(again, 200, 300) == bytes(300)
    again.close()
    with pytest.raises(ValueError, match="8192 bytes, not the 4096"):
        Nor(path, SECTOR)
    with pytest.raises(ValueError, match="multiple of 4096"):
        Nor(path, 1000)


def test_access_is_checked(nor: Nor) -> None:
    for address, n in ((-1, 1), (nor.size - 1, 2)):
        with pytest.raises(ValueError, match="outside the chip"):
            read(nor, address, n)
        with pytest.raises(ValueError, match="outside the chip"):
            nor.program(address, bytes(n))
    with pytest.raises(ValueError, match="not a sector's"):
        nor.erase(100)
    device = FlashDevice(nor, SECTOR, SECTOR)
    assert (device.ioctl(4, 0), device.ioctl(5, 0)) == (1, SECTOR)
    with pytest.raises(ValueError, match="whole pages"):
        device.writeblocks(0, bytes(100), 0)
    with pytest.raises(ValueError, match="whole sectors"):
        FlashDevice(nor, 100, SECTOR)
    device.writeblocks(0, bytes(range(256)) * 16)
    buf = bytearray(10)
    device.readblocks(0, buf, 250)
    assert bytes(buf) == bytes([250, 251, 252, 253, 254, 255, 0, 1, 2, 3])
    assert read(nor, 0, SECTOR) == b"\xff" * SECTOR, "a partition stays inside itself"


def test_a_torn_program_is_part_old_part_new(tmp_path: Path) -> None:
    kinds = set()
    for seed in range(200):
        path = tmp_path / f"flash{seed}.bin"
        nor = Nor(str(path), SECTOR, seed=seed)
        nor.cut_after(2)
        nor.program(0, b"\x55" * 256)
        with pytest.raises(PowerCut, match="operation 2"):
            nor.program(256, bytes(256))
        nor.close()
        data = path.read_bytes()
        path.unlink()
        assert data[:256] == b"\x55" * 256
        page = data[256:512]
        done = len(page) - len(page.lstrip(b"\x00"))
        rest = page[done:]
        # All new, then at most one byte in between, then all old.
        assert rest[1:] == b"\xff" * len(rest[1:])
        kinds.add(done // 64)
        assert data[512:] == b"\xff" * (SECTOR - 512)
    assert len(kinds) >= 4, "the cut falls everywhere in the page"


def test_a_torn_erase_keeps_what_is_one(tmp_path: Path) -> None:
    shares = []
    for seed in range(60):
        path = tmp_path / f"flash{seed}.bin"
        nor = Nor(str(path), 2 * SECTOR, seed=seed)
        nor.program(0, b"\xa5" * SECTOR)
        nor.cut_after(1)
        with pytest.raises(PowerCut):
            nor.erase(0)
        assert nor.wear[0] == 1
        nor.close()
        data = path.read_bytes()
        path.unlink()
        assert all(byte & 0xA5 == 0xA5 for byte in data[:SECTOR])
        assert data[:SECTOR] not in (b"\xa5" * SECTOR, b"\xff" * SECTOR)
        shares.append(sum((byte & 0x5A).bit_count() for byte in data[:SECTOR]) / 4 / SECTOR)
    assert min(shares) < 0.2
    assert max(shares) > 0.8


def test_the_same_seed_tears_the_same_way(tmp_path: Path) -> None:
    results = []
    for n in range(2):
        path = tmp_path / f"flash{n}.bin"
        nor = Nor(str(path), SECTOR, seed=5)
        nor.cut_after(1)
        with pytest.raises(PowerCut):
            nor.program(0, bytes(256))
        nor.close()
        results.append(path.read_bytes())
    assert results[0] == results[1]


def test_no_cut_when_called_off(nor: Nor) -> None:
    nor.cut_after(1)
    nor.cut_after(None)
    nor.program(0, b"\x00")
    assert read(nor, 0, 1) == b"\x00"
