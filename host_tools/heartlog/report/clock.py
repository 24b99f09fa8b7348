"""How times are written in reports: the session's zone, the day, or time since the start.

clock = Clock.of(session, start)
clock.at(event.time)            # "Mon 23 14:03:05", or "0:12:05" where the day is unknown
"""

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from heartlog.store import Session
from heartlog.wall_time import written


@dataclass(frozen=True, slots=True)
class Clock:
    """Writes UNIX seconds for people."""

    zone: dt.tzinfo
    zone_name: str
    start: float
    known: bool
    """False: the source gave no time of day, so times are counted from its start."""
    one_day: bool

    @staticmethod
    def of(session: Session, start: float, stop: float) -> "Clock":
        """Make the clock of a session that reaches from `start` to `stop`."""
        name = session.time_zone or "UTC"
        try:
            zone: dt.tzinfo = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            zone, name = dt.UTC, "UTC"
        known = bool(session.settings.get("time_known", True))
        a, b = (dt.datetime.fromtimestamp(t, zone).date() for t in (start, stop))
        return Clock(zone, name, start, known, a == b)

    def at(self, moment: float | None, seconds: bool = True) -> str:
        """Return the time of day, with the day where the session spans more than one."""
        if moment is None:
            return "-"
        if not self.known:
            return elapsed(moment - self.start)
        form = "%H:%M:%S" if seconds else "%H:%M"
        return written(moment, form if self.one_day else f"%a %d {form}", self.zone)

    def full(self, moment: float | None) -> str:
        """Return date, time and zone."""
        if moment is None:
            return "-"
        if not self.known:
            return f"{elapsed(moment - self.start)} after the start (no time of day in the source)"
        time = dt.datetime.fromtimestamp(moment, self.zone)
        return time.strftime("%Y-%m-%d %H:%M:%S ") + (time.tzname() or self.zone_name)


def elapsed(seconds: float) -> str:
    """Return H:MM:SS."""
    total = round(seconds)
    sign = "-" if total < 0 else ""
    total = abs(total)
    return f"{sign}{total // 3600}:{total // 60 % 60:02d}:{total % 60:02d}"


def duration(seconds: float) -> str:
    """Return a length of time in the two largest units that matter."""
    if 0 < seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, whole = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {whole} s" if whole else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
