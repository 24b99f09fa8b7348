"""Puts the result of a production test into the equipment record."""

from heartlog.records import equipment
from heartlog.rig.station import Outcome
from heartlog.store import NotFound, Store


def keep(store: Store, outcome: Outcome) -> None:
    """Add the monitor if it is new, and a line to its history."""
    facts = {
        "device_id": outcome.unique or None,
        "board": outcome.board,
        "part": outcome.part,
        "firmware": outcome.version,
    }
    try:
        equipment.find(store, outcome.serial)
        equipment.edit(store, outcome.serial, who=outcome.done_by, **facts)
    except NotFound:
        equipment.add(store, outcome.serial, who=outcome.done_by, **facts)
    equipment.note(
        store,
        outcome.serial,
        "self-test",
        "Production test " + ("passed" if outcome.passed else "not passed"),
        passed=outcome.passed,
        values=outcome.values(),
        who=outcome.done_by,
    )
