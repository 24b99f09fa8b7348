"""What a self-test found: figures with limits, for people, programs and the equipment record."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from heartlog._firmware.monitor import limits


@dataclass(frozen=True)
class Figure:
    """One measurement: `value` in `unit` within `low`..`high` is a pass."""

    code: int
    channel: int
    """From 1; 0: of the whole part."""
    value: float
    low: float
    high: float
    passed: bool

    @property
    def name(self) -> str:
        """As people call it."""
        return str(limits.name_of(self.code, self.channel))

    @property
    def unit(self) -> str:
        """Of value and limits; empty for counts."""
        return str(limits.MEASURED[self.code][1]) if self.code in limits.MEASURED else ""

    def number(self, value: float) -> str:
        """With as many digits as mean something."""
        if self.code == limits.ID:
            return f"0x{round(value):02X}"
        digits = limits.MEASURED[self.code][2] if self.code in limits.MEASURED else 0
        return f"{value:z.{digits}f}"  # z: nothing is "-0.0"

    @property
    def limits_text(self) -> str:
        """`0 to 2.500`, or the one value that it must be."""
        low, high = self.number(self.low), self.number(self.high)
        return low if low == high else f"{low} to {high}"

    def words(self) -> str:
        """In one line."""
        unit = f" {self.unit}" if self.unit else ""
        end = "pass" if self.passed else "FAIL"
        return f"{self.name} {self.number(self.value)}{unit} (limits {self.limits_text}): {end}"

    def row(self) -> tuple[str, str, str, str, str]:
        """For a table: name, value, unit, limits, pass or FAIL."""
        end = "pass" if self.passed else "FAIL"
        return self.name, self.number(self.value), self.unit, self.limits_text, end


@dataclass
class Report:
    """A whole self-test of one monitor."""

    device_id: str
    electrodes: str
    part: str = ""
    at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    figures: list[Figure] = field(default_factory=list)
    broken_off: str = ""
    """Why it did not come to its end; empty when it did."""

    @property
    def passed(self) -> bool:
        """Whether it was done to its end and every figure is within its limits."""
        return bool(self.figures) and not self.broken_off and all(f.passed for f in self.figures)

    @property
    def failed(self) -> list[Figure]:
        """Those outside their limits."""
        return [figure for figure in self.figures if not figure.passed]

    def values(self) -> dict[str, Any]:
        """Everything, for JSON and the equipment record."""
        return {
            "device_id": self.device_id,
            "part": self.part,
            "at": self.at.isoformat(timespec="seconds"),
            "electrodes": self.electrodes,
            "passed": self.passed,
            "broken_off": self.broken_off or None,
            "figures": [
                {
                    "name": f.name,
                    "channel": f.channel or None,
                    "value": f.value,
                    "unit": f.unit,
                    "low": f.low,
                    "high": f.high,
                    "passed": f.passed,
                }
                for f in self.figures
            ],
        }
