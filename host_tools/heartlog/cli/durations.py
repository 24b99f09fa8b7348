"""Lengths of time on the command line: `90`, `90s`, `30m`, `24h`, `14d`, `1h30m`."""

from __future__ import annotations

import re

from heartlog.errors import UsageProblem

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(min|[smhd]?)\s*")


def parse_duration(text: str) -> float:
    """Seconds in `text`; raises `UsageProblem` if it is no length of time, or none at all."""
    at, seconds = 0, 0.0
    lowered = text.strip().lower()
    while at < len(lowered):
        part = _PART.match(lowered, at)
        if part is None:
            seconds = 0.0
            break
        seconds += float(part[1]) * _UNITS[part[2]]
        at = part.end()
    if seconds <= 0:
        raise UsageProblem(f"{text!r} is no length of time.", "Write it as 90s, 30m, 24h or 14d.")
    return seconds
