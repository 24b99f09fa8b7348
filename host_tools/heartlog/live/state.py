"""What is known of the monitor now, from its records as they come.

    state = LiveState(name="Heartlog 1c2f")
    state.take(record)               # heartlog.link.Record, live or from the backlog
    state.heart_rate, state.signal, state.electrodes()

A heart rate is shown only while it is true: it goes when the signal can't be judged, after a gap,
and when no beat has come for `STALE_SECONDS`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from heartlog._firmware.monitor.link import wire
from heartlog.store import lead

RATE_INTERVALS = 5
"""Intervals that the heart rate is the mean of: steady to look at, quick to follow."""
STALE_SECONDS = 4.0
"""Without a beat for so long there is no heart rate to show (15 beats/min is the least)."""
KEPT_BEATS = 600
SHOWN_ELECTRODES = ("RA", "LA", "LL")
"""Those that the front end feels. (The right leg's is driven: loose, it shows as hum alone.)"""


class AnyRecord(Protocol):
    """What `take` needs of a record."""

    @property
    def name(self) -> str: ...
    @property
    def boot(self) -> int: ...
    @property
    def values(self) -> Mapping[str, int]: ...


@dataclass
class LiveState:
    """A monitor as it is now."""

    name: str = ""
    rate: float = 250.0
    nv_per_code: float = 0.0
    beats: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=KEPT_BEATS))
    """(sample index, RR in samples or 0) of the last beats."""
    boot: int | None = None
    beat_count: int = 0
    signal: int = wire.SIGNAL_UNKNOWN
    off: int = 0
    """Electrodes that are off, one bit each (`wire.ELECTRODES`)."""
    battery_percent: int | None = None
    charging: bool = False
    lost_samples: int = 0
    last_event: str = ""
    fault: str = ""
    channel: int = 1
    """The channel in which the beats are looked for, from 1."""
    now_sample: int = 0
    """The newest sample index that was heard of."""

    def take(self, record: AnyRecord) -> None:
        """Follow one record; unknown kinds are of no interest here."""
        values = record.values
        sample = values.get("sample")
        if sample is None:
            return
        if record.boot != self.boot:
            self.boot = record.boot
            self.beats.clear()  # the sample index began anew
            self.now_sample = sample
        sample = self.hear(sample)
        handler = getattr(self, f"_on_{record.name}", None)
        if handler is not None:
            handler(sample, values)

    def hear(self, sample: int) -> int:
        """The monitor has reached this sample index (u32); returns it without wraps."""
        step = (sample - self.now_sample + 2**31) % 2**32 - 2**31
        unwrapped = self.now_sample + step
        self.now_sample = max(self.now_sample, unwrapped)
        return unwrapped

    def take_status(self, status: Mapping[str, int]) -> None:
        """The status characteristic: what holds now, also when no record has told it."""
        self.boot = status["boot"]
        self.hear(status["sample"])
        self.signal = status["signal"]
        self.off = status["off"]
        percent = status["battery_percent"]
        self.battery_percent = percent if percent <= 100 else None
        self.charging = bool(status["flags"] & wire.STATUS_CHARGING)
        if status["flags"] & wire.STATUS_SAFE:
            self.fault = "safe mode: not recording after too many resets by the watchdog"
        elif status["flags"] & wire.STATUS_FAULT:
            self.fault = self.fault or "the front end reports a fault"
        else:
            self.fault = ""

    def _on_beat(self, sample: int, values: Mapping[str, int]) -> None:
        rr = 0 if values.get("flags", 0) & wire.BEAT_AFTER_GAP else values.get("rr", 0)
        self.beats.append((sample, rr))
        self.beat_count += 1

    def _on_setting(self, sample: int, values: Mapping[str, int]) -> None:
        if values.get("key") == lead.CHANNEL_SETTING:
            self.channel = values.get("value", 0) + 1

    def _on_signal(self, sample: int, values: Mapping[str, int]) -> None:
        if values.get("channel", 0) not in (0, self.channel):
            self.off = values.get("off", self.off)  # electrodes are told with every channel
            return
        self.signal = values.get("state", wire.SIGNAL_UNKNOWN)
        self.off = values.get("off", 0)

    def _on_gap(self, sample: int, values: Mapping[str, int]) -> None:
        self.lost_samples += values.get("lost", 0)

    def _on_event(self, sample: int, values: Mapping[str, int]) -> None:
        kind, value = values.get("kind", 0), values.get("value", 0)
        if kind == wire.EVENT_CHANNEL:
            self.channel = lead.change(value)[1] or self.channel
            self.last_event = lead.change_text(value)
            return
        self.last_event = wire.EVENT_NAMES.get(kind, f"event {kind}")

    def _on_boot(self, sample: int, values: Mapping[str, int]) -> None:
        self.rate = float(values.get("rate") or self.rate)
        self.nv_per_code = values.get("pv_per_code", 0) / 1000.0
        self.fault = ""

    def _on_battery(self, sample: int, values: Mapping[str, int]) -> None:
        percent = values.get("percent", 255)
        self.battery_percent = percent if percent <= 100 else None
        self.charging = bool(values.get("flags", 0) & 1)

    def _on_fault(self, sample: int, values: Mapping[str, int]) -> None:
        from heartlog.overview import fault_name

        self.fault = fault_name(values)

    @property
    def judged(self) -> bool:
        """Whether beats can be judged now."""
        return self.signal in (wire.SIGNAL_GOOD, wire.SIGNAL_NOISY, wire.SIGNAL_UNKNOWN)

    @property
    def heart_rate(self) -> float | None:
        """Beats/min over the last intervals, or None while it would not be true."""
        rr = self._fresh_intervals()
        return 60.0 * self.rate * len(rr) / sum(rr) if rr else None

    @property
    def last_rr_ms(self) -> float | None:
        """The last interval, ms; None while it would not be true."""
        rr = self._fresh_intervals()
        return 1000.0 * rr[-1] / self.rate if rr else None

    def _fresh_intervals(self) -> list[int]:
        if not self.judged or not self.beats:
            return []
        if (self.now_sample - self.beats[-1][0]) / self.rate > STALE_SECONDS:
            return []
        chosen: list[int] = []
        for _, rr in reversed(self.beats):
            if rr == 0 or len(chosen) == RATE_INTERVALS:
                break
            chosen.append(rr)
        return chosen[::-1]

    def rates(self) -> list[tuple[int, float]]:
        """(sample index, beats/min over the last intervals) at each beat that is kept."""
        out: list[tuple[int, float]] = []
        chosen: deque[int] = deque(maxlen=RATE_INTERVALS)
        for sample, rr in self.beats:
            if rr == 0:
                chosen.clear()
                continue
            chosen.append(rr)
            if len(chosen) == RATE_INTERVALS:
                out.append((sample, 60.0 * self.rate * len(chosen) / sum(chosen)))
        return out

    @property
    def signal_name(self) -> str:
        """The signal's state in words."""
        names = wire.SIGNAL_NAMES
        return names[self.signal] if self.signal < len(names) else f"state {self.signal}"

    @property
    def other_lead(self) -> str:
        """` (lead II)` while the beats come from another lead than the first, else nothing."""
        return "" if self.channel == 1 else f" ({lead.lead(self.channel)})"

    def electrodes(self) -> list[tuple[str, bool]]:
        """(name, is on) of each electrode to show: the limb leads, and others that are off."""
        return [
            (name, not self.off >> bit & 1)
            for bit, name in enumerate(wire.ELECTRODES)
            if name in SHOWN_ELECTRODES or self.off >> bit & 1
        ]
