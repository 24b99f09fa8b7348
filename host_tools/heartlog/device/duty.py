"""How often a monitor's radio and flash work, counted on the virtual board: for its power budget.

    worn = count("worn")               # no host: it advertises
    heard = count("connected")         # a host takes the records as they come
    live = count("live")               # and the ECG, too

    python -m heartlog.device.duty     # the table; `power` has these figures

The firmware is the board's, on five minutes of a real ECG over and over; time is simulated, so a
second is a second of the monitor's.
"""

import asyncio
import sys
from dataclasses import dataclass
from typing import Any

STATES = ("worn", "connected", "live")
_SETTLE = 120.0  # seconds of wear before the counting begins: learning, first records
_WORN = 1800.0
_HEARD = 60.0
_SPEED = 10


@dataclass(frozen=True)
class Duty:
    """Per second: advertising events, connection events, notifications and their octets.

    Per hour: pages of flash programmed and blocks erased.
    """

    advertising: float
    events: float
    notifications: float
    octets: float
    programs: float
    erases: float


def count(state: str) -> Duty:
    """What the virtual board does in one of STATES. Needs MicroPython's unix port."""
    from virtual_board import Board

    with Board(speed=0, paused=True, loop=True) as board:
        board.run(_SETTLE)
        before = board.control(do="status")
        if state == "worn":
            board.run(_WORN)
        else:
            before = asyncio.run(_listen(board, state == "live"))
        return _difference(before, board.control(do="status"))


def _difference(before: dict[str, Any], after: dict[str, Any]) -> Duty:
    seconds: float = (after["now_us"] - before["now_us"]) / 1e6

    def rate(part: str, name: str) -> float:
        return (int(after[part][name]) - int(before[part][name])) / seconds

    return Duty(
        rate("radio", "advertised"),
        rate("radio", "events"),
        rate("radio", "sent"),
        rate("radio", "octets"),
        rate("flash", "programs") * 3600,
        rate("flash", "erases") * 3600,
    )


async def _listen(board: Any, live: bool) -> dict[str, Any]:
    """A host records for `_HEARD` seconds; -> the status when it had caught up."""
    from heartlog.ble import find_monitor, open_backend
    from heartlog.link import Monitor

    board.control(do="speed", value=_SPEED)
    board.control(do="pause", on=False)
    async with open_backend(f"virtual:{board.run_dir}") as backend:
        found = await find_monitor(backend)
        async with Monitor(backend, found.device) as monitor:
            if live:
                await monitor.start_ecg()
            before: dict[str, Any] = {}
            begun = backend.clock.now()
            newest = (await monitor.status())["next_seq"] - 1
            async for batch in monitor.records(after=newest):
                if batch.records:
                    await monitor.acknowledge(batch.records[-1].seq)
                elapsed = backend.clock.now() - begun
                if not before and elapsed > 5:
                    before = board.control(do="status")
                if elapsed > 5 + _HEARD:
                    board.control(do="pause", on=True)
                    return before
    raise AssertionError("the stream ended early")


def main() -> int:
    """Entry point; returns the exit status."""
    print(
        f"{'STATE':12} {'ADVERTS/s':>9} {'EVENTS/s':>8} {'NOTIFIED/s':>10} {'OCTETS/s':>8}"
        f" {'PAGES/h':>8} {'ERASES/h':>8}"
    )
    for state in STATES:
        d = count(state)
        print(
            f"{state:12} {d.advertising:9.2f} {d.events:8.1f} {d.notifications:10.2f}"
            f" {d.octets:8.0f} {d.programs:8.1f} {d.erases:8.2f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
