"""What an advertisement says, of whatever bytes a stranger's radio sends.

    said = parse(heard.data.ad_structures)      # (type, data) pairs; never raises
    said.name, said.services, said.manufacturer[0xFFFF]

Every device in reach is heard, and anybody can send anything: a structure that is too short for
its type is passed over, a name is cut and cleaned before it comes near a terminal.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

_BASE = bytes.fromhex("fb349b5f8000008000100000")
"""The Bluetooth base UUID without its first four bytes, little-endian (Core, 3, B, 2.5.1)."""
# Types of Assigned Numbers, 2.3, and the length of a UUID in each.
_LISTS = {0x02: 2, 0x03: 2, 0x04: 4, 0x05: 4, 0x06: 16, 0x07: 16}
_SERVED = {0x16: 2, 0x20: 4, 0x21: 16}
_SHORT_NAME, _NAME, _POWER, _MADE = 0x08, 0x09, 0x0A, 0xFF
MOST_NAME = 40
"""Letters of a name that are shown: one packet holds 29 bytes, extended ones far more."""


@dataclass(slots=True)
class Said:
    """UUIDs as bleak writes them: 128 bits, lower case, with dashes; `power` in dBm."""

    name: str | None = None
    services: list[str] = field(default_factory=list)
    manufacturer: dict[int, bytes] = field(default_factory=dict)
    served: dict[str, bytes] = field(default_factory=dict)
    power: int | None = None


def parse(structures: Iterable[tuple[int, bytes]]) -> Said:
    """What these structures say; those that are damaged say nothing."""
    said = Said()
    short = None
    for kind, data in structures:
        if size := _LISTS.get(kind):
            whole = len(data) - len(data) % size
            said.services += [_uuid(data[at : at + size]) for at in range(0, whole, size)]
        elif size := _SERVED.get(kind):
            if len(data) >= size:
                said.served[_uuid(data[:size])] = bytes(data[size:])
        elif kind == _NAME:
            said.name = said.name or printable(data)
        elif kind == _SHORT_NAME:
            short = short or printable(data)
        elif kind == _POWER and len(data) == 1:
            said.power = int.from_bytes(data, "little", signed=True)
        elif kind == _MADE and len(data) >= 2:
            said.manufacturer[int.from_bytes(data[:2], "little")] = bytes(data[2:])
    said.name = said.name or short
    return said


def _uuid(data: bytes) -> str:
    whole = data if len(data) == 16 else _BASE + data.ljust(4, b"\0")
    return str(UUID(bytes=bytes(reversed(whole))))


def printable(name: bytes | str) -> str:
    """A name that may be shown: no control characters (a terminal obeys them), nothing that turns
    the direction of writing round, not too long; "" when nothing is left."""
    text = name if isinstance(name, str) else name.decode(errors="replace")
    kept = [c if unicodedata.category(c)[0] not in "CZ" else " " for c in text[: 4 * MOST_NAME]]
    return " ".join("".join(kept).split())[:MOST_NAME].rstrip()
