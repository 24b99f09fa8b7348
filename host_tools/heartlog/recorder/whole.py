"""Fetches the whole ECG that a monitor keeps, beside its records.

    whole = await WholeEcg.of(monitor, store)      # None: this monitor keeps strips only
    whole.take(block)                              # each block that comes
    await whole.step(monitor, now, session_id, rate, nv_per_code)

One stream for what was kept and for what is being made: it begins behind the last number that the
store has, and goes on as long as the connection. What came is committed first; then the monitor
is told that it may go.
"""

from __future__ import annotations

from heartlog._firmware.monitor.link import wire
from heartlog.link import EcgBlock, EcgFlow, Monitor, RequestRefused
from heartlog.store import Store, whole_ecg

COMMIT_BLOCKS = 120
COMMIT_SECONDS = 10.0
SETTLE_SECONDS = 1.0
"""How long a monitor takes at most to keep the last block of a session that has ended."""
PATIENCE_SECONDS = 3.0
"""Without a block for so long, though there are some, the stream is begun again."""
TRIES = 3
"""So often a block that did not arrive whole is asked for; then it is taken to be damaged."""


class WholeEcg:
    """One connection's; `expected`: the number that comes next; `target`: all below it were there
    when somebody last asked the monitor."""

    def __init__(self, store: Store, journal: int, following: int, after: int) -> None:
        self._store = store
        self._journal = journal
        self.expected = after + 1
        self.target = following
        self.fetched = 0
        """Blocks that were stored in this connection."""
        self._committed = after
        self._pending: list[EcgBlock] = []
        self._pending_since = 0.0
        self.heard = 0.0
        """When the last block came (backend's clock)."""
        self.hold = False
        """Nothing is acknowledged: see `StripFetcher.hold`."""
        self._flow: EcgFlow | None = None
        self._stream = 0
        """The flow's stream that is ours; below it, blocks are of an earlier one."""
        self._losses = -1
        self._tries = 0
        self._again = True
        self._now = 0.0
        self._closing = 0.0
        self._looked = False

    @classmethod
    async def of(cls, monitor: Monitor, store: Store) -> WholeEcg | None:
        """What this monitor has, from where the store ends."""
        found = await stored_range(monitor)
        if found is None or not found[3] & wire.ECG_IS_WHOLE:
            return None
        info = monitor.info
        first, following = found[0], found[1]
        after = whole_ecg.committed(store, info.device_id, info.journal, first)
        return cls(store, info.journal, following, after)

    @property
    def behind(self) -> int:
        """How many numbers are not here of what the monitor is known to have."""
        return max(0, self.target - self.expected)

    @property
    def caught_up(self) -> bool:
        """Whether all that was there is stored; what has been made since may still come."""
        waiting = bool(self._pending) and self._pending[0].number < self.target
        return self.behind == 0 and not waiting

    async def look(self, monitor: Monitor) -> None:
        """Asks what there is now: `caught_up` then means that, too."""
        found = await stored_range(monitor)
        if found is not None:
            self.target = found[1]

    def close(self) -> None:
        """The session is over: what is being made now is its last ECG."""
        if self._closing == 0.0:
            self._closing = self._now

    @property
    def busy(self) -> bool:
        """Whether something is still to come: of what was there, or of a session that ended."""
        return not self.caught_up or (self._closing != 0.0 and not self._looked)

    def take(self, block: EcgBlock) -> bool:
        """Takes a block; True when it is the newest, as far as is known."""
        self.heard = self._now
        flow = self._flow
        if flow is None or flow.streams < self._stream or block.number < self.expected:
            return False  # of the stream before
        if self._losses < 0:
            self._losses = flow.losses_before
        if block.number > self.expected and flow.losses != self._losses and self._tries <= TRIES:
            self._again = True  # something was lost on the way: that block once more
            return False
        self._losses = flow.losses
        self._tries = 0
        if not self._pending:
            self._pending_since = self._now
        self._pending.append(block)
        self.expected = block.number + 1
        return self.expected >= self.target

    async def step(
        self, monitor: Monitor, now: float, session_id: int, rate: float, nv_per_code: float
    ) -> None:
        """Begins the stream, and again when it is broken; commits when it is time."""
        self._now = now
        quiet = self.behind > 0 and now - self.heard > PATIENCE_SECONDS
        if self._pending and (
            len(self._pending) >= COMMIT_BLOCKS
            or now - self._pending_since >= COMMIT_SECONDS
            or quiet
            or (self.behind == 0 and self._closing)
        ):
            await self._commit(monitor, session_id, rate, nv_per_code)
        if self._again or quiet:
            await self._begin(monitor)
        if self._closing and not self._looked and now - self._closing > SETTLE_SECONDS:
            await self.look(monitor)
            self._looked = True

    async def _begin(self, monitor: Monitor) -> None:
        self._tries += 1
        self._again = False
        self._flow = monitor.ecg_flow
        self._stream, self._losses = self._flow.streams + 1, -1
        wanted = self.expected
        began = await monitor.fetch_ecg(wanted, 0)
        self.heard = self._now
        if self.expected == wanted < began:  # what lies between does not exist any more
            self.expected = began

    async def _commit(
        self, monitor: Monitor, session_id: int, rate: float, nv_per_code: float
    ) -> None:
        blocks, self._pending = self._pending, []
        try:
            self.fetched += whole_ecg.append(
                self._store,
                session_id,
                blocks,
                self._journal,
                expected=self._committed + 1,
                rate=rate,
                nv_per_code=nv_per_code,
            )
        except BaseException:
            self._pending = blocks + self._pending
            raise
        self._committed = blocks[-1].number
        if not self.hold:
            await monitor.request(wire.ECG_ACK, self._committed)


async def stored_range(monitor: Monitor) -> tuple[int, int, int, int] | None:
    """(first, next, acknowledged, flags) of the stored ECG; None where nothing is stored."""
    try:
        first, following, acked, flags = await monitor.request(wire.ECG_RANGE)
    except RequestRefused as error:
        if error.result in (wire.NO_OPCODE, wire.NO_OPERAND):
            return None
        raise
    return first, following, acked, flags
