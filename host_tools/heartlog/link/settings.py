"""A monitor's settings by name: what they mean, how people write them, reading and changing them.

    asked = parse(["fast=150", "quiet-from=22:00"])     # UsageProblem for what can't be meant
    now = await write(monitor, asked)                    # {"fast": 150, "quiet-from": 1320}
    everything = await read(monitor)

Limits and numbers are the firmware's own table (`monitor/settings.py`); here are only the words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from heartlog._firmware.monitor import settings as firmware
from heartlog._firmware.monitor.link import wire
from heartlog.errors import CommandError, UsageProblem
from heartlog.link.monitor import Monitor
from heartlog.link.problems import RequestRefused

NUMBER, SWITCH, TIME = "number", "switch", "time"


@dataclass(frozen=True, slots=True)
class Setting:
    """One row; `name` is what people type."""

    name: str
    key: int
    kind: str
    unit: str
    meaning: str
    at_boot: bool = False
    """Whether a change counts only from the monitor's next start."""

    @property
    def default(self) -> int:
        return int(firmware.TABLE[self.key][1])

    @property
    def limits(self) -> str:
        """What may be given, in words."""
        _, _, low, high = firmware.TABLE[self.key]
        if self.key in firmware.CHOICES:
            return ", ".join(str(v) for v in firmware.CHOICES[self.key])
        if self.kind == SWITCH:
            return "on, off"
        if self.kind == TIME:
            return "00:00 to 23:59"
        return f"{low} to {high}"

    def text(self, value: int) -> str:
        """A value as people read it."""
        if self.kind == SWITCH:
            return "on" if value else "off"
        if self.kind == TIME:
            return f"{value // 60:02d}:{value % 60:02d}"
        if value == 0 and self.meaning.endswith("0: none"):
            return "none"
        return f"{value} {self.unit}".rstrip()

    def value(self, text: str) -> int:
        """A value as people write it. UsageProblem says what may be given."""
        try:
            if self.kind == SWITCH:
                number = {"on": 1, "off": 0, "yes": 1, "no": 0, "1": 1, "0": 0}[text.lower()]
            elif self.kind == TIME and ":" in text:
                hours, minutes = text.split(":")
                if not 0 <= int(minutes) < 60:
                    raise ValueError
                number = 60 * int(hours) + int(minutes)
            elif text.lower() == "none" and self.meaning.endswith("0: none"):
                number = 0
            else:
                number = int(text)
            return self.check(number)
        except (KeyError, ValueError):
            raise UsageProblem(
                f"{self.name} can't be {text!r}.", f"It takes {self.limits}."
            ) from None

    def check(self, number: int) -> int:
        """The number itself; ValueError when the monitor would refuse it."""
        _, _, low, high = firmware.TABLE[self.key]
        choices = firmware.CHOICES.get(self.key)
        if not low <= number <= high or (choices is not None and number not in choices):
            raise ValueError(number)
        return number


SETTINGS: dict[str, Setting] = {
    s.name: s
    for s in (
        Setting("fast", firmware.FAST_BPM, NUMBER, "/min", "Alarm: a rate from this on; 0: none"),
        Setting("slow", firmware.SLOW_BPM, NUMBER, "/min", "Alarm: a rate down to this; 0: none"),
        Setting("pause", firmware.PAUSE_MS, NUMBER, "ms", "Alarm: no beat for so long; 0: none"),
        Setting(
            "irregular", firmware.IRREGULAR_S, NUMBER, "s", "Alarm: irregular for so long; 0: none"
        ),
        Setting("alarm-sound", firmware.ALARM_SOUND, SWITCH, "", "Tell the patient of an alarm"),
        Setting("sound", firmware.SOUND, SWITCH, "", "The buzzer"),
        Setting("volume", firmware.VOLUME, NUMBER, "", "Of the buzzer: 1 soft, 3 loud"),
        Setting("quiet-from", firmware.QUIET_FROM, TIME, "", "No sounds from this time of day"),
        Setting("quiet-to", firmware.QUIET_TO, TIME, "", "... to this one (the same: never)"),
        Setting(
            "utc-offset", firmware.UTC_OFFSET_MIN, NUMBER, "min", "Local time less UTC, as here"
        ),
        Setting(
            "open-heart-rate", firmware.OPEN_HEART_RATE, SWITCH, "", "Heart rate for any watch"
        ),
        Setting("whole-ecg", firmware.WHOLE_ECG, SWITCH, "", "Keep all ECG, if there is room"),
        Setting("strip-before", firmware.STRIP_BEFORE_S, NUMBER, "s", "ECG kept before an event"),
        Setting("strip-after", firmware.STRIP_AFTER_S, NUMBER, "s", "... and after it"),
        Setting(
            "leads-by-ac",
            firmware.LEADS_BY_AC,
            SWITCH,
            "",
            "Dry electrodes: watch them by AC",
            True,
        ),
        Setting("channel", firmware.CHANNEL, NUMBER, "", "Read for beats (0: the first)", True),
        Setting("rate", firmware.RATE, NUMBER, "samples/s", "Sampling rate", True),
        Setting("gain", firmware.GAIN, NUMBER, "", "The amplifier's gain", True),
    )
}
"""By name, in the order of listings. What the monitor keeps for itself is not among them."""


def parse(texts: Iterable[str]) -> dict[str, int]:
    """Values by name from `NAME=VALUE` texts."""
    asked: dict[str, int] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        setting = SETTINGS.get(name.strip().lower())
        if not equals or setting is None:
            what = "no value" if setting is not None else "no such setting"
            raise UsageProblem(
                f"{text!r}: {what}.", f"Write NAME=VALUE; names: {', '.join(SETTINGS)}"
            )
        asked[setting.name] = setting.value(value.strip())
    return asked


async def read(monitor: Monitor) -> dict[str, int]:
    """Every setting that this monitor has, by name; an older firmware has fewer."""
    found: dict[str, int] = {}
    for setting in SETTINGS.values():
        try:
            (value,) = await monitor.request(wire.SETTING_GET, setting.key)
        except RequestRefused as error:
            if error.result != wire.NO_OPERAND:
                raise
            continue
        found[setting.name] = int(value)
    return found


async def write(monitor: Monitor, asked: Mapping[str, int]) -> dict[str, int]:
    """Sets each; returns what the monitor says that it now has."""
    now: dict[str, int] = {}
    for name, value in asked.items():
        try:
            (kept,) = await monitor.request(wire.SETTING_SET, SETTINGS[name].key, value)
        except RequestRefused as error:
            if error.result == wire.NO_OPERAND:
                raise CommandError(
                    f"This monitor's firmware has no setting {name!r}.",
                    "Update it: heartlog device update --help",
                ) from error
            if error.result == wire.BAD_OPERAND and name in ("rate", "gain"):
                raise CommandError(
                    f"This monitor's front end does not offer {name}={value}.",
                    "Every one has rate=250, 500 and 1000, and gain=1, 2, 4, 6, 8 and 12.",
                ) from error
            raise
        now[name] = int(kept)
    return now
