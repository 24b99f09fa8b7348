"""Takes everything that a monitor still holds, and changes nothing in what it does.

    fetch = Fetch(store, backend, on_event=follower.take)
    session = await fetch.run()            # None: there was nothing to fetch

For a session that was interrupted, or worn without a computer near. A session that the monitor
has ended meanwhile becomes complete; of one that it is still in, everything up to now is fetched,
and the monitor goes on. Nothing is stored twice, however often it is begun anew.
"""

from __future__ import annotations

from typing import Any

from heartlog._firmware.monitor.link import wire
from heartlog.link import LinkLost, Monitor, Record
from heartlog.recorder import belonging, events
from heartlog.recorder.recorder import Recorder
from heartlog.recorder.sealed import Sealed, not_here
from heartlog.store import Store
from heartlog.store.extent import settle

MOST_NOTES = 2000
"""So many records are looked at, whether they are more than a monitor's notes of itself."""
OF_A_WEARER = ("beat", "event", "session")


class NothingToFetch(Exception):
    """The store has everything but what the monitor noted outside of any session."""


async def only_notes(monitor: Monitor, store: Store, after: int, last: int) -> bool:
    """Whether what the store lacks of the records after..last, and what can be read of it, is what
    a monitor notes while nobody wears it: its connections, its battery, its gaps. They are no
    reason for a session. What can't be read is in `monitor.flow.locked` afterwards."""
    info = monitor.info
    if not store.missing(info.device_id, after + 1, last, info.journal):
        return True
    sealed = Sealed(store)
    seen = 0
    async for batch in monitor.records(after):
        fresh = not_here(store, info.device_id, info.journal, batch.records)
        seen += len(fresh)
        if seen > MOST_NOTES or any(_of_a_wearer(r) and r.seq <= last for r in fresh):
            return False
        assert monitor.flow is not None
        if batch.locked:
            sealed.pass_over(info.device_id, info.journal, monitor.flow)
        if monitor.flow.next_seq > last:
            break
    return True


def _of_a_wearer(record: Record) -> bool:
    """A start notes which channel it reads, worn or not."""
    return record.name in OF_A_WEARER and record.values.get("kind") != wire.EVENT_CHANNEL


class Fetch(Recorder):
    """A recorder that begins no session and ends none."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._target: int | None = None
        self.complete = False
        """Whether the session has ended, and all of it is in the store."""

    @property
    def in_session(self) -> bool:
        """Whether the monitor was in a session, which a recording or a fitting begins."""
        return bool(self._end.number)

    async def fetch(self) -> int | None:
        """The store's session that took what there was; None when there was nothing."""
        try:
            return await self.run()
        except NothingToFetch:
            return None

    async def _open_session(self, monitor: Monitor, status: dict[str, int]) -> None:
        if self._target is None:
            self._target = status["next_seq"] - 1
        if self.session_id is not None:
            self._store.mark_recording(self.session_id)
            return
        found = belonging.resume(self._store, self._device, self._journal, status)
        if found is not None and found.how != belonging.NEW:
            self.session_id, self._resumed = found.session.id, True
            self._end = belonging.end_of(self._store, found.session)
        else:
            oldest = status["first_seq"]
            after = self._store.committed_seq(self._device, self._journal, oldest)
            notes = not status["session"] and await only_notes(
                monitor, self._store, after, self._target
            )
            if monitor.flow is not None and monitor.flow.locked:
                self._tell_locked(monitor.flow, monitor.flow.locked)
            if notes:
                raise NothingToFetch
            empty = None if found is None else found.session.id
            self.session_id = self._open_row(monitor, status["session"], empty)
        self._tell(events.SessionOpened(self._clock.now(), self._session(), self._resumed))

    def _open_row(self, monitor: Monitor, number: int, empty: int | None) -> int:
        """The store's session for what no session of the store has."""
        now = self._clock.now()
        values = {"firmware": monitor.info.firmware, "board": monitor.info.model, **self._values}
        if empty is None:
            empty = self._store.open_session(
                self._device, started_at=now, status="recording", **values
            ).id
        self._store.update_session(empty, device_session=number or None, status="recording")
        self._end = belonging.End(number)
        return empty

    async def _caught_up(self, monitor: Monitor) -> None:
        """Nothing is told to the monitor."""

    async def _end_when_due(self, monitor: Monitor, now: float) -> None:
        """Nor does anything here end its session."""

    def _over(self, monitor: Monitor) -> bool:
        if self._last_seq is not None:
            self.complete = super()._over(monitor)
            return self.complete
        flow = monitor.flow
        if flow is None or self._target is None or flow.next_seq <= self._target:
            return False
        self.strips.close()
        if self.strips.busy:
            ticks = self._clock.ticks()
            if not self.strips.working(ticks) and ticks > self._drain_until:
                raise LinkLost("The monitor stopped sending its ECG.")
            return False
        self._store.mark_interrupted(self._session(), "fetched so far; the monitor may go on")
        settle(self._store, self._session())
        self._tell(events.Finished(self._clock.now(), self._session(), self.count))
        return True
