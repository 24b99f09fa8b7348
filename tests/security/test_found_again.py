"""A recording goes on over the changes of a paired monitor's address, and past its copies."""

import asyncio
import contextlib
import dataclasses
import hmac
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from heartlog.ble import Backend, Found, find_again, find_monitor
from heartlog.ble.discovery import NO_COMPANY
from heartlog.errors import NotFound
from heartlog.link.problems import NotLetIn
from heartlog.recorder import Recorder, events
from heartlog.recorder.trying import Trying
from heartlog.security.channel import derive
from heartlog.security.keys import Keys
from heartlog.store import Store
from virtual_board import Board

from .test_guard import paired, until

pytestmark = pytest.mark.usefixtures("micropython")
ROTATION = 900e6  # microseconds: the identifier and the address change so often


def test_a_recording_goes_on_when_the_address_has_changed(tmp_path: Path) -> None:
    async def check(board: Board, backend: Backend, keys: Keys) -> None:
        said: list[events.Event] = []
        with Store.open(tmp_path / "s.sqlite") as store:
            recorder = Recorder(store, backend, on_event=said.append)
            running = asyncio.create_task(recorder.run())

            def addresses() -> list[str]:
                assert not running.done(), running.exception()
                return [e.address for e in said if isinstance(e, events.Connected)]

            await until(lambda: addresses() and recorder.count > 10)
            board.control(do="radio", range=False)
            board.control(do="speed", value=0)
            end = board.control(do="status")["now_us"] + 1.1 * ROTATION
            await until(lambda: board.control(do="status")["now_us"] > end)
            board.control(do="speed", value=20)
            board.control(do="radio", range=True)
            count = recorder.count
            await until(lambda: len(addresses()) > 1 and recorder.count > count, 120)
            assert len(set(addresses())) == len(addresses()), "it had another address"
            recorder.stop()
            session = await running
            assert len(store.beats(session)) > 900, "what was worn meanwhile came, too"

    paired(tmp_path, check, loop=True, bulk=True)


class Air:
    """What a scanner hears: (address, identifier) each."""

    def __init__(self, keys: Keys, *heard: tuple[str, bytes]) -> None:
        self.keys = keys
        self._heard = heard

    @contextlib.asynccontextmanager
    async def scanner(self, detection_callback: Callable[[Any, Any], None]) -> AsyncIterator[None]:
        for address, identifier in self._heard:
            detection_callback(
                SimpleNamespace(address=address, name=None),
                SimpleNamespace(
                    local_name=None,
                    service_uuids=[],
                    manufacturer_data={NO_COMPANY: identifier},
                    rssi=-60,
                ),
            )
        yield


def identifier(key: bytes) -> bytes:
    fresh = os.urandom(4)
    derived = derive(key, b"", b"heartlog identifier", 32)
    return fresh + hmac.digest(derived, fresh, "sha256")[:4]


def test_a_copy_is_passed_over_and_ends_no_recording(tmp_path: Path) -> None:
    keys = Keys(tmp_path, bytes(32))
    own, other = keys.add("aa" * 8), keys.add("bb" * 8)
    replayed = identifier(own)

    async def again(*heard: tuple[str, bytes]) -> str:
        backend: Any = Air(keys, *heard)
        return (await find_again(backend, before, trying.copies, 0.01)).address

    async def check() -> None:
        nonlocal before
        first: Any = Air(keys, ("1", replayed))
        before = await find_monitor(first, timeout=0.01)
        assert before.device_id == "aa" * 8
        assert await again(("1", identifier(other)), ("2", identifier(own))) == "2", "moved on"
        assert await again(("3", replayed)) == "3", "nobody can tell yet"
        refused = NotLetIn("It is a copy.", "")
        copy = dataclasses.replace(before, address="3")
        assert trying.reason(refused, True, copy) == refused.message
        assert await again(("3", replayed), ("2", identifier(own))) == "2"
        with pytest.raises(NotFound) as nothing:
            await again(("3", replayed))
        trying.reason(nothing.value, True, before)
        assert await again(("3", replayed)) == "3", "for ever it is refused by its handshake only"
        with pytest.raises(NotLetIn):
            trying.reason(refused, False, copy)

    before: Found
    trying = Trying()
    asyncio.run(check())
