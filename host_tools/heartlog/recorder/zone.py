"""The time zone that a session is worn in, as far as this computer knows it.

Times are stored in UTC; the zone's name goes with the session, so that a report, wherever it is
made, writes the times that the patient's own clock showed, across a change of summer time too.
"""

from __future__ import annotations

import os
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_LINK = Path("/etc/localtime")


def own_zone(environment: str | None = None, link: Path = _LINK) -> str:
    """An IANA name such as "Europe/Berlin": from TZ (default: the variable's value), else from the
    system's own link; "UTC" where neither tells (Windows names its zones otherwise)."""
    named = os.environ.get("TZ", "") if environment is None else environment
    target = ""
    try:
        target = os.readlink(link)
    except OSError:
        pass
    for name in (named.removeprefix(":"), target.partition("zoneinfo/")[2]):
        try:
            if name:
                return ZoneInfo(name).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue  # as TZ=CET-1CEST: rules without a name
    return "UTC"
