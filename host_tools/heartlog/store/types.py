"""The records a store takes and the arrays it gives.

    Record(seq=12, kind="beat", sample=3021, fields={"rr": 201, "amplitude_uv": 900})

Amplitudes are in microvolts, intervals in milliseconds, times in seconds since 1970 (UTC).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from heartlog._firmware.monitor.link import wire

KINDS = (*(row[0] for row in wire.RECORDS.values()), "unknown")
"""Every kind of record; what a reader doesn't know is kept as `unknown` with its raw bytes."""

Value = int | float | str | bool | None


@dataclass(frozen=True, slots=True)
class Record:
    """One numbered record of a monitor.

    `seq` is the device's sequence number (u32), `sample` its sample index (u32) or None,
    `fields` the values by name, `raw` the bytes as they came (kept for unknown kinds), `boot`
    the device's boot number: the sample index starts anew with each.
    """

    seq: int
    kind: str
    sample: int | None = None
    fields: Mapping[str, Value] = field(default_factory=dict)
    raw: bytes = b""
    boot: int = 0


class WireRecord(Protocol):
    """A record as `heartlog.link` decodes it: see `wire.RECORDS` for names and values."""

    @property
    def seq(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def boot(self) -> int: ...
    @property
    def values(self) -> Mapping[str, int]: ...
    @property
    def body(self) -> bytes: ...


class BeatKind(IntEnum):
    """What a beat is. The device decides 0 to 3; people and imports may use all of them."""

    UNCLASSIFIED = 0
    NORMAL = 1
    PREMATURE = 2
    """Early and narrow: supraventricular by the usual reading."""
    WIDE = 3
    """Early or not, wide: ventricular by the usual reading."""
    FUSION = 4
    PACED = 5
    ARTEFACT = 6
    """Not a beat: noise taken for one."""


AFTER_GAP = wire.BEAT_AFTER_GAP
"""Beat flag: samples were lost just before, so its RR is unknown."""
SEARCH_BACK = wire.BEAT_SEARCHED
"""Beat flag: the detector found it on a second look with a lower threshold."""
DOUBTFUL = wire.BEAT_DOUBTFUL
"""Beat flag: found while the signal was poor."""
HUMAN = 0x8000
"""Beat flag, set on reading only: added or changed by a person."""

PACKED_BEAT = np.dtype(
    [
        ("seq", "<u4"),
        ("sample", "<u4"),
        ("rr", "<u4"),  # samples; 0 = unknown
        ("amplitude_uv", "<i4"),
        ("width_ms", "<u2"),
        ("flags", "<u2"),
        ("confidence", "u1"),
        ("kind", "u1"),
        ("boot", "<u2"),  # the device's boot number
    ]
)
"""How a beat lies in a chunk of the store: 24 bytes, little-endian."""

BEAT = np.dtype(
    [
        ("time", "<f8"),
        ("raw_time", "<f8"),
        ("index", "<i8"),
        ("seq", "<i8"),
        ("rr_ms", "<f4"),
        ("amplitude_uv", "<i4"),
        ("boot", "<u2"),
        ("width_ms", "<u2"),
        ("flags", "<u2"),
        ("confidence", "u1"),
        ("kind", "u1"),
    ]
)
"""A beat as it is read: `time` fitted and `raw_time` by the nominal rate (both UNIX seconds),
`index` the sample index without wraps (it starts anew with each `boot`, the number of the boot
within the session), `rr_ms` 0 where unknown."""

Beats = npt.NDArray[Any]


def pack_beats(records: list[Record]) -> Beats:
    """Return beat records as PACKED_BEAT; a value out of range is held to the range."""
    out = np.zeros(len(records), PACKED_BEAT)
    for i, record in enumerate(records):
        f = record.fields
        out[i] = (
            record.seq & 0xFFFFFFFF,
            (record.sample or 0) & 0xFFFFFFFF,
            _held(f.get("rr"), 0, 0xFFFFFFFF),
            _held(f.get("amplitude_uv"), -(2**31), 2**31 - 1),
            _held(f.get("width_ms"), 0, 0xFFFF),
            _held(f.get("flags"), 0, 0x7FFF),
            _held(f.get("confidence"), 0, 255),
            _held(f.get("kind"), 0, 255),
            _held(record.boot, 0, 0xFFFF),
        )
    return out


def _held(value: Value, low: int, high: int) -> int:
    if value is None:
        return 0
    return max(low, min(high, int(value)))


SIGNAL_REASONS = {
    2: "at the rail",
    3: "no signal",
    4: "converter stuck",
    5: "hum or muscle",
    6: "movement",
    7: "after a restart",
    8: "electrode just on",
    9: "front end silent",
    10: "steps of no heart",
}
"""Short names of the reasons that the monitor's `quality` gives for a signal's state."""


def from_wire(
    seq: int, name: str, boot: int, values: Mapping[str, int], body: bytes = b""
) -> Record:
    """Return a Record from the wire module's decoded form: numbers as they came, and names.

    `name` and `values` are as in `wire.RECORDS`; a name that is not there becomes `unknown`.
    """
    sample = values.get("sample")
    fields: dict[str, Value] = {k: v for k, v in values.items() if k != "sample"}
    if name == "beat":
        fields["width_ms"] = 8 * values.get("width", 0)
        fields["kind"] = _beat_kind(values.get("flags", 0))
    elif name == "signal":
        fields["state_name"] = _named(wire.SIGNAL_NAMES, values.get("state", 0))
        fields["reason_name"] = SIGNAL_REASONS.get(values.get("reason", 0), "")
        off = values.get("off", 0)
        fields["electrodes_off"] = " ".join(
            e for bit, e in enumerate(wire.ELECTRODES) if off >> bit & 1
        )
    elif name == "gap":
        fields["reason_name"] = _named(wire.GAP_NAMES, values.get("reason", 0))
    elif name == "event":
        fields["name"] = _named(wire.EVENT_NAMES, values.get("kind", 0))
    elif name == "dropped":
        fields["reason_name"] = _named(wire.DROPPED_NAMES, values.get("reason", 0))
    elif name == "sync":
        # The monitor says how late after the conversion the instant was: take it to the sample.
        late, at = values.get("late_us", 0), values.get("host_us", 0)
        fields["host_time"] = (at - late) / 1e6
        fields["uncertainty_ms"] = values.get("uncertainty_us", 0) / 1000.0
    elif name == "boot":
        fields["nv_per_code"] = values.get("pv_per_code", 0) / 1000.0
        fields["firmware"] = ".".join(str(values.get(k, 0)) for k in ("major", "minor", "patch"))
    elif name not in KINDS:
        return Record(seq, "unknown", sample, fields, body, boot)
    return Record(seq, name, sample, fields, body, boot)


def _beat_kind(flags: int) -> int:
    if flags & wire.BEAT_WIDE:
        return BeatKind.WIDE
    return BeatKind.PREMATURE if flags & wire.BEAT_PREMATURE else BeatKind.NORMAL


def _named(names: Mapping[int, str] | tuple[str, ...], number: int) -> str:
    known = dict(enumerate(names)) if isinstance(names, tuple) else names
    return known.get(number, f"number {number}")


def event_text(fields: Mapping[str, Value]) -> str:
    """An event of the monitor in words, with its value where it is an alarm: `fast, 152/min`."""
    name = str(fields.get("name") or "event")
    value = int(fields.get("value") or 0)
    if fields.get("kind") == wire.EVENT_CHANNEL:
        from heartlog.store.lead import change_text

        return change_text(value)
    if name == "pause":
        return f"{name}, {value / 1000:.2f} s"
    if name in ("fast", "slow", "irregular") and value:
        return f"{name}, {value}/min"
    return name
