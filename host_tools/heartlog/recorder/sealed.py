"""Records that a monitor holds for another computer: sealed under a key that is not here.

    sealed = Sealed(store)
    after = sealed.resume(device, journal, after)    # of a further connection
    new = sealed.note(batch.locked)                  # to be told
    sealed.pass_over(device, journal, flow)          # go on behind what is here already
    await monitor.acknowledge(sealed.most(seq))

What can't be read must not be acknowledged: a monitor lets go of what was, and `heartlog erase`
empties it. Acknowledgements are cumulative, so none reaches beyond the first such record; those
behind are stored all the same. Nothing of it is kept in the store: each new recorder looks again,
and reads them if it holds the key by then.
"""

from __future__ import annotations

from heartlog.link import Record
from heartlog.link.flow import RecordFlow
from heartlog.store import Store

_FAR = 1 << 40


class Sealed:
    """What one recorder has met, over all its connections with one monitor."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ranges: list[tuple[int, int]] = []

    def __bool__(self) -> bool:
        return bool(self._ranges)

    def note(self, ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Those of `ranges` that were not known."""
        new = [r for r in ranges if r not in self._ranges]
        self._ranges += new
        return new

    def most(self, seq: int) -> int:
        """How far may be acknowledged when everything readable up to `seq` is committed."""
        return min([seq, *(first - 1 for first, _ in self._ranges)])

    def resume(self, device: str, journal: int, after: int) -> int:
        """Where another connection goes on, which need not look at them again."""
        if not self._ranges:
            return after
        last = max(last for _, last in self._ranges)
        return max(after, self._next(device, journal, last + 1) - 1)

    def pass_over(self, device: str, journal: int, flow: RecordFlow) -> None:
        """Behind them, the stream goes on with what the store has not."""
        flow.jump(self._next(device, journal, flow.next_seq))

    def _next(self, device: str, journal: int, seq: int) -> int:
        return self._store.missing(device, seq, _FAR, journal)[0][0]


def keys_text(keys: frozenset[int] | set[int]) -> str:
    """Which keys are wanted, as `heartlog keys list` shows them."""
    names = ", ".join(f"{key:04x}" for key in sorted(keys))
    return f"key {names}" if len(keys) == 1 else f"keys {names}"


def not_here(store: Store, device: str, journal: int, records: list[Record]) -> list[Record]:
    """Those of `records` (in order) that the store has not."""
    if not records:
        return []
    ranges = store.missing(device, records[0].seq, records[-1].seq, journal)
    return [r for r in records if any(a <= r.seq <= b for a, b in ranges)]
