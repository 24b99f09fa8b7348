"""Who works here, as the audit trail names them, and an entry of that trail."""

import getpass
import os
import time
from typing import Any

from heartlog.store.schema_clinic import AuditEntry


def current_user() -> str:
    """Return HEARTLOG_USER, or the name of the account."""
    name = os.environ.get("HEARTLOG_USER")
    if name:
        return name
    try:
        return getpass.getuser()
    except OSError:
        return "unknown"


def entry(
    action: str,
    entity: str,
    entity_id: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    who: str = "",
    at: float | None = None,
) -> AuditEntry:
    """A row of the trail, to be added: by whoever works here and now, unless told otherwise."""
    return AuditEntry(
        at=time.time() if at is None else at,
        who=who or current_user(),
        action=action,
        entity=entity,
        entity_id=entity_id,
        before=before,
        after=after,
    )
