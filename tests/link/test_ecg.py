"""ECG blocks: packed by the firmware in MicroPython, decoded by the host, nothing lost."""

import random
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartlog._firmware.monitor.link import ecg, wire


def pack(micropython: str, repository: Path, blocks: list[tuple[int, list[int]]]) -> list[bytes]:
    """The firmware's packed form of each (first sample, codes)."""
    script = Path(__file__).with_name("ecg_check.py")
    done = subprocess.run(
        [micropython, str(script), str(repository / "firmware")],
        input="".join(f"{first} {' '.join(map(str, codes))}\n" for first, codes in blocks),
        capture_output=True,
        text=True,
        check=True,
    )
    return [bytes.fromhex(line) for line in done.stdout.split()]


def heart(rng: random.Random, count: int, noise: float) -> list[int]:
    """Codes of something like an ECG: 48 nV a code, offset, drift, noise, spikes."""
    level, codes = rng.randrange(-(10**6), 10**6), []
    for i in range(count):
        level += rng.randrange(-20, 21)
        spike = 20000 * max(0, 5 - abs(i % 200 - 100)) // 5
        codes.append(level + spike + round(rng.gauss(0, noise)))
    return codes


def test_every_block_comes_back(micropython: str, repository: Path) -> None:
    rng = random.Random(7)
    top = 2**23 - 1
    blocks = [
        (0, [0]),
        (2**32 - 3, [top, -top - 1] * 60),
        (5, [top] * 125),
        (6, [-top - 1] * 17),
        (7, [rng.randrange(-top - 1, top + 1) for _ in range(125)]),
        *((n, heart(rng, n, 30)) for n in range(1, 126)),
        *((n, heart(rng, 125, rng.choice((0, 1, 8, 100, 3000)))) for n in range(100)),
        *(
            (n, [rng.randrange(-(2**b), 2**b) for _ in range(rng.randrange(1, 500))])
            for n in range(50)
            for b in (0, 3, 9, 15, 20, 23)
        ),
    ]
    packed = pack(micropython, repository, blocks)
    assert len(packed) == len(blocks)
    for block, (first, codes) in zip(packed, blocks, strict=True):
        assert ecg.head(block)[1:5] == (1, 3, first, len(codes))
        assert ecg.decode(block) == codes
        assert len(block) <= ecg.HEAD + 3 * len(codes) + ecg.TAIL


def test_the_prediction_that_leaves_less_is_chosen(micropython: str, repository: Path) -> None:
    """A line is predicted along it, noise from the sample before: in small steps and in big."""
    rng = random.Random(3)
    lines = [[step * (i - 60) for i in range(125)] for step in (9, 700, -5000, 66000, -130000)]
    noise = [[rng.randrange(-size, size) for _ in range(125)] for size in (30, 900, 90000)]
    packed = pack(micropython, repository, [(0, codes) for codes in lines + noise])
    for block in packed[: len(lines)]:
        assert block[0] & 15 == 2
        # The first group pays for the first rest, the others take a bit or two a sample.
        assert len(block) <= ecg.HEAD + 75 + ecg.TAIL
    for block in packed[len(lines) :]:
        assert block[0] & 15 == 1


def test_an_ecg_takes_a_third(micropython: str, repository: Path) -> None:
    """1.4 uV of noise (the front end's own) and an ECG's slopes: header and checksum included."""
    rng = random.Random(1)
    codes = heart(rng, 125 * 100, 30)
    blocks = [(i, codes[i : i + 125]) for i in range(0, len(codes), 125)]
    size = sum(map(len, pack(micropython, repository, blocks)))
    assert 3 * len(codes) / size > 2.35


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_or_decoded(data: bytes) -> None:
    with pytest.raises(wire.WireError):
        ecg.decode(data[:15])
    body = bytes([0x10 | (data[0] % 3 + 1 if data else 1)]) + data[1:]
    body += bytes(max(0, 14 - len(body)))
    crc = ecg.crc_hqx(body, 0xFFFF)
    try:
        codes = ecg.decode(body + bytes([crc & 255, crc >> 8]))
    except wire.WireError:
        return
    assert 0 < len(codes) <= ecg.MOST_SAMPLES
