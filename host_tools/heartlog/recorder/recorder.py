"""The recorder: see the package's text."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from heartlog.ble import Backend, Found, find_again, find_monitor
from heartlog.ble.cancellation import Heed
from heartlog.errors import CommandError
from heartlog.link import Batch, EcgBlock, LinkLost, Monitor, Record
from heartlog.link.flow import RecordFlow
from heartlog.recorder import belonging, events
from heartlog.recorder.claim import Claim
from heartlog.recorder.scale import Scale
from heartlog.recorder.sealed import Sealed, not_here
from heartlog.recorder.strips import StripFetcher
from heartlog.recorder.trying import Trying, words
from heartlog.recorder.zone import own_zone
from heartlog.store import Store
from heartlog.store.extent import settle

COMMIT_SECONDS = 1.0
"""Records wait this long at most for their transaction (backend's clock)."""
COMMIT_RECORDS = 400
SYNC_SECONDS = 600.0
"""Clocks are compared this often: a 20 ppm crystal strays 12 ms meanwhile."""
AGAIN_SECONDS = 15.0
"""So soon again when the front end made no samples to compare by."""
SEARCH_SECONDS = 10.0
CLOCK_STEP = 0.1
"""A computer's clock that was set by more than this (s) is compared at once."""
DRAIN_SECONDS = 60.0
"""How long the end of a session waits while no more of its records come."""

Listener = Callable[[events.Event], None]


class Recorder:
    """Records one monitor. Several may run at once, each with its own monitor.

    `wanted`: a part of the monitor's name or address, None for the only one in range;
    `session`: columns of the store's session (patient_id, notes, ...); `on_event`: told
    everything that happens (`recorder.events`).
    """

    def __init__(
        self,
        store: Store,
        backend: Backend,
        *,
        wanted: str | None = None,
        found: Found | None = None,
        session: dict[str, Any] | None = None,
        on_event: Listener | None = None,
        on_ecg: Callable[[EcgBlock], None] | None = None,
    ) -> None:
        self._store = store
        self._backend = backend
        self._clock = backend.clock
        self._wanted = wanted
        self._found = found
        self._values = dict(session or {})
        self._tell = on_event or (lambda event: None)
        self._stopping = asyncio.Event()
        self.strips = StripFetcher(store, on_ecg)
        """Fetches strips; set its `live` to have live ECG delivered to `on_ecg`."""
        self._scale = Scale()
        self._sealed = Sealed(store)
        self.session_id: int | None = None
        self.monitor: Monitor | None = None
        """The monitor while it is connected."""
        self.count = self._beats = 0
        """Records stored since the start."""
        self._resumed = False  # the session was begun by an earlier recorder
        self._heard = False  # records have come: from then on a lost monitor is sought again
        self._pending: list[Record] = []
        self._pending_since = 0.0
        self._device = ""
        self._journal = 0
        self._newest = 0
        self._claim: Claim | None = None
        self._trying = Trying()
        self._end = belonging.End(0)  # with the number by which the monitor knows the session
        self._rest = False  # the monitor has ended it: what it has of it is fetched
        self._until: int | None = None  # where the records were that the monitor had by then
        self._ends_at: float | None = None
        self._last_seq: int | None = None  # of the session's end; recording goes on up to it
        self._drain_until = 0.0
        self._ended_here = False
        self._next_sync = self._set_to = 0.0

    def stop(self) -> None:
        """Ends the session as it should end: `run` returns when its last record is stored."""
        self._stopping.set()

    async def run(self, seconds: float | None = None) -> int:
        """Records until `stop()`, or for `seconds`; returns the store's session number.

        Raises NotFound when no monitor is in range at the start, and what the store raises when
        it can't be written: the monitor then keeps what was not stored.
        """
        heed = Heed()
        try:
            while True:
                heed.check()
                try:
                    async with contextlib.AsyncExitStack() as stack:
                        async with self._backend.radio:
                            found = await self._connect(self._heard)
                            monitor = await stack.enter_async_context(found)
                        self.monitor = monitor
                        try:
                            if await self._follow(monitor, seconds):
                                break
                        finally:
                            self.monitor = None
                except Exception as error:
                    heed.check()  # else what failed as it was put away would hide it
                    reason = self._trying.reason(error, self._heard, self._found)
                    if self.session_id is None and self._stopping.is_set():
                        raise
                self._commit()
                self._tell(events.Lost(self._clock.now(), reason))
                if self._stopping.is_set() and not self._draining():
                    self._interrupt("stopped while the monitor was out of reach")
                    break
                await asyncio.sleep(self._trying.pause())
        except BaseException as error:
            self._interrupt(words(error))
            raise
        finally:
            if self._claim is not None:
                self._claim.release()
        assert self.session_id is not None
        return self.session_id

    def _interrupt(self, reason: str) -> None:
        if self.session_id is not None and (self._heard or not self._resumed):
            try:
                self._commit()
                self._store.mark_interrupted(self.session_id, reason)
                settle(self._store, self.session_id)
            except CommandError:
                pass  # the store itself has failed; a session left "recording" is resumed too

    # Finding and connecting

    async def _connect(self, again: bool) -> Monitor:
        self._tell(events.Searching(self._clock.now(), again))
        if self._found is None:
            self._found = await find_monitor(self._backend, self._wanted, SEARCH_SECONDS)
        elif again:
            copies = self._trying.copies
            self._found = await find_again(self._backend, self._found, copies, SEARCH_SECONDS)
        return Monitor(self._backend, self._found.device, self._found.key)

    async def _follow(self, monitor: Monitor, seconds: float | None) -> bool:
        """Records over one connection; True when the session is over, LinkLost when it broke."""
        status = await monitor.status()
        info = monitor.info
        address = self._found.address if self._found is not None else ""
        self._tell(events.Connected(self._clock.now(), info, status, address))
        if self._device and (info.device_id, info.journal) != (self._device, self._journal):
            raise CommandError(
                "The monitor that answers is another one, or its memory was erased.",
                "The session so far is stored. Start a new one: heartlog record",
            )
        self._device, self._journal = info.device_id, info.journal
        if self._claim is None:
            self._claim = Claim(info.device_id)
            self._claim.take()
        oldest = status["first_seq"]
        after = max(self._store.committed_seq(self._device, self._journal, oldest), oldest - 1)
        after = self._sealed.resume(self._device, self._journal, after)
        # Whoever has the records has the session: a second computer changes nothing in its store.
        await monitor.take(after)
        await self._open_session(monitor, status)
        if self._ends_at is None and seconds is not None:
            self._ends_at = self._clock.ticks() + seconds
        await self._synchronize(monitor)
        self._newest = max(self._newest, status["next_seq"] - 1)
        self.strips.connected(monitor)
        self._scale.of_session(self._store, self._session())
        async for batch in monitor.records(after):
            self._trying.worked()
            if not self._heard:
                self._heard = True
                self._store.mark_recording(self._session())
            now = self._clock.ticks()
            self._take(batch, now)
            if await self._commit_when_due(monitor, now) and self._over(monitor):
                if not self._rest:
                    return True
                await self._next_session(monitor)
            await self._caught_up(monitor)
            if self._last_seq is None and (now >= self._next_sync or self._clock_was_set()):
                await self._synchronize(monitor)
            await self._end_when_due(monitor, now)
            if self.session_id is not None:
                await self.strips.step(
                    monitor, now, self.session_id, self._scale.rate, self._scale.nv_per_code
                )
        raise LinkLost("The monitor has disconnected.")

    async def _open_session(self, monitor: Monitor, status: dict[str, int]) -> None:
        if self.session_id is not None:
            self._store.mark_recording(self.session_id)
            if self._last_seq is None and status["session"] != self._end.number:
                self._until = status["next_seq"] - 1  # its end may be among what is to come
            return
        found = belonging.resume(self._store, self._device, self._journal, status)
        if found is None or found.how == belonging.NEW:
            await self._begin_session(monitor, None if found is None else found.session.id)
            return
        self.session_id, self._resumed = found.session.id, True
        self._end = belonging.end_of(self._store, found.session)
        self._rest = found.how == belonging.REST
        if self._rest:
            self._until = status["next_seq"] - 1
        self._tell(events.SessionOpened(self._clock.now(), found.session.id, True))

    async def _begin_session(self, monitor: Monitor, empty: int | None = None) -> None:
        """A new session in the store (or the one that was begun and never got anything), which
        the monitor is told of: its number is one that no other store gives."""
        now = self._clock.now()
        info = monitor.info
        values: dict[str, Any] = {"firmware": info.firmware, "board": info.model}
        values.update({"time_zone": own_zone(), **self._values})
        if empty is None:
            empty = self._store.open_session(
                self._device, started_at=now, status="recording", **values
            ).id
        self.session_id, self._resumed, self._rest = empty, False, False
        self._beats = 0
        self._end = belonging.End(belonging.new_number())
        values.update(started_at=now, status="recording", device_session=self._end.number)
        self._store.update_session(empty, **values)
        await monitor.start_session(self._end.number)
        self._tell(events.SessionOpened(self._clock.now(), empty, False))

    async def _next_session(self, monitor: Monitor) -> None:
        """An earlier session is done with; what follows belongs to the one that was asked for."""
        self._last_seq = self._until = None
        self.session_id = None
        await self._begin_session(monitor)
        self._scale.of_session(self._store, self._session())
        await self._synchronize(monitor)

    async def _caught_up(self, monitor: Monitor) -> None:
        """All is here that the monitor had when it said that it was in no session, or in another:
        the session's end was not among it."""
        flow = monitor.flow
        if self._until is None or flow is None or flow.next_seq <= self._until:
            return
        self._commit()
        self._until = None
        if self._last_seq is not None:
            return
        if self._rest:
            self._store.mark_interrupted(self._session(), "the monitor does not know its end")
            settle(self._store, self._session())
            await self._next_session(monitor)
        else:
            await monitor.start_session(self._end.number)

    def _session(self) -> int:
        assert self.session_id is not None
        return self.session_id

    async def _synchronize(self, monitor: Monitor) -> None:
        self._set_to = self._clock.now() - self._clock.ticks()
        point = await monitor.synchronize()
        wait = AGAIN_SECONDS if point.vague else SYNC_SECONDS
        self._next_sync = self._clock.ticks() + wait
        if not point.vague:
            self._tell(events.Synchronized(self._clock.now(), point.uncertainty_us / 1000))

    def _clock_was_set(self) -> bool:
        """Whether somebody set the computer's clock since the clocks were compared."""
        return abs(self._clock.now() - self._clock.ticks() - self._set_to) > CLOCK_STEP

    # Records

    def _take(self, batch: Batch, now: float) -> None:
        self._newest = max(self._newest, batch.newest)
        for first, last in batch.missing:
            self._commit()
            self._store.mark_lost(self._device, first, last, self._journal)
            self._tell(events.Missing(self._clock.now(), first, last))
        if batch.locked and self.monitor is not None and self.monitor.flow is not None:
            self._tell_locked(self.monitor.flow, batch.locked)
            batch.records = not_here(self._store, self._device, self._journal, batch.records)
            self._sealed.pass_over(self._device, self._journal, self.monitor.flow)
        if batch.records:
            if not self._pending:
                self._pending_since = now
            self._pending += batch.records
            self._drain_until = now + DRAIN_SECONDS
        if batch.records or batch.early:
            last = batch.records[-1].seq if batch.records else 0
            behind = max(0, self._newest - last) if last else len(batch.early)
            self._tell(events.Arrived(self._clock.now(), batch.records, batch.early, behind))

    def _tell_locked(self, flow: RecordFlow, ranges: list[tuple[int, int]]) -> None:
        self.strips.hold = True
        for first, last in self._sealed.note(ranges):
            keys = frozenset(flow.locked_keys)
            self._tell(events.Locked(self._clock.now(), first, last, keys))

    async def _commit_when_due(self, monitor: Monitor, now: float) -> bool:
        """Commits and acknowledges when it is time; True when nothing of the session is left."""
        if self._pending and (
            len(self._pending) >= COMMIT_RECORDS
            or now - self._pending_since >= COMMIT_SECONDS
            or self._last_seq is not None
        ):
            seq = self._commit()
            if seq is not None:
                await monitor.acknowledge(self._sealed.most(seq))
        return not self._pending or self._behind_the_end(self._pending[0])

    def _behind_the_end(self, record: Record) -> bool:
        return self._last_seq is not None and record.seq > self._last_seq

    def _commit(self) -> int | None:
        """Stores what belongs to the session of what has come; the last number, if any."""
        if not self._pending or self.session_id is None:
            return None
        if self._last_seq is None:
            self._last_seq = self._end.among(self._pending)
        records = [r for r in self._pending if not self._behind_the_end(r)]
        if not records:
            return None
        self.count += self._store.append(
            self.session_id, records, self._journal, self._clock.now()
        )
        self._beats += sum(record.name == "beat" for record in records)
        self._pending = self._pending[len(records) :]
        for record in records:
            if record.name == "boot":
                self._scale.of_boot(self._store, self.session_id, record)
            elif record.name == "strip":
                self.strips.announce(record)
        self._tell(events.Committed(self._clock.now(), records[-1].seq, self.count, self._beats))
        return records[-1].seq

    # The end

    def _draining(self) -> bool:
        """Whether the session has ended and its last records are still worth waiting for."""
        return self._last_seq is not None and self._clock.ticks() <= self._drain_until

    async def _end_when_due(self, monitor: Monitor, now: float) -> None:
        due = self._ends_at is not None and now >= self._ends_at
        if self._last_seq is None and not self._rest and (due or self._stopping.is_set()):
            await self._synchronize(monitor)
            self._ended_here = True
            self._last_seq = await monitor.stop_session()
            self._drain_until = now + DRAIN_SECONDS

    def _over(self, monitor: Monitor) -> bool:
        """Whether the session's last record is stored; marks the session complete."""
        if self._last_seq is None or monitor.flow is None or self.session_id is None:
            return False
        if monitor.flow.next_seq <= self._last_seq:
            if not self._draining():
                raise LinkLost("The monitor stopped sending before the session's last record.")
            return False
        self.strips.close()
        if self.strips.busy and (self._draining() or self.strips.working(self._clock.ticks())):
            return False
        self._store.mark_complete(self.session_id, self._clock.now())
        settle(self._store, self.session_id)
        now = self._clock.now()
        if self._rest:
            self._tell(events.Completed(now, self.session_id, self.count))
        else:
            self._tell(events.Finished(now, self.session_id, self.count, not self._ended_here))
        return True
