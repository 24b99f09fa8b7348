"""The store: every session, beat, patient and piece of equipment, in one database.

from heartlog.store import Record, Store

with Store.open() as store:
    session = store.open_session("8a6f...", rate=250)
    store.append(session.id, [Record(1, "beat", 250, {"rr": 0, "amplitude_uv": 900})])
    beats = store.beats(session.id)
"""

from heartlog.store.errors import (
    NotFound,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreForeign,
    StoreFull,
    StoreLocked,
    StoreNewer,
    StoreReadOnly,
    StoreUnreachable,
)
from heartlog.store.store import Session, Store
from heartlog.store.types import (
    AFTER_GAP,
    BEAT,
    HUMAN,
    KINDS,
    PACKED_BEAT,
    SEARCH_BACK,
    BeatKind,
    Record,
    WireRecord,
    from_wire,
)

__all__ = [
    "AFTER_GAP",
    "BEAT",
    "HUMAN",
    "KINDS",
    "PACKED_BEAT",
    "SEARCH_BACK",
    "BeatKind",
    "NotFound",
    "Record",
    "Session",
    "Store",
    "StoreBusy",
    "StoreDamaged",
    "StoreError",
    "StoreForeign",
    "StoreFull",
    "StoreLocked",
    "StoreNewer",
    "StoreReadOnly",
    "StoreUnreachable",
    "WireRecord",
    "from_wire",
]
