"""Contact while fitting: what the monitor feels of the electrodes, on the virtual board."""

import asyncio

import pytest

from heartlog.ble import find_monitor, open_backend
from heartlog.fit.bench import Bench
from virtual_board import Board


@pytest.mark.usefixtures("micropython")
def test_an_electrode_is_felt_however_late_it_came_off_or_on() -> None:
    """The monitor takes a tenth of a second to feel one go, and half a second to feel it back."""

    async def feel(board: Board) -> None:
        async with open_backend(f"virtual:{board.run_dir}") as backend:
            found = await find_monitor(backend, timeout=60)
            async with Bench.connect(backend, found) as bench:
                assert await bench.contact() == []
                for name in ("LA", "LL"):
                    board.control(do="electrode", name=name, on=False)
                    assert await bench.contact() == [name]
                    board.control(do="electrode", name=name, on=True)
                    assert await bench.contact() == []
                board.control(do="afe", fault={"mute": True})
                async with asyncio.timeout(60):
                    while await bench.signal_state() != "fault":
                        await asyncio.sleep(0.1)
                assert await bench.contact() is None

    with Board(record="demo", speed=3, loop=True) as board:
        asyncio.run(feel(board))
