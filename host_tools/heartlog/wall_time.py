"""Times on the clock on the wall, told apart in the hour that comes twice when summer time ends.

    written(seconds, "%H:%M", zone)    # "03:20", or "02:20 CET" where there was a 02:20 CEST, too
    zone_names(start, stop, zone)      # "CET", or "CEST, then CET"

Seconds are UNIX seconds; `zone` None is this computer's.
"""

from datetime import datetime, tzinfo


def _twice(moment: datetime) -> bool:
    """Whether the clock shows this time twice (PEP 495); one without a zone is this computer's."""
    first, second = moment.replace(fold=0), moment.replace(fold=1)
    if moment.tzinfo is None:
        return first.timestamp() != second.timestamp()
    return first.utcoffset() != second.utcoffset()


def written(seconds: float, form: str, zone: tzinfo | None = None) -> str:
    """Return the time by `form` (strftime's), with the zone where it would be two times."""
    moment = datetime.fromtimestamp(seconds, zone)
    text = moment.astimezone(zone).strftime(form)
    if "%Z" in form or not _twice(moment):
        return text
    return f"{text} {moment.astimezone(zone).tzname()}"


def zone_names(start: float, stop: float, zone: tzinfo | None = None) -> str:
    """Return the zone's name from `start` to `stop`: two where summer time begins or ends."""
    ends = (datetime.fromtimestamp(at, zone).astimezone(zone).tzname() for at in (start, stop))
    return ", then ".join(dict.fromkeys(name for name in ends if name))
