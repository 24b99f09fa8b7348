"""Quiet hours by the patient's clock: the monitor knows UTC, and how far local time is from it.

    await follow_local_time(request, clock.now())

A monitor that keeps quiet hours is told this computer's distance from UTC whenever the clocks are
compared, so that 22:00 is ten in the evening here, in summer too. One that nobody meets for a
while keeps the last one: after a night in which summer time begins or ends it is an hour off.
"""

from __future__ import annotations

from datetime import datetime

from heartlog._firmware.monitor import settings as firmware
from heartlog._firmware.monitor.link import wire
from heartlog.link.admission import Request
from heartlog.link.problems import RequestRefused


def minutes_from_utc(now: float) -> int:
    """Local time less UTC of this computer (minutes), at a moment (UNIX seconds)."""
    offset = datetime.fromtimestamp(now).astimezone().utcoffset()
    return 0 if offset is None else round(offset.total_seconds() / 60)


async def follow_local_time(request: Request, now: float) -> None:
    """Sets a monitor's distance from UTC, if it keeps quiet hours and has another one."""
    try:
        (begin,) = await request(wire.SETTING_GET, firmware.QUIET_FROM)
        (end,) = await request(wire.SETTING_GET, firmware.QUIET_TO)
        if begin == end:
            return
        (has,) = await request(wire.SETTING_GET, firmware.UTC_OFFSET_MIN)
        here = minutes_from_utc(now)
        if has != here:
            await request(wire.SETTING_SET, firmware.UTC_OFFSET_MIN, here)
    except RequestRefused:
        pass  # its firmware has no quiet hours, or another computer has it
