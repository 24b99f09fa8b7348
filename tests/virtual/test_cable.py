"""The cable between the supervisor and the MicroPython process: nothing that was said is lost."""

import asyncio
import contextlib
import json
import socket
import struct

import pytest

pytest.importorskip("virtual_board")

from virtual_board.cable import ANSWER, COMMAND, EVENT, REQUEST, Cable


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    return struct.pack("<Ic", len(payload), kind) + payload


def test_last_words_are_heard_though_nobody_can_be_answered() -> None:
    """A board that resets itself says so and is gone, while it is being asked something."""
    ours, theirs = socket.socketpair()
    heard: list[bytes] = []

    async def answer(payload: bytes) -> None:
        cable.send(b"r", b"too late")
        await asyncio.sleep(0.01)

    async def event(payload: bytes) -> None:
        heard.append(payload)

    cable = Cable({REQUEST: answer, EVENT: event})
    theirs.sendall(frame(REQUEST, b"{}") + frame(EVENT, b"reset"))
    theirs.close()
    asyncio.run(cable.serve(ours))
    assert heard == [b"reset"]


def test_more_than_the_socket_holds_arrives_whole_and_in_order() -> None:
    """The process reads when it has time; what doesn't fit meanwhile waits, and is not lost."""
    ours, theirs = socket.socketpair()
    cable = Cable({})
    sent = [bytes([number]) * 70_000 for number in range(40)]

    async def talk() -> bytearray:
        serving = asyncio.create_task(cable.serve(ours))
        await asyncio.sleep(0)
        for payload in sent:
            cable.send(b"r", payload)
        received = bytearray()
        theirs.setblocking(False)
        while len(received) < sum(len(frame(b"r", payload)) for payload in sent):
            received += await asyncio.get_running_loop().sock_recv(theirs, 1 << 16)
        theirs.close()
        await serving
        return received

    assert asyncio.run(talk()) == b"".join(frame(b"r", payload) for payload in sent)


def test_frames_in_any_pieces() -> None:
    ours, theirs = socket.socketpair()
    heard: list[bytes] = []

    async def event(payload: bytes) -> None:
        heard.append(payload)

    cable = Cable({EVENT: event})
    said = [b"", b"one", bytes(3000)]

    async def talk() -> None:
        serving = asyncio.create_task(cable.serve(ours))
        for byte in b"".join(frame(EVENT, payload) for payload in said):
            theirs.send(bytes([byte]))
            await asyncio.sleep(0)
        theirs.close()
        await serving

    asyncio.run(talk())
    assert heard == said


def test_a_command_that_nobody_answers_any_more() -> None:
    ours, theirs = socket.socketpair()
    cable = Cable({})

    async def talk() -> None:
        serving = asyncio.create_task(cable.serve(ours))
        await asyncio.sleep(0)
        asked = asyncio.create_task(cable.command({"do": "status"}))
        await asyncio.sleep(0)
        length, kind = struct.unpack("<Ic", theirs.recv(5))
        wanted = json.loads(theirs.recv(length))
        theirs.sendall(frame(ANSWER, json.dumps({"id": wanted["id"], "ok": True}).encode()))
        assert (kind, await asked) == (COMMAND, {"ok": True})
        asked = asyncio.create_task(cable.command({"do": "status"}))
        await asyncio.sleep(0)
        theirs.close()
        with pytest.raises(ConnectionResetError, match="lost its power"):
            await asked
        with contextlib.suppress(ConnectionError):
            await serving
        with pytest.raises(ConnectionResetError, match="no power"):
            await cable.command({"do": "status"})

    asyncio.run(talk())
