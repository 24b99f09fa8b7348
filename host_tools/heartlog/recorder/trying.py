"""When a connection that broke is tried again, and when that is the end of the recording.

trying = Trying()
reason = trying.reason(error, heard)      # or raises the error: no other try may help
await asyncio.sleep(trying.pause())
"""

from __future__ import annotations

import asyncio
import time

from heartlog._firmware.monitor.link import wire
from heartlog.ble import Found
from heartlog.errors import CommandError, NotFound
from heartlog.link import LinkLost, RequestRefused
from heartlog.link.problems import NotLetIn

RETRY_SECONDS = (0.0, 0.5, 1.0, 2.0, 5.0)
FIRST_TRIES = 4
"""A connection that breaks before anything was heard is tried again so often; later ones for as
long as it takes."""
TAKEN_SECONDS = 10.0
"""A monitor that serves somebody else is asked again for so long (real seconds): it may be our own
connection of a moment ago, which it takes for alive until the supervision timeout."""


class Trying:
    """Counts the tries since the last connection that brought something."""

    def __init__(self) -> None:
        self._tries = 0
        self._taken_since: float | None = None
        self.copies: set[str] = set()
        """Addresses of what could not prove to be the monitor, passed over in the next search."""

    def worked(self) -> None:
        """The monitor was heard."""
        self._tries = 0

    def pause(self) -> float:
        """Counts a try; real seconds until the next one."""
        self._tries += 1
        return RETRY_SECONDS[min(self._tries, len(RETRY_SECONDS)) - 1]

    def reason(self, error: Exception, heard: bool, found: Found | None = None) -> str:
        """Why the connection ended, in words, when another try may help; else raises `error`.

        `heard`: whether the monitor ever was, in this recording. `found`: what was connected to.
        """
        if heard and found is not None and isinstance(error, NotLetIn):
            # Who sends what our monitor was heard to send must not end its recording.
            self.copies.add(found.address)
            return error.message
        self.copies.clear()
        if isinstance(error, RequestRefused):
            if error.result != wire.REFUSED:
                raise error
            now = time.monotonic()
            if self._taken_since is None:
                self._taken_since = now
            if not heard and now - self._taken_since > TAKEN_SECONDS:
                raise NotFound(error.message, error.hint) from error
            return "the monitor serves another program, or still the connection of before"
        if not (isinstance(error, (LinkLost, NotFound)) or _is_radio(error)):
            raise error
        if not heard and (isinstance(error, NotFound) or self._tries >= FIRST_TRIES):
            raise error
        return error.message if isinstance(error, CommandError) else words(error)


def words(error: BaseException) -> str:
    """An exception's text, or its name when it has none; it is kept with the session."""
    if isinstance(error, asyncio.CancelledError):
        return "recording was stopped on this computer"
    return str(error) or type(error).__name__


def _is_radio(error: Exception) -> bool:
    """Whether another try may help: bleak's errors and the operating system's about the link."""
    from bleak.exc import BleakError

    return isinstance(error, (BleakError, ConnectionError, TimeoutError, EOFError))
