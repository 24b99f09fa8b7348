"""How many bytes a beat takes in flash, measured on the firmware's own detector over MIT-BIH."""

from pathlib import Path

import numpy as np

from heartlog._firmware.monitor.link import pack, wire
from heartlog.evaluation.board import Board, Detection
from heartlog.evaluation.records import find, read
from heartlog.evaluation.signal import to_codes

RECORDS = [
    "100",
    "101",
    "103",
    "105",
    "106",
    "108",
    "112",
    "114",
    "116",
    "119",
    "200",
    "201",
    "203",
    "207",
    "208",
    "213",
    "219",
    "222",
    "228",
    "234",
]
FLUSH_SAMPLES = 9 * 250
BEATS_A_DAY = 70 * 60 * 24
BLOCK, BLOCK_HEAD = 4096, 32


def bodies(found: Detection) -> list[tuple[int, bytes]]:
    """(sample at which it was journalled, BEAT body) as firmware/monitor/beats.py makes them."""
    beats, before = [], None
    for peak, ago, uv, width, confidence, flags in zip(
        found.peak, found.ago, found.amplitude_uv, found.width_ms, found.confidence, found.flags,
        strict=True,
    ):  # fmt: skip
        rr = 0 if before is None else int(peak) - before
        before = int(peak)
        values = {
            "sample": max(0, int(peak)),
            "rr": rr,
            "amplitude_uv": wire.round_amplitude(int(uv)),
            "width": min(255, (int(width) + 4) // 8),
            "confidence": (int(confidence) + 5) // 10 * 10,
            "flags": int(flags) & 1 | (0 if rr else wire.BEAT_AFTER_GAP),
        }
        beats.append((int(peak + ago), wire.encode(wire.BEAT, values)))
    return beats


def pages(beats: list[tuple[int, bytes]]) -> float:
    """Pages that the beats take, flushed as the journal does."""
    page, count, sample, since = bytearray(pack.PAGE), 0, 0, None
    packer = pack.Packer(page)
    packer.open_page(0, 1, 0, 1)
    for seq, (at, body) in enumerate(beats, 1):
        if since is not None and at - since >= FLUSH_SAMPLES:
            packer.close_chunk()
            since = None
            if packer.full:
                count += 1
                packer.open_page(count, seq, sample, 1)
        if not packer.add(wire.BEAT, body, len(body)):
            packer.close_chunk()
            count += 1
            packer.open_page(count, seq, sample, 1)
            assert packer.add(wire.BEAT, body, len(body))
        sample = int.from_bytes(body[:4], "little")
        since = at if since is None else since
    return count + packer._start / pack.PAGE


def test_days_of_wear(ecg_dir: Path) -> None:
    """Three days in the 848 KB that a Pico W's file system has, at 70 beats/min, are 2.8 bytes a
    beat. What an update's images, strips and settings take of it is printed apart. These records
    were chosen for their arrhythmias; a regular heart takes 1.6 to 2 bytes a beat."""
    sizes = []
    with Board() as board:
        for name in RECORDS:
            recording = read(find([str(ecg_dir / "mitdb" / name)])[0])
            beats = bodies(board.detect(to_codes(recording.millivolts, recording.fs, 250)))
            size = pages(beats) * pack.PAGE * BLOCK / (BLOCK - BLOCK_HEAD) / len(beats)
            sizes.append(size)
            print(f"{name}: {len(beats)} beats, {size:.3f} bytes a beat")
    mean = float(np.mean(sizes))
    print(f"mean {mean:.3f}, least {min(sizes):.3f}, most {max(sizes):.3f} bytes a beat")
    for what, blocks in (("Pico W (848 KB)", 212 - 5 - 24), ("8 MB", 1500)):
        journal = (blocks - 2) * 7 // 8 * BLOCK
        print(f"{what}: {journal // 1024} KB of journal, {journal / mean / BEATS_A_DAY:.1f} days")
    assert mean < 2.8
