"""Which channel the beats come from, as the monitor's records tell it.

for record, channel in followed(timeline.records): ...    # the channel from this record on
stretches(timeline, boot)                                 # [(sample index, channel), ...]
change_text(value)                                        # "beats from lead II: lead I is off"

The first channel, unless a setting or an event says otherwise; each boot begins with the chosen
one. Channels count from 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from heartlog._firmware.monitor.link import wire

if TYPE_CHECKING:
    from heartlog.store.reading import Timeline

CHANNEL_SETTING = 1
"""Key of the setting that names the chosen channel, from 0 (the firmware's `settings.CHANNEL`)."""
_LOST = {
    wire.SIGNAL_NOISY: "noisy",
    wire.SIGNAL_LEAD_OFF: "off",
    wire.SIGNAL_SATURATED: "saturated",
    wire.SIGNAL_FLAT: "flat",
}


class AnyRecord(Protocol):
    """What of a record counts here."""

    @property
    def kind(self) -> str: ...
    @property
    def fields(self) -> dict[str, Any]: ...


R = TypeVar("R", bound=AnyRecord)


def is_change(fields: Any) -> bool:
    """Whether an event's fields are those of a change of the channel."""
    return bool(fields.get("kind") == wire.EVENT_CHANNEL)


def change(value: int) -> tuple[int, int, int]:
    """(channel before or 0, channel now, why: SIGNAL_*) of an EVENT_CHANNEL's value."""
    return value & 15, value >> 4 & 15, value >> 8 & 15


def followed(records: Iterable[R]) -> Iterator[tuple[R, int]]:
    """Each record with the channel that the beats come from, from it on."""
    channel = chosen = 1
    for record in records:
        if record.kind == "setting" and record.fields.get("key") == CHANNEL_SETTING:
            channel = chosen = int(record.fields.get("value") or 0) + 1
        elif record.kind == "boot":
            channel = chosen
        elif record.kind == "event" and is_change(record.fields):
            channel = change(int(record.fields.get("value") or 0))[1] or channel
        yield record, channel


def stretches(timeline: Timeline, boot: int) -> list[tuple[int, int]]:
    """(first sample index, channel) of one boot, in order; the first begins before everything."""
    out: list[tuple[int, int]] = []
    for record, channel in followed(timeline.records):
        if record.boot == boot and record.index is not None:
            if not out:
                out.append((-(2**62), channel))
            elif channel != out[-1][1]:
                out.append((record.index, channel))
    return out or [(-(2**62), 1)]


def lead(channel: int) -> str:
    """A channel's lead in the arrangement of the monitor (firmware/monitor/afe/leads.py)."""
    names = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
    return f"lead {names[channel - 1]}" if 0 < channel <= len(names) else f"channel {channel}"


def change_text(value: int) -> str:
    """An EVENT_CHANNEL's value in words."""
    before, now, why = change(value)
    if not before:
        return f"beats from {lead(now)}"
    if why == wire.SIGNAL_GOOD:
        return f"beats from {lead(now)} again"
    return f"beats from {lead(now)}: {lead(before)} is {_LOST.get(why, 'lost')}"
