"""What the times of a session stand on: whether somebody set the host's clock meanwhile.

for text in clock_remarks(timeline.fits, setbacks(timeline)):
    ...
"""

from collections.abc import Sequence

import numpy as np

from heartlog.overview import duration
from heartlog.store.clockfit import ClockFit
from heartlog.store.reading import Timeline

SETBACK_SECONDS = 2.0
"""Starts that overlap by less are two clock fits' uncertainty."""


def setbacks(timeline: Timeline) -> tuple[tuple[int, float], ...]:
    """(start of the monitor from 2 on, seconds) by which it seems to begin before the one before
    it ended."""
    found = []
    for number in range(1, len(timeline.fits)):
        before = edge(timeline, number - 1, last=True)
        after = edge(timeline, number, last=False)
        guessed = not (timeline.fits[number - 1].known and timeline.fits[number].known)
        if before is None or after is None or guessed:
            continue
        if before - after > SETBACK_SECONDS:
            found.append((number + 1, before - after))
    return tuple(found)


def restarts(timeline: Timeline) -> list[tuple[float, float]]:
    """(start, stop), UNIX seconds, of each time between two starts of the monitor: it had no
    power, or was starting."""
    found = []
    for number in range(1, len(timeline.fits)):
        before = edge(timeline, number - 1, last=True)
        after = edge(timeline, number, last=False)
        if before is not None and after is not None and after > before:
            found.append((before, after))
    return found


def edge(timeline: Timeline, boot: int, last: bool) -> float | None:
    """When the first or the last thing known of a boot was, UNIX seconds."""
    times = [r.time for r in timeline.records if r.boot == boot and r.index is not None]
    b = timeline.beats["boot"]
    first, stop = np.searchsorted(b, [boot, boot + 1])
    if stop > first:
        times.append(float(timeline.beats["time"][stop - 1 if last else first]))
    if not times:
        return None
    return max(times) if last else min(times)


def clock_remarks(fits: Sequence[ClockFit], set_back: Sequence[tuple[int, float]]) -> list[str]:
    """Sentences for who reads the times; none where every clock was let alone."""
    said = []
    for number, fit in enumerate(fits, 1):
        if fit.jumps:
            times = "once" if fit.jumps == 1 else f"{fit.jumps} times"
            where = f" in start {number} of the monitor" if len(fits) > 1 else ""
            said.append(
                f"The computer's clock was set {times} during the recording{where}: all times of "
                "day there follow it as it was in the end. Check it."
            )
    for start, seconds in set_back:
        said.append(
            f"Start {start} of the monitor seems to begin {duration(seconds)} before start "
            f"{start - 1} ended: the computer's clock was set back. Times of day and shares of "
            "time can't be right; intervals are."
        )
    return said
