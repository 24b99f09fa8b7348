"""Which states the light is told of: front.py on an app of few parts."""

from collections.abc import Callable
from typing import Any

import pytest

from heartlog._firmware.monitor import patterns
from heartlog._firmware.monitor import settings as keys
from heartlog._firmware.monitor.link import wire

PROGRAM = """
import json, sys, time
sys.path.insert(0, %r)

class Pin:
    IN, OUT, PULL_UP = 0, 1, 2

class Machine:
    Pin = Pin

sys.modules["machine"] = Machine
from monitor import settings as s
from monitor.front import Front

job = json.loads(sys.stdin.readline())
class Acquisition:
    fault, off = job.get("fault", 0), job.get("off", 0)
    sampler = 1 if job.get("samples", True) else None
class Power:
    state = job.get("power", 5)
class Journal:
    percent = 0
    def flush(self): pass
class App:
    server = None
    settings, acquisition, power, journal = s.Settings(), Acquisition(), Power(), Journal()
    storage_fault = job.get("storage", False)
    records = []
    def record(self, *values): self.records.append(values)
    def press(self, sample): self.records.append(["press", sample])
    def stop_session(self): self.records.append(["stop"])
class Board:
    PINS = {"LED": 1}
    def pin(self, *args, **options): return lambda *v: 1

app = App()
app.settings.set(s.SESSION, job.get("session", 7))
front = Front(app, Board())
for percent in job.get("percents", [0]):
    if percent is None:  # a boot
        front = Front(app, Board())
        continue
    app.journal.percent = percent
    front._tell()
for action in job.get("actions", ()):
    front.panel.press_index = 12
    front.panel.step = lambda now, index: action
    front._looked -= 100
    front.step(time.ticks_ms(), 20)
print(json.dumps([list(front.panel._states), app.records]))
"""


@pytest.fixture
def told(firmware_job: Callable[[str, Any], Any]) -> Callable[..., Any]:
    """The states that hold, and what was journalled meanwhile."""

    def run(**job: Any) -> list[Any]:
        states, records = firmware_job(PROGRAM, job)
        return [[n for n, holds in enumerate(states) if holds], records]

    return run


RECORDING, FAULT = patterns.RECORDING, patterns.FAULT


@pytest.mark.parametrize(
    ("job", "states"),
    [
        ({}, [RECORDING]),
        ({"session": 0}, []),
        ({"samples": False}, []),
        ({"fault": 3}, [FAULT, RECORDING]),
        ({"storage": True}, [FAULT, RECORDING]),
        ({"power": 0}, [patterns.STOPPED_CHARGING, RECORDING]),
        ({"power": 1}, [patterns.BATTERY_EMPTY, RECORDING]),
        ({"power": 2}, [patterns.TEMPERATURE, RECORDING]),
        ({"power": 3}, [patterns.TEMPERATURE, RECORDING]),
        ({"power": 4}, [patterns.BATTERY_LOW, RECORDING]),
        ({"off": 0b1010}, [patterns.LEAD_2, patterns.LEAD_4, RECORDING]),
        ({"off": 0b1010, "session": 0}, []),
    ],
)
def test_each_state_is_told_and_no_other(
    told: Any, job: dict[str, Any], states: list[int]
) -> None:
    assert told(**job) == [states, []]


def test_nearly_full_is_told_and_journalled_in_the_same_turn_both_ways(told: Any) -> None:
    row = [wire.NOTE, wire.NOTE_MEMORY]
    assert told(percents=[89, 90, 95]) == [[patterns.MEMORY_FULL, RECORDING], [[*row, 90]]]
    assert told(percents=[91, 90, 89, 88]) == [[RECORDING], [[*row, 91], [*row, 89]]]


def test_a_boot_says_nothing_again(told: Any) -> None:
    """What had been said before it holds; what changes after it is said."""
    row = [wire.NOTE, wire.NOTE_MEMORY]
    full = [[patterns.MEMORY_FULL, RECORDING], [[*row, 90]]]
    assert told(percents=[90, None, 90, None, 92]) == full
    assert told(percents=[90, None, 10]) == [[RECORDING], [[*row, 90], [*row, 10]]]


def test_what_the_button_asked_for_is_journalled(told: Any) -> None:
    """A press at the sample of its first edge; settings as they are now; the session's end."""
    _, done = told(actions=[1, 2, 4, 3])
    assert done == [
        ["press", 12],
        [wire.SETTING, keys.SOUND, 1],
        [wire.SETTING, keys.OPEN_HEART_RATE, 0],
        ["stop"],
    ]
