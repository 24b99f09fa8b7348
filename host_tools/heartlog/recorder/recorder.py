"""The recorder: see the package's text."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from heartlog._firmware.monitor.link import wire
from heartlog.ble import Backend, Found, find_monitor
from heartlog.errors import CommandError, NotFound
from heartlog.link import Batch, EcgBlock, LinkLost, Monitor, Record, RequestRefused
from heartlog.recorder import events
from heartlog.recorder.claim import Claim
from heartlog.recorder.strips import StripFetcher
from heartlog.store import Store

COMMIT_SECONDS = 1.0
"""Records wait this long at most for their transaction (backend's clock)."""
COMMIT_RECORDS = 400
SYNC_SECONDS = 600.0
"""Clocks are compared this often: a 20 ppm crystal strays 12 ms meanwhile."""
SEARCH_SECONDS = 10.0
RETRY_SECONDS = (0.0, 0.5, 1.0, 2.0, 5.0)
FIRST_TRIES = 4
"""A connection that breaks before anything was heard is tried again so often; later ones for as
long as it takes."""
TAKEN_SECONDS = 10.0
"""A monitor that serves somebody else is asked again for so long (real seconds): it may be our own
connection of a moment ago, which it takes for alive until the supervision timeout."""
DRAIN_SECONDS = 60.0
"""How long the end of a session waits for its last records."""

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
        self._rate, self._nv_per_code = 250.0, 0.0
        self.session_id: int | None = None
        self.monitor: Monitor | None = None
        """The monitor while it is connected."""
        self.count = 0
        """Records stored since the start."""
        self._resumed = False  # the session was begun by an earlier recorder
        self._heard = False  # records have come: from then on a lost monitor is sought again
        self._pending: list[Record] = []
        self._pending_since = 0.0
        self._device = ""
        self._journal = 0
        self._newest = 0
        self._acknowledged = 0
        self._claim: Claim | None = None
        self._tries = 0  # since the last connection
        self._taken_since: float | None = None
        self._ends_at: float | None = None
        self._last_seq: int | None = None  # of the session's end; recording goes on up to it
        self._drain_until = 0.0

    def stop(self) -> None:
        """Ends the session as it should end: `run` returns when its last record is stored."""
        self._stopping.set()

    async def run(self, seconds: float | None = None) -> int:
        """Records until `stop()`, or for `seconds`; returns the store's session number.

        Raises NotFound when no monitor is in range at the start, and what the store raises when
        it can't be written: the monitor then keeps what was not stored.
        """
        try:
            while True:
                try:
                    async with await self._connect(self._heard) as monitor:
                        self.monitor = monitor
                        try:
                            if await self._follow(monitor, seconds):
                                break
                        finally:
                            self.monitor = None
                except Exception as error:
                    reason = self._reason_to_go_on(error)
                    if self.session_id is None and self._stopping.is_set():
                        raise
                self._commit()
                if self._stopping.is_set():
                    self._interrupt("stopped while the monitor was out of reach")
                    break
                self._tell(events.Lost(self._clock.now(), reason))
                await asyncio.sleep(RETRY_SECONDS[min(self._tries, len(RETRY_SECONDS) - 1)])
                self._tries += 1
        except BaseException as error:
            self._interrupt(
                _words(error) if isinstance(error, Exception) else type(error).__name__
            )
            raise
        finally:
            if self._claim is not None:
                self._claim.release()
        assert self.session_id is not None
        return self.session_id

    def _reason_to_go_on(self, error: Exception) -> str:
        """Why the connection ended, in words, when another try may help; else raises."""
        if isinstance(error, RequestRefused):
            if error.result != wire.REFUSED:
                raise error
            now = time.monotonic()
            if not self._heard and self._taken_since is None:
                self._taken_since = now
            if not self._heard and now - (self._taken_since or now) > TAKEN_SECONDS:
                raise NotFound(error.message, error.hint) from error
            return "the monitor serves another program, or still our connection of before"
        if not (isinstance(error, (LinkLost, NotFound)) or _is_radio(error)):
            raise error
        if not self._heard and (isinstance(error, NotFound) or self._tries >= FIRST_TRIES):
            raise error
        return error.message if isinstance(error, CommandError) else _words(error)

    def _interrupt(self, reason: str) -> None:
        if self.session_id is not None and (self._heard or not self._resumed):
            try:
                self._commit()
                self._store.mark_interrupted(self.session_id, reason)
            except CommandError:
                pass  # the store itself has failed; a session left "recording" is resumed too

    # Finding and connecting

    async def _connect(self, again: bool) -> Monitor:
        self._tell(events.Searching(self._clock.now(), again))
        if self._found is None or again:
            wanted = self._found.address if self._found is not None else self._wanted
            self._found = await find_monitor(self._backend, wanted, SEARCH_SECONDS)
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
        # Whoever has the records has the session: a second computer changes nothing in its store.
        await monitor.take(after)
        await self._open_session(monitor, status)
        if self._ends_at is None and seconds is not None:
            self._ends_at = self._clock.now() + seconds
        await self._synchronize(monitor)
        next_sync = self._clock.now() + SYNC_SECONDS
        self._acknowledged = status["acked_seq"]
        self._newest = max(self._newest, status["next_seq"] - 1)
        self.strips.connected(monitor)
        self._learn_scale()
        async for batch in monitor.records(after):
            self._tries = 0
            if not self._heard:
                self._heard = True
                self._store.mark_recording(self._session())
            now = self._clock.now()
            self._take(batch, now)
            if await self._commit_when_due(monitor, now) and self._over(monitor):
                return True
            if now >= next_sync and self._last_seq is None:
                await self._synchronize(monitor)
                next_sync = now + SYNC_SECONDS
            await self._end_when_due(monitor, now)
            if self.session_id is not None:
                await self.strips.step(
                    monitor, now, self.session_id, self._rate, self._nv_per_code
                )
        raise LinkLost("The monitor has disconnected.")

    async def _open_session(self, monitor: Monitor, status: dict[str, int]) -> None:
        if self.session_id is not None:
            self._store.mark_recording(self.session_id)
            if self._last_seq is None and not status["session"]:
                await monitor.start_session(self._number())
            return
        number = status["session"]
        for session in self._store.open_sessions(self._device) if number else []:
            if session.device_session == number:
                self.session_id, self._resumed = session.id, True
                self._tell(events.SessionOpened(self._clock.now(), session.id, True))
                return
        session = self._store.open_session(
            self._device,
            started_at=self._clock.now(),
            status="recording",
            firmware=monitor.info.firmware,
            board=monitor.info.model,
            **self._values,
        )
        self.session_id = session.id
        await monitor.start_session(self._number())
        self._store.update_session(session.id, device_session=self._number())
        self._tell(events.SessionOpened(self._clock.now(), session.id, False))

    def _session(self) -> int:
        assert self.session_id is not None
        return self.session_id

    def _number(self) -> int:
        """The number by which the monitor knows the session."""
        assert self.session_id is not None
        return self.session_id % 0x3FFFFFFF + 1

    async def _synchronize(self, monitor: Monitor) -> None:
        point = await monitor.synchronize()
        self._tell(events.Synchronized(self._clock.now(), point.uncertainty_us / 1000))

    # Records

    def _take(self, batch: Batch, now: float) -> None:
        self._newest = max(self._newest, batch.newest)
        for first, last in batch.missing:
            self._commit()
            self._store.mark_lost(self._device, first, last, self._journal)
            self._tell(events.Missing(now, first, last))
        if batch.records:
            if not self._pending:
                self._pending_since = now
            self._pending += batch.records
        if batch.records or batch.early:
            last = batch.records[-1].seq if batch.records else 0
            behind = max(0, self._newest - last) if last else len(batch.early)
            self._tell(events.Arrived(now, batch.records, batch.early, behind))

    async def _commit_when_due(self, monitor: Monitor, now: float) -> bool:
        """Commits and acknowledges when it is time; True when nothing is left uncommitted."""
        if self._pending and (
            len(self._pending) >= COMMIT_RECORDS
            or now - self._pending_since >= COMMIT_SECONDS
            or self._last_seq is not None
        ):
            seq = self._pending[-1].seq
            self._commit()
            await monitor.acknowledge(seq)
            self._acknowledged = seq
        return not self._pending

    def _commit(self) -> None:
        if not self._pending or self.session_id is None:
            return
        records, self._pending = self._pending, []
        try:
            self.count += self._store.append(
                self.session_id, records, self._journal, self._clock.now()
            )
        except BaseException:
            self._pending = records
            raise
        for record in records:
            if record.name == "boot":
                self._learn_boot(record)
            elif record.name == "strip":
                self.strips.announce(record)
        self._tell(events.Committed(self._clock.now(), records[-1].seq, self.count))

    def _learn_boot(self, record: Record) -> None:
        assert self.session_id is not None
        values = record.values
        if values["rate"] and values["pv_per_code"]:
            self._rate, self._nv_per_code = float(values["rate"]), values["pv_per_code"] / 1000
            self._store.update_session(
                self.session_id,
                rate=float(values["rate"]),
                nv_per_code=values["pv_per_code"] / 1000,
            )

    def _learn_scale(self) -> None:
        """Rate and scale as an earlier run stored them: this one may begin behind the boot."""
        assert self.session_id is not None
        session = self._store.session(self.session_id)
        self._rate = session.rate
        self._nv_per_code = session.nv_per_code or self._nv_per_code

    # The end

    async def _end_when_due(self, monitor: Monitor, now: float) -> None:
        due = self._ends_at is not None and now >= self._ends_at
        if self._last_seq is None and (due or self._stopping.is_set()):
            await self._synchronize(monitor)
            self._last_seq = await monitor.stop_session()
            self._drain_until = now + DRAIN_SECONDS

    def _over(self, monitor: Monitor) -> bool:
        """Whether the session's last record is stored; marks the session complete."""
        if self._last_seq is None or monitor.flow is None or self.session_id is None:
            return False
        if monitor.flow.next_seq <= self._last_seq:
            if self._clock.now() > self._drain_until:
                raise LinkLost("The monitor stopped sending before the session's last record.")
            return False
        if self.strips.busy and self._clock.now() <= self._drain_until:
            return False
        self._store.mark_complete(self.session_id, self._clock.now())
        self._tell(events.Finished(self._clock.now(), self.session_id, self.count))
        return True


def _is_radio(error: Exception) -> bool:
    """Whether another try may help: bleak's errors and the operating system's about the link."""
    from bleak.exc import BleakError

    return isinstance(error, (BleakError, ConnectionError, TimeoutError, EOFError))


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
