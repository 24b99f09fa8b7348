"""A monitor's records, decoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from heartlog._firmware.monitor.link import wire


class Record(NamedTuple):
    """One numbered record; `values` as in `wire.RECORDS` (`sample` counts from the boot)."""

    seq: int
    kind: int
    """wire.BEAT, wire.GAP, ..."""
    name: str
    """"beat", "gap", ...; "type N" for a type that this version does not know."""
    boot: int
    values: Mapping[str, int]
    body: bytes


def decode(seq: int, kind: int, body: bytes, boot: int) -> Record:
    """The record in these bytes; one that can't be read keeps its bytes and has no values."""
    try:
        return Record(seq, kind, wire.RECORDS[kind][0], boot, wire.decode(kind, body), body)
    except (KeyError, wire.WireError):
        return Record(seq, kind, f"type {kind}", boot, {}, body)
