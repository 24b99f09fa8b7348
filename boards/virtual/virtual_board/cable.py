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

_HEAD = struct.Struct("<Ic")  # bytes that follow, kind

Handler = Callable[[bytes], Awaitable[None]]


class Cable:
    """Frames over a socket pair; `handlers` maps a frame's kind to a coroutine function."""

    def __init__(self, handlers: dict[bytes, Handler]) -> None:
        self._handlers = handlers
        self._end: socket.socket | None = None
        self._unsent = bytearray()
        self._blocked = False
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._next = 0

    async def serve(self, end: socket.socket) -> None:
        """Handle frames, one after the other, until the other side closes.

        All that it said before is handled, also when something could no longer be sent to it: the
        last frame of a board that resets itself says so.
        """
        end.setblocking(False)
        self._end = end
        try:
            await self._read(end)
        except ConnectionError:
            pass
        finally:
            self._deaf()
            for future in self._answers.values():
                if not future.done():
                    future.set_exception(ConnectionResetError("the board lost its power"))
            self._answers.clear()
            end.close()

    async def _read(self, end: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        received = bytearray()
        while chunk := await loop.sock_recv(end, 1 << 16):
            received += chunk
            # `sock_recv` gives way to nobody while there is something to read, and a board that
            # asks without end would keep the radio's other side from everything.
            await asyncio.sleep(0)
            at = 0
            while len(received) - at >= _HEAD.size:
                length, kind = _HEAD.unpack_from(received, at)
                if len(received) - at - _HEAD.size < length:
                    break
                at += _HEAD.size
                payload = bytes(received[at : at + length])
                at += length
                if kind == ANSWER:
                    self._answered(json.loads(payload))
                else:
                    await self._handlers[kind](payload)
            del received[:at]

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        """Send a frame; lost, as on a board without power, when nobody is there."""
        if self._end is None:
            return
        self._unsent += _HEAD.pack(len(payload), kind) + payload
        if not self._blocked:
            self._flush(self._end)

    def _flush(self, end: socket.socket) -> None:
        """Send what there is room for, and the rest when there is room again."""
        try:
            del self._unsent[: end.send(self._unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self._deaf()
            return
        loop = asyncio.get_running_loop()
        if self._unsent and not self._blocked:
            loop.add_writer(end, self._flush, end)
        elif self._blocked and not self._unsent:
            loop.remove_writer(end)
        self._blocked = bool(self._unsent)

    def _deaf(self) -> None:
        """Nobody is there to send to; what was said may still be read."""
        if self._end is not None and self._blocked:
            asyncio.get_running_loop().remove_writer(self._end)
        self._end = None
        self._blocked = False
        self._unsent.clear()

    async def command(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Pass a command to the board and wait for its answer.

        Raises:
            ConnectionResetError: the board lost its power meanwhile, or has none.
            TimeoutError: the firmware hangs.
        """
        if self._end is None:
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
