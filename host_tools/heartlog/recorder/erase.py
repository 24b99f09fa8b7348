"""Erases a monitor whose every record is in the store, and shows before what that is.

    held = await look(monitor, store)          # what is on it, and what of it is not here
    seq = await erase(monitor, store)          # NotCommitted names what is missing

The monitor refuses, too, while anything on it is not acknowledged. What it notes of itself while
nobody wears it (a connection, the battery) comes all the time; that is stored first, in a session
of its own that lists leave out.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from heartlog._firmware.monitor.link import wire
from heartlog.errors import CommandError, Incomplete
from heartlog.link import Monitor, RequestRefused
from heartlog.recorder.fetch import only_notes
from heartlog.recorder.sealed import Sealed, keys_text, not_here
from heartlog.recorder.whole import stored_range
from heartlog.store import Store, whole_ecg

ATTEMPTS = 50
FETCH = (
    "Fetch it first: heartlog fetch (with the electrodes off: it notes every beat that it hears)."
)
GIVE_UP = (
    "Pair it with that computer again and fetch there (heartlog keys list shows each key)."
    " Or lose them for good: heartlog erase --give-up"
)


@dataclass(frozen=True, slots=True)
class Held:
    """What a monitor holds; `missing`: records, other than its notes of itself, and
    `ecg_missing`: blocks or strips of ECG, that the store has not; `locked`: records that it can't
    have, because they are sealed under `keys`, which are another computer's."""

    records: int
    missing: int
    ecg_blocks: int
    ecg_missing: int
    session: int
    locked: int = 0
    keys: frozenset[int] = frozenset()

    def refused(self, give_up: bool) -> str:
        """What to do first, when it can't be erased; empty when it can.

        ECG that another computer's key seals comes as damaged blocks, which no fetch brings: who
        gives up the records of that computer gives up this, too.
        """
        if self.missing or (self.ecg_missing and not self.locked and not give_up):
            return FETCH
        return GIVE_UP if (self.locked or self.ecg_missing) and not give_up else ""

    def told(self) -> str:
        """In words."""
        ecg = f" and {self.ecg_blocks} blocks of ECG" if self.ecg_blocks else ""
        if not self.missing and not self.ecg_missing and not self.locked:
            return f"{self.records} records{ecg}, all of them in this store"
        parts = [f"{self.missing} records"] if self.missing else []
        parts += [f"{self.ecg_missing} pieces of ECG"] if self.ecg_missing else []
        told = f"{self.records} records{ecg}"
        if parts:
            told += f"; {' and '.join(parts)} not in this store"
        if self.locked:
            told += f"; {self.locked} sealed under the {keys_text(self.keys)} of another computer"
        return told


async def look(monitor: Monitor, store: Store) -> Held:
    """What is on the monitor, held against the store."""
    info, status = monitor.info, await monitor.status()
    last = status["next_seq"] - 1
    missing = store.missing(info.device_id, status["first_seq"], last, info.journal)
    count = sum(b + 1 - a for a, b in missing)
    found = await stored_range(monitor)
    blocks = lost = 0
    if found is not None:
        first, following, _, flags = found
        blocks = following - first
        if flags & wire.ECG_IS_WHOLE:
            here = whole_ecg.committed(store, info.device_id, info.journal, first)
            if here + 1 < following:
                # numbers that no block has are passed over
                began = await monitor.fetch_ecg(here + 1, 1)
                lost = following - began
        else:
            left = whole_ecg.missing_strips(store, info.device_id, info.journal)
            lost = sum(1 for strip in left if strip.block + strip.blocks > first)
    after = store.committed_seq(info.device_id, info.journal, status["first_seq"])
    locked, keys = 0, frozenset[int]()
    if count:
        notes = await only_notes(monitor, store, max(after, status["first_seq"] - 1), last)
        if monitor.flow is not None and monitor.flow.locked:
            found_locked = monitor.flow.locked
            locked = sum(
                max(0, min(b, d) + 1 - max(a, c)) for a, b in missing for c, d in found_locked
            )
            keys = frozenset(monitor.flow.locked_keys)
        count = 0 if notes else max(1, count - locked)
    records = last + 1 - status["first_seq"]
    return Held(records, count, blocks, lost, status["session"], locked, keys)


async def erase(monitor: Monitor, store: Store, now: float, give_up: bool = False) -> int:
    """Erases it; the number of the record that says so. Incomplete when something is missing, or
    sealed for another computer (`give_up`: that goes, too)."""
    held = await look(monitor, store)
    if held.session:
        raise CommandError(
            "The monitor is in a session, so it is not erased.",
            "End it first: heartlog record, then Ctrl-C; or hold the button for eight seconds.",
        )
    refused = held.refused(give_up)
    if refused:
        raise Incomplete(f"The monitor holds {held.told()}.", refused)
    rest = _Rest(monitor, store, now, give_up)
    try:
        for _ in range(ATTEMPTS):
            await rest.take()
            found = await stored_range(monitor)
            if found is not None and found[1] > 1:
                await monitor.request(wire.ECG_ACK, found[1] - 1)
            try:
                return int((await monitor.request(wire.ERASE, monitor.info.journal))[0])
            except RequestRefused as error:
                if error.result != wire.NOT_COMPLETED:
                    raise
    finally:
        rest.close()
    raise Incomplete(
        "The monitor kept noting new records, so it was not erased.",
        "Take the electrodes off, and try again.",
    )


class _Rest:
    """The records that came last; a session for them is made when there is one."""

    def __init__(self, monitor: Monitor, store: Store, now: float, give_up: bool) -> None:
        self._monitor, self._store, self._now = monitor, store, now
        self._give_up = give_up
        self._session: int | None = None

    async def take(self) -> None:
        """Everything up to now is stored and acknowledged."""
        info, status = self._monitor.info, await self._monitor.status()
        last, oldest = status["next_seq"] - 1, status["first_seq"]
        after = max(self._store.committed_seq(info.device_id, info.journal, oldest), oldest - 1)
        while after < last:
            async with asyncio.timeout(60):
                async for batch in self._monitor.records(after):
                    flow = self._monitor.flow
                    assert flow is not None
                    if batch.locked and not self._give_up:
                        raise Incomplete("The monitor holds what can't be read here.", GIVE_UP)
                    for a, b in batch.missing + batch.locked:
                        self._store.mark_lost(info.device_id, a, b, info.journal)
                    fresh = not_here(self._store, info.device_id, info.journal, batch.records)
                    if fresh:
                        self._store.append(self._row(), fresh, info.journal, self._now)
                    if batch.locked:
                        Sealed(self._store).pass_over(info.device_id, info.journal, flow)
                    after = max(after, flow.next_seq - 1)
                    if after >= last:
                        break
        await self._monitor.acknowledge(after)

    def _row(self) -> int:
        if self._session is None:
            info = self._monitor.info
            self._session = self._store.open_session(
                info.device_id,
                started_at=self._now,
                status="recording",
                firmware=info.firmware,
                board=info.model,
                notes="Noted by the monitor outside of any session, before it was erased.",
            ).id
        return self._session

    def close(self) -> None:
        if self._session is not None:
            self._store.mark_complete(self._session, self._now)
            self._store.update_session(self._session, archived=True)
