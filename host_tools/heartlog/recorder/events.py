"""What a recorder tells while it works: one small object for each thing that happens."""

from __future__ import annotations

from dataclasses import dataclass

from heartlog.link import MonitorInfo, Record


@dataclass(frozen=True, slots=True)
class Event:
    """`time`: UNIX seconds on the backend's clock."""

    time: float


@dataclass(frozen=True, slots=True)
class Searching(Event):
    """Looking for the monitor; `again`: it was connected before."""

    again: bool


@dataclass(frozen=True, slots=True)
class Connected(Event):
    """The monitor answered; `status` as in wire.STATUS_FIELDS."""

    info: MonitorInfo
    status: dict[str, int]
    address: str


@dataclass(frozen=True, slots=True)
class SessionOpened(Event):
    """The store's session that takes the records; `resumed`: it was there already."""

    session_id: int
    resumed: bool


@dataclass(frozen=True, slots=True)
class Completed(Event):
    """An earlier session, which the monitor had ended while nobody listened, is whole now."""

    session_id: int
    count: int


@dataclass(frozen=True, slots=True)
class Arrived(Event):
    """Records came. `records` are in order and will be stored; `early` are ahead of their turn
    (live, while a backlog is fetched). `behind`: how many are still to come, as far as known."""

    records: list[Record]
    early: list[Record]
    behind: int


@dataclass(frozen=True, slots=True)
class Missing(Event):
    """The monitor no longer has these numbers."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Locked(Event):
    """These numbers are on the monitor, sealed under keys (`security.journal.key_id`) that this
    computer does not hold. They are not acknowledged, so the monitor keeps them while it can."""

    first: int
    last: int
    keys: frozenset[int]


@dataclass(frozen=True, slots=True)
class Committed(Event):
    """Everything up to `seq` is on disk; `count` records in all since the start, `beats` of them
    in the session that is open."""

    seq: int
    count: int
    beats: int = 0


@dataclass(frozen=True, slots=True)
class Synchronized(Event):
    """Clocks were compared; `uncertainty_ms` of the comparison."""

    uncertainty_ms: float


@dataclass(frozen=True, slots=True)
class Lost(Event):
    """The connection ended or went silent; it is sought again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """The session ended as it should; everything is stored. `there`: it was ended at the monitor,
    by whoever wears it or by another host."""

    session_id: int
    count: int
    there: bool = False
