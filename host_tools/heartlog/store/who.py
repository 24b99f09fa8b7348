"""Who works here, as the audit trail names them."""

import getpass
import os


def current_user() -> str:
    """Return HEARTLOG_USER, or the name of the account."""
    name = os.environ.get("HEARTLOG_USER")
    if name:
        return name
    try:
        return getpass.getuser()
    except OSError:
        return "unknown"
