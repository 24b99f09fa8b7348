"""The radio: which one, and what time it is there.

    async with open_backend("system") as backend:
        found = await find_monitor(backend)
        async with backend.client(found.device) as client:
            ...

Everything above this package talks to real `bleak` objects; the backend only decides how they
reach the air (`heartlog.ble.backend`).
"""

from heartlog.ble.backend import Backend, open_backend
from heartlog.ble.clock import Clock, SystemClock, VirtualClock
from heartlog.ble.discovery import Found, find_again, find_monitor, scan

__all__ = [
    "Backend",
    "Clock",
    "Found",
    "SystemClock",
    "VirtualClock",
    "find_again",
    "find_monitor",
    "open_backend",
    "scan",
]
