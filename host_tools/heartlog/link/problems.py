"""What can go wrong on a link, each in words for whoever meets it."""

from __future__ import annotations

from heartlog._firmware.monitor.link import wire
from heartlog.errors import CommandError


class LinkLost(CommandError):
    """The connection to the monitor ended, or went silent."""


class NotLetIn(CommandError):
    """The monitor and this computer do not hold the same pairing key."""


class LostMonitor(CommandError):
    """The monitor was reported lost: nothing that it says is taken."""


class RequestRefused(CommandError):
    """The monitor answered a request with something else than OK; `result` says what, `told` are
    the bytes behind it."""

    def __init__(self, opcode: int, result: int, told: bytes = b"") -> None:
        self.opcode, self.result, self.told = opcode, result, told
        name = wire.COMMANDS[opcode][0]
        text = wire.RESULTS.get(result, f"result {result}")
        if result == wire.REFUSED:  # it takes orders from whoever has its records, no one else
            super().__init__(
                "The monitor is being recorded by another program.",
                "Stop that one, or wait until it is done, then try again.",
            )
        else:
            super().__init__(
                f"The monitor refused {name!r}: {text}.",
                "Its firmware may be older than this program: see heartlog device info.",
            )
