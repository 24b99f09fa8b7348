"""What the radio asks the firmware, and waits for: the value of an attribute, a bond it keeps.

The question goes out as a report of the next exchange; the answer comes with a later one, or as a
call.
"""

import asyncio
import struct
from collections.abc import Callable
from typing import Any

from bumble import att

from virtual_board.reports import READING, SECRET


class Questions:
    """One radio's; `report(kind, payload)` tells the firmware's side."""

    def __init__(self, report: Callable[[int, bytes], None]) -> None:
        self._report = report
        self._open: dict[int, asyncio.Future[bytes]] = {}
        self._latest = 0

    async def read(self, connection: Any, handle: int) -> bytes:
        """An attribute's value as a host is to get it.

        Raises:
            att.ATT_Error: the firmware refuses.
        """
        number, future = self._new()
        self._report(READING, struct.pack("<IHH", number, connection.handle, handle))
        return await future

    async def secret(self, store: int, kind: int, key: bytes, value: bytes) -> bytes:
        """The firmware keeps the bonds: fetch one (store 0), or set (1) or delete (2) it."""
        number, future = self._new()
        self._report(SECRET, struct.pack("<IBBH", number, store, kind, len(key)) + key + value)
        return await future

    def _new(self) -> tuple[int, asyncio.Future[bytes]]:
        self._latest += 1
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._open[self._latest] = future
        return self._latest, future

    def answer(self, number: int, status: int, value: bytes) -> None:
        """The firmware's answer; `status` is an error of the attribute protocol, or 0."""
        future = self._open.pop(number, None)
        if future is None or future.done():
            return
        if status:
            future.set_exception(att.ATT_Error(att.ErrorCode(status)))
        else:
            future.set_result(value)

    def forget(self) -> None:
        """Nobody is there any more to answer."""
        for future in self._open.values():
            future.cancel()
        self._open.clear()
