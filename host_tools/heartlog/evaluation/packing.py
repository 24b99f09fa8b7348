"""How many bytes of flash a beat takes: detected beats, packed and flushed as a monitor does it.

    size = packed(journal_beats(detection))
    size.bytes_per_beat

A real journal of a record is the same but for what is no beat (boots, signal states, events).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

from heartlog._firmware.monitor.beats import Beats
from heartlog._firmware.monitor.ecgplace import own_blocks
from heartlog._firmware.monitor.link import pack, wire
from heartlog.evaluation.board import Detection
from heartlog.image.board import Board

FLUSH_S = 9
"""As journal.FLUSH_MS."""
REGULAR, ARRHYTHMIC = 1.39, 1.82
"""Bytes a beat that tests/journal/test_size.py holds: ten records of MIT-BIH in sinus rhythm with
few other beats, and the mean of all 48."""
REGULAR_RECORDS = ("100", "101", "103", "112", "121", "122", "205", "212", "230", "234")
BLOCK, BLOCK_HEAD = 4096, 32
SETTINGS_BLOCKS = 2
"""As in app.py."""
BEATS_A_DAY = 75 * 60 * 24
"""108,000: the mean over day and night of a grown-up's heart is 70 to 75 beats/min."""


Entry = tuple[int, int, bytes]
"""A record: the sample at which it was journalled, its type and its body."""


@dataclass(frozen=True, slots=True)
class Size:
    """What records take in flash, headers of pages and blocks included."""

    beats: int
    pages: float
    chunks: int

    @property
    def bytes_per_beat(self) -> float:
        return self.pages * float(pack.PAGE) * BLOCK / (BLOCK - BLOCK_HEAD) / self.beats


def days(board: Board, bytes_per_beat: float) -> float:
    """Days of beats that a board's journal holds without a host: what its flash has for records
    (settings and kept ECG apart, and a block that is always erased ahead)."""
    blocks = board.journal_kib * 1024 // BLOCK
    media = SimpleNamespace(lasting=True, blocks=blocks)
    ecg = own_blocks(SimpleNamespace(STRIPS=board.strips), media)
    records = blocks - SETTINGS_BLOCKS - int(ecg) - 1
    return records * BLOCK / bytes_per_beat / BEATS_A_DAY


def journal_beats(found: Detection, rate: int = 250) -> list[Entry]:
    """The BEAT records of detected beats, as the firmware journals them."""
    beats, body = Beats(rate), bytearray(wire.SIZE[wire.BEAT])
    made: list[Entry] = []
    columns = zip(
        found.peak, found.ago, found.amplitude_uv, found.width_ms, found.confidence,
        found.flags & 1 | found.rhythm, strict=True,
    )  # fmt: skip
    for peak, ago, *others in columns:
        beats.put(body, int(peak), *(int(value) for value in others))
        made.append((int(peak + ago), wire.BEAT, bytes(body)))
    return made


def packed(
    records: list[Entry],
    rate: int = 250,
    watch: Callable[[pack.Packer], None] | None = None,
) -> Size:
    """Packs records page after page, a chunk each flush. `watch` is given the packer first."""
    page, count, chunks, sample = bytearray(pack.PAGE), 0, 0, 0
    since: int | None = None
    packer = pack.Packer(page)
    if watch:
        watch(packer)
    packer.open_page(0, 1, 0, 1)
    for seq, (at, kind, body) in enumerate(records, 1):
        if since is not None and at - since >= FLUSH_S * rate:
            packer.close_chunk()
            chunks += 1
            since = None
            if packer.full:
                count += 1
                packer.open_page(count, seq, sample, 1)
        if not packer.add(kind, body, len(body)):
            packer.close_chunk()
            chunks += 1
            count += 1
            packer.open_page(count, seq, sample, 1)
            packer.add(kind, body, len(body))
        if kind == wire.BEAT:
            sample = int.from_bytes(body[:4], "little")
        since = at if since is None else since
    _, end = packer.close_chunk()
    beats = sum(1 for _, kind, _ in records if kind == wire.BEAT)
    return Size(beats, count + end / pack.PAGE, chunks)
