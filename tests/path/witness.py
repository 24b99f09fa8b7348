"""What a board's journal was given, as its witness (`onboard/main.py`) printed it, and a store.

witness = Witness.read(board.log())
verdict = witness.compare(Path("store.sqlite"))      # AssertionError where they differ
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select

from heartlog._firmware.monitor.link import wire
from heartlog.link.records import decode
from heartlog.store import Record, Store
from heartlog.store.schema import BeatChunk, RecordRow
from heartlog.store.types import PACKED_BEAT, from_wire, pack_beats

TAIL_MS = 10_000
"""What may be lost with the power: the records of the last ten seconds."""


@dataclass
class Made:
    """One record as the journal got it."""

    seq: int
    boot: int
    kind: int
    ticks: int
    body: bytes
    flushed: bool = False

    def as_stored(self) -> Record:
        record = decode(self.seq, self.kind, self.body, self.boot)
        return from_wire(self.seq, record.name, self.boot, record.values, record.body)


@dataclass
class Verdict:
    """Figures of a comparison that found nothing wrong."""

    records: int
    beats: int
    unflushed: int
    """Records that went with the power, none of them older than TAIL_MS."""


@dataclass
class Witness:
    """Everything made, by number; `ends`: ticks of the last thing seen before each new boot."""

    made: dict[int, Made] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)

    @classmethod
    def read(cls, log: str) -> Witness:
        found = cls()
        boot = 0
        for line in log.splitlines():
            words = line.split(" ")
            if words[0] == "R" and len(words) == 6:
                seq, boot, kind, ticks = map(int, words[1:5])
                assert seq not in found.made, f"the monitor used number {seq} twice"
                found.made[seq] = Made(seq, boot, kind, ticks, bytes.fromhex(words[5]))
                found.ends[boot] = ticks
            elif words[0] == "F" and len(words) == 2:
                for seq in range(int(words[1]), 0, -1):
                    one = found.made.get(seq)
                    if one is not None and (one.flushed or one.boot != boot):
                        break
                    if one is not None:
                        one.flushed = True
        return found

    def compare(self, file: Path) -> Verdict:
        """Every record that the journal got is in the store once, whole and under its own boot;
        nothing else is. Only what was not in flash when the power went may be missing."""
        kept = stored(file)
        top = max(kept)
        newest = max(self.made)
        assert not [s for s in kept if s not in self.made], "the store holds what nobody made"
        lost = []
        for seq in sorted(self.made):
            made = self.made[seq]
            if seq in kept:
                want, have = made.as_stored(), kept[seq]
                assert same(want, have), f"record {seq}: made {want}, stored {have}"
            elif seq <= top:
                lost.append(made)
        for made in lost:
            assert not made.flushed, f"record {made.seq} was in flash and is lost"
            assert made.boot != self.made[newest].boot, f"record {made.seq} is lost for nothing"
            age = self.ends[made.boot] - made.ticks & 0x3FFFFFFF
            assert age <= TAIL_MS, f"record {made.seq} was {age} ms old and not in flash"
        beats = sum(1 for r in kept.values() if r.kind == "beat")
        return Verdict(len(kept), beats, len(lost))


def stored(file: Path) -> dict[int, Record]:
    """Every record of the store by number, as its rows and chunks have it; none twice."""
    found: dict[int, Record] = {}
    with Store.open(file, read_only=True) as store, store.reading() as db:
        for chunk in db.execute(select(BeatChunk)).scalars():
            for row in np.frombuffer(chunk.data, PACKED_BEAT):
                fields = {n: int(row[n]) for n in PACKED_BEAT.names or ()}
                seq, boot, sample = fields.pop("seq"), fields.pop("boot"), fields.pop("sample")
                assert seq not in found, f"beat {seq} is stored twice"
                found[seq] = Record(seq, "beat", sample, fields, b"", boot)
        for row in db.execute(select(RecordRow)).scalars():
            assert row.seq is not None
            assert row.seq not in found, f"record {row.seq} is stored twice"
            found[row.seq] = Record(
                row.seq, row.kind, row.sample, row.fields, row.raw or b"", row.boot
            )
    return found


def same(made: Record, stored: Record) -> bool:
    """Whether the store has a record as it was made."""
    if (made.kind, made.sample, made.boot) != (stored.kind, stored.sample, stored.boot):
        return False
    if made.kind != "beat":
        return dict(made.fields) == dict(stored.fields)
    packed: Any = pack_beats([made])[0]
    return all(int(packed[name]) == stored.fields[name] for name in stored.fields)


def name(kind: int) -> str:
    """What a record's type is called."""
    return str(wire.RECORDS[kind][0]) if kind in wire.RECORDS else f"type {kind}"
