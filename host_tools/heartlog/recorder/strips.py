"""Fetches the strips of raw ECG that a monitor announces, beside the records.

The monitor sends one ECG stream at a time: live, or stored blocks. `StripFetcher` asks for the
strips one after the other, gives live ECG back to whoever wanted it, and stores what came.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from heartlog.link import EcgBlock, Monitor, Record, RequestRefused
from heartlog.store import Store

PATIENCE_SECONDS = 10.0
"""Without a block for so long, the fetch is begun again where it stopped, at most TRIES times."""
TRIES = 3


@dataclass
class _Wanted:
    strip: int
    first: int
    count: int
    tries: int = 0
    blocks: dict[int, EcgBlock] = field(default_factory=dict)


class StripFetcher:
    """One recorder's strips; `live`: whether live ECG is wanted in between."""

    def __init__(self, store: Store, on_live: Callable[[EcgBlock], None] | None) -> None:
        self._store = store
        self._on_live = on_live
        self._queue: deque[_Wanted] = deque()
        self._current: _Wanted | None = None
        self._heard = 0.0
        self._now = 0.0
        self.fetched = 0
        """Strips that were stored."""
        self.live = False
        self._running = False

    def announce(self, record: Record) -> None:
        """A STRIP record was committed; a second one of the same strip replaces the first."""
        values = record.values
        for wanted in list(self._queue):
            if wanted.strip == values["strip"] and wanted.first == values["block"]:
                self._queue.remove(wanted)
        self._queue.append(_Wanted(values["strip"], values["block"], values["blocks"]))

    @property
    def busy(self) -> bool:
        """Whether strips are still to be fetched."""
        return self._current is not None or bool(self._queue)

    def connected(self, monitor: Monitor) -> None:
        """A new connection: what was under way is asked for again."""
        monitor.on_ecg = self._take
        self._running = False
        if self._current is not None:
            self._queue.appendleft(self._current)
            self._current = None

    def _take(self, block: EcgBlock) -> None:
        self._heard = self._now
        wanted = self._current
        if wanted is None:
            if self._on_live is not None:
                self._on_live(block)
        elif wanted.first <= block.number < wanted.first + wanted.count:
            wanted.blocks[block.number] = block

    async def step(
        self, monitor: Monitor, now: float, session_id: int, rate: float, nv_per_code: float
    ) -> None:
        """Called with every turn of the record loop; begins, ends and repeats fetches."""
        self._now = now
        wanted = self._current
        if wanted is not None:
            last = wanted.first + wanted.count - 1
            whole = len(wanted.blocks) == wanted.count
            if whole or last in wanted.blocks or now - self._heard > PATIENCE_SECONDS:
                self._current = None
                if not whole and wanted.tries < TRIES:
                    wanted.tries += 1
                    self._queue.appendleft(wanted)
                else:
                    self._keep(wanted, session_id, rate, nv_per_code, monitor.info.journal)
        if self._current is None and self._queue:
            await self._begin(monitor, self._queue.popleft())
        elif self._current is None and self.live != self._running:
            self._running = self.live
            await (monitor.start_ecg() if self.live else monitor.stop_ecg())

    async def _begin(self, monitor: Monitor, wanted: _Wanted) -> None:
        missing = [
            n for n in range(wanted.first, wanted.first + wanted.count) if n not in wanted.blocks
        ]
        self._current = wanted
        self._heard = self._now
        self._running = False
        try:
            await monitor.fetch_ecg(missing[0], missing[-1] - missing[0] + 1)
        except RequestRefused:
            self._current = None  # an older monitor, or one without room for strips

    def _keep(
        self, wanted: _Wanted, session_id: int, rate: float, nv_per_code: float, journal: int
    ) -> None:
        for number in sorted(wanted.blocks):
            block = wanted.blocks[number]
            self._store.append_ecg(
                session_id,
                wanted.strip,
                block.first,
                block.codes,
                rate=rate,
                nv_per_code=nv_per_code,
                channel=block.channel + 1,
                boot=block.boot,
                journal=journal,
            )
        self.fetched += 1
