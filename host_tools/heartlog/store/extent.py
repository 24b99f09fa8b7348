"""From when to when a session reaches: by its records, not by when they arrived.

    extent(timeline)            # (first, last) UNIX seconds, None where nothing has a place
    settle(store, session_id)   # lists show that from now on

A recorder opens a session when it meets the monitor, and takes up what that kept from before; what
was worn alone arrives days after it was recorded.
"""

from heartlog.store.errors import StoreDamaged
from heartlog.store.reading import Timeline
from heartlog.store.store import Store


def extent(timeline: Timeline) -> tuple[float, float] | None:
    """Return when the first and the last record with a place in time was, UNIX seconds."""
    times = [r.time for r in timeline.records if r.index is not None]
    beats = timeline.beats["time"]
    if len(beats):
        times += [float(beats[0]), float(beats[-1])]
    return (min(times), max(times)) if times else None


def settle(store: Store, session_id: int) -> None:
    """Let the session begin and end where its records do.

    A session that no clock was ever compared in stays where it is: it is placed by its start.
    """
    try:
        line = store.timeline(session_id, edited=False)
    except StoreDamaged:
        return  # whoever reads it is told; here nothing but two times of a list is at stake
    reach = extent(line)
    if reach is None or not any(fit.known for fit in line.fits):
        return
    start, stop = reach
    values = {"started_at": start, "last_data_at": stop}
    if store.session(session_id).status == "complete":
        values["ended_at"] = stop
    store.update_session(session_id, **values)
