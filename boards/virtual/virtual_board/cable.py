"""The supervisor's end of the cable to the MicroPython process; see runtime/cable.py."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

REQUEST, REPLY = b"q", b"r"
COMMAND, ANSWER = b"c", b"a"
EVENT = b"e"
EXCHANGE, EXCHANGED, AIR = b"x", b"y", b"w"

# How long a board may take to answer, in real time: a slow computer's share of a slow command.
ANSWER_SECONDS = 30.0

Handler = Callable[[bytes], Awaitable[None]]


class Cable:
    """Frames over a socket pair; `handlers` maps a frame's kind to a coroutine function."""

    def __init__(self, handlers: dict[bytes, Handler]) -> None:
        self._handlers = handlers
        self._writer: asyncio.StreamWriter | None = None
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._next = 0

    async def serve(self, end: socket.socket) -> None:
        """Handle frames, one after the other, until the other side closes."""
        reader, writer = await asyncio.open_connection(sock=end)
        self._writer = writer
        try:
            while True:
                length, kind = struct.unpack("<Ic", await reader.readexactly(5))
                payload = await reader.readexactly(length) if length else b""
                if kind == ANSWER:
                    self._answered(json.loads(payload))
                else:
                    await self._handlers[kind](payload)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writer = None
            for future in self._answers.values():
                if not future.done():
                    future.set_exception(ConnectionResetError("the board lost its power"))
            self._answers.clear()
            writer.close()

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        """Send a frame; lost, as on a board without power, when nobody is there."""
        if self._writer is not None:
            self._writer.write(struct.pack("<Ic", len(payload), kind) + payload)

    async def command(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Pass a command to the board and wait for its answer.

        Raises:
            ConnectionResetError: the board lost its power meanwhile, or has none.
            TimeoutError: the firmware hangs.
        """
        if self._writer is None:
            raise ConnectionResetError("the board has no power")
        self._next += 1
        number = self._next
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[number] = future
        self.send(COMMAND, json.dumps({**wanted, "id": number}).encode())
        try:
            # "run" is answered when its time has passed, however long this computer takes.
            patience = None if wanted.get("do") == "run" else ANSWER_SECONDS
            return await asyncio.wait_for(future, patience)
        except TimeoutError:
            self._answers.pop(number, None)
            raise TimeoutError(
                f"the firmware has let no simulated time pass for {ANSWER_SECONDS:g} s: it loops"
                " without looking at a clock, sleeping or idling"
            ) from None

    def _answered(self, answer: dict[str, Any]) -> None:
        future = self._answers.pop(answer.pop("id", 0), None)
        if future is not None and not future.done():
            future.set_result(answer)
