"""What is journalled and done about battery and charger, in MicroPython on an app of few parts."""

from collections.abc import Callable
from typing import Any

import pytest

from heartlog._firmware.monitor.link import wire

PROGRAM = """
import json, sys
sys.path.insert(0, %r)

class Time:
    now = 0
    def ticks_ms(self): return self.now & 0x3FFFFFFF
    def ticks_diff(self, a, b): return ((a - b + 0x20000000) & 0x3FFFFFFF) - 0x20000000
    def ticks_add(self, a, b): return (a + b) & 0x3FFFFFFF

clock = Time()
sys.modules["time"] = clock
from monitor.supply import Supply

log = []
class Power:
    state, percent, millivolts = 5, 80, 3900
    def step(self, now): return True
class Journal:
    def flush(self): log.append(["flush", clock.now])
class Acquisition:
    def allow(self, yes): log.append(["allow", clock.now, yes])
class Memory:
    busy = False
class Server:
    def battery(self, percent): log.append(["level", clock.now, percent])
class App:
    power, journal, acquisition = Power(), Journal(), Acquisition()
    memory, server = Memory(), Server()
    def record(self, kind, *values): log.append(["record", clock.now, kind] + list(values))

job = json.loads(sys.stdin.readline())
app = App()
supply = Supply(app)
for seconds, change in job:
    for name, value in change.items():
        setattr(app.memory if name == "busy" else app.power, name, value)
    for _ in range(4 * seconds):
        clock.now += 250
        supply.step(clock.ticks_ms())
print(json.dumps(log))
"""
CHARGING, EMPTY, HOT, COLD, LOW, NORMAL = range(6)


@pytest.fixture
def wear(firmware_job: Callable[[str, Any], Any]) -> Callable[..., list[list[Any]]]:
    """Lives through (seconds, what changes before them); what was done, and when (ms)."""

    def run(*job: tuple[int, dict[str, Any]]) -> list[list[Any]]:
        found: list[list[Any]] = firmware_job(PROGRAM, job)
        return found

    return run


@pytest.mark.parametrize(
    ("state", "flags", "samples"),
    [(CHARGING, 1, False), (LOW, 2, True), (EMPTY, 4, False), (HOT, 8, True), (COLD, 16, True)],
)
def test_a_new_state_is_obeyed_journalled_and_in_flash_at_once(
    wear: Any, state: int, flags: int, samples: bool
) -> None:
    done = wear((5, {}), (5, {"state": state}), (5, {"state": NORMAL}))
    told = [d for d in done if d[0] != "level"]
    assert told == [
        ["record", 5250, wire.BATTERY, 3900, 80, flags],
        ["allow", 5250, samples],
        ["flush", 5250],
        ["record", 10250, wire.BATTERY, 3900, 80, 0],
        ["allow", 10250, True],
        ["flush", 10250],
    ]


def test_while_the_memory_is_erased_no_charger_that_goes_begins_sampling(wear: Any) -> None:
    done = wear((5, {"state": CHARGING, "busy": True}), (5, {"state": NORMAL}))
    assert [d[2] for d in done if d[0] == "allow"] == [False, False]


def test_the_battery_is_told_every_ten_minutes_and_its_level_when_it_changes(wear: Any) -> None:
    done = wear((1900, {}), (1, {"percent": 79}), (100, {"percent": -1}))
    assert [d[1] for d in done if d[0] == "record"] == [600_000, 1_200_000, 1_800_000]
    assert [d[1:] for d in done if d[0] == "level"] == [[250, 80], [1_900_250, 79]]
    unknown = wear((601, {"percent": -1, "millivolts": -1}))
    assert unknown == [["record", 600_000, wire.BATTERY, 0, 255, 0]]
