"""Acts that change no row of the store, in its audit trail all the same: who took what out, when.

    act(opened, "export", "session", 12, format="edf")     # before it is done
    act_here("lost", "monitor", "8a6f2c00")                # by a command that has no store open

Corrections, findings and the rest of what people write are noted with the change itself
(records/audit.py), records that a monitor has given up where the store learns of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from heartlog.cli import options, output
from heartlog.errors import CommandError
from heartlog.store import Store
from heartlog.store.engine import as_url, default_url
from heartlog.store.who import entry


def act(store: Store, action: str, entity: str, number: int | str, **what: Any) -> None:
    """Note that somebody does this now; `what`: how, in words and numbers.

    A store that can only be read can't keep it: that is said, and the act goes on. NotFound: there
    is no such session.
    """
    if entity == "session":
        store.session(int(number))
    if store.read_only:
        output.note(f"{store.where} can't be written: its audit trail won't show this.")
        return
    with store.writing() as db:
        db.add(entry(action, entity, str(number), None, what))


def act_here(action: str, entity: str, number: int | str, **what: Any) -> None:
    """The same, into the store that this command was given, or the usual one if there is one.

    None is made for it, and nothing stops the act: a lost monitor is refused at once.
    """
    address = as_url(options.chosen_store() or default_url())
    try:
        if address.get_backend_name() == "sqlite" and not Path(address.database or "").is_file():
            return
        with Store.open(options.chosen_store()) as opened:
            act(opened, action, entity, number, **what)
    except CommandError as problem:
        output.note(f"The audit trail does not show this: {problem.message}")
