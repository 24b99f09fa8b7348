"""Fetches the strips of raw ECG that a monitor announces, beside the records; or all its ECG.

A monitor that keeps the whole ECG has its strips as parts of it (`whole`). Of another, the strips
are fetched one after the other, also those that an earlier recorder did not get to; it sends one
ECG stream at a time, so live ECG is given back in between to whoever wanted it.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from heartlog._firmware.monitor.link import wire
from heartlog.link import EcgBlock, Monitor, Record, RequestRefused
from heartlog.recorder.whole import WholeEcg
from heartlog.store import Store, whole_ecg

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
        self.hold = False
        """Nothing is acknowledged: the monitor holds what another computer alone can read."""
        self._running = False
        self.whole: WholeEcg | None = None
        """The whole ECG, while a monitor is connected that keeps it."""
        self._asked = False

    def announce(self, record: Record) -> None:
        """A STRIP record was committed; a second one of the same strip replaces the first."""
        values = record.values
        for wanted in list(self._queue):
            if wanted.strip == values["strip"] and wanted.first == values["block"]:
                self._queue.remove(wanted)
        self._queue.append(_Wanted(values["strip"], values["block"], values["blocks"]))

    @property
    def busy(self) -> bool:
        """Whether strips, or whole ECG, are still to be fetched."""
        if self.whole is not None:
            return self.whole.busy
        return self._current is not None or bool(self._queue)

    def working(self, now: float) -> bool:
        """Whether blocks have come in the last seconds."""
        heard = self._heard if self.whole is None else self.whole.heard
        return now - heard < PATIENCE_SECONDS

    def close(self) -> None:
        """The session is over; its last ECG is waited for."""
        if self.whole is not None:
            self.whole.close()

    def connected(self, monitor: Monitor) -> None:
        """A new connection: what was under way is asked for again."""
        monitor.on_ecg = self._take
        self._running = self._asked = False
        self.whole = None
        if self._current is not None:
            self._queue.appendleft(self._current)
            self._current = None

    async def _ask(self, monitor: Monitor, session_id: int) -> None:
        """What the monitor keeps, and what of its strips an earlier recorder has left there."""
        self._asked = True
        self.whole = await WholeEcg.of(monitor, self._store)
        if self.whole is not None:
            return
        info = monitor.info
        for left in whole_ecg.missing_strips(self._store, info.device_id, info.journal):
            if left.session_id == session_id:
                self._want(left.strip, left.block, left.blocks)

    def _want(self, strip: int, first: int, count: int) -> None:
        if all((w.strip, w.first) != (strip, first) for w in self._queue):
            self._queue.append(_Wanted(strip, first, count))

    def _take(self, block: EcgBlock) -> None:
        self._heard = self._now
        if self.whole is not None:
            if self.whole.take(block) and self._on_live is not None:
                self._on_live(block)
            return
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
        if not self._asked:
            await self._ask(monitor, session_id)
        if self.whole is not None:
            self._queue.clear()  # a strip is a part of the whole
            self.whole.hold = self._held(monitor)
            await self.whole.step(monitor, now, session_id, rate, nv_per_code)
            return
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
                    if whole and not self._queue and not self._held(monitor):
                        # all before it is here, too
                        with contextlib.suppress(RequestRefused):  # an older monitor
                            await monitor.request(wire.ECG_ACK, last)
        if self._current is None and self._queue:
            await self._begin(monitor, self._queue.popleft())
        elif self._current is None and self.live != self._running:
            self._running = self.live
            await (monitor.start_ecg() if self.live else monitor.stop_ecg())

    def _held(self, monitor: Monitor) -> bool:
        return self.hold or (monitor.flow is not None and monitor.flow.locked_pages > 0)

    async def _begin(self, monitor: Monitor, wanted: _Wanted) -> None:
        missing = [
            n for n in range(wanted.first, wanted.first + wanted.count) if n not in wanted.blocks
        ]
        self._current = wanted
        self._heard = self._now
        self._running = False
        try:
            began = await monitor.fetch_ecg(missing[0], missing[-1] - missing[0] + 1)
            if began > missing[-1]:  # there is nothing of it any more
                wanted.tries = TRIES
                self._heard = -PATIENCE_SECONDS
        except RequestRefused:
            self._current = None  # an older monitor, or one without room for strips

    def _keep(
        self, wanted: _Wanted, session_id: int, rate: float, nv_per_code: float, journal: int
    ) -> None:
        device_id = self._store.session(session_id).device_id
        for number in sorted(wanted.blocks):
            block = wanted.blocks[number]
            told = whole_ecg.scale_of(
                self._store, device_id, journal, block.boot, block.channel
            ) or (rate, nv_per_code)
            self._store.append_ecg(
                session_id,
                wanted.strip,
                block.first,
                block.codes,
                rate=told[0],
                nv_per_code=told[1],
                channel=block.channel + 1,
                boot=block.boot,
                journal=journal,
            )
        self.fetched += 1
