"""When the watchdog is fed, and what a reset by it is counted as: vigil.py on an app of few parts,
over given time."""

from collections.abc import Callable
from typing import Any

import pytest

from heartlog._firmware.monitor import settings as keys
from heartlog._firmware.monitor.link import wire

PROGRAM = """
import json, sys
sys.path.insert(0, %r)

class Time:
    now = 0x3FFFFFFF - 90000  # wraps on the way
    def ticks_ms(self): return self.now & 0x3FFFFFFF
    def ticks_diff(self, a, b): return ((a - b + 0x20000000) & 0x3FFFFFFF) - 0x20000000
    def ticks_add(self, a, b): return (a + b) & 0x3FFFFFFF

log = []
class Machine:
    class Pin: pass
    def reset(self): log.append(["reset", seconds])

clock = Time()
sys.modules["time"] = clock
sys.modules["machine"] = Machine()
from monitor import settings as s
from monitor import vigil

job = json.loads(sys.stdin.readline())
settings = s.Settings()
settings.set(s.WATCHDOG_RESETS, job["resets"])
if "cause" in job:
    class Failing:
        failures = 0
        get = settings.get
        def set(self, key, value): self.failures += 1
    try:
        safe = vigil.count_reset(Failing() if job.get("failing") else settings, job["cause"])
    except vigil.TooManyResets:
        safe = "too many"
    print(json.dumps([safe, settings.get(s.WATCHDOG_RESETS)]))
    sys.exit()

class Acquisition:
    index, blocks, tries, allowed = 0, 0, 0, True
class Journal:
    flushes, lost_pages, waiting = 0, 0, False
    def flush(self): log.append(["flush", seconds])
class App:
    acquisition, journal = Acquisition(), Journal()
    def record(self, *values): log.append(["record", seconds] + list(values))
app = App()
app.settings = settings
moves = {"samples": True, "detector": True, "journal": True, "lost": False}
seconds = 0
watch = vigil.Vigil(app, job["safe"])
fed = []
for length, change in job["work"]:
    moves.update(change)
    app.acquisition.allowed = moves.get("allowed", True)
    for _ in range(length):
        seconds += 1
        clock.now += 1000
        app.acquisition.index += 250 * moves["samples"]
        app.acquisition.blocks += 31 * moves["detector"]
        app.acquisition.tries += moves.get("tried", False)
        app.journal.waiting = True
        if moves["journal"] and seconds %% 9 == 0:
            app.journal.flushes += 1
            app.journal.lost_pages += moves["lost"]
            app.journal.waiting = False
        before = len(log)
        fed.append(watch.look(clock.ticks_ms()))
        if len(log) > before and log[-1][0] == "reset":
            break
first = fed.index(False) + 1 if False in fed else 0
print(json.dumps([first, all(fed[-10:]), log, settings.get(s.WATCHDOG_RESETS)]))
"""
LIMIT = 3
SAMPLES, DETECTOR, JOURNAL = 1, 2, 4
POWER, BUTTON, WATCHDOG, SOFT = (
    wire.RESET_POWER,
    wire.RESET_BUTTON,
    wire.RESET_WATCHDOG,
    wire.RESET_SOFT,
)


@pytest.fixture
def look(firmware_job: Callable[[str, Any], Any]) -> Callable[..., Any]:
    """(second at which it was not fed for the first time, whether it is fed at the end, what was
    recorded, resets that are counted)."""

    def run(*work: tuple[int, dict[str, bool]], safe: bool = False, resets: int = 0) -> Any:
        return firmware_job(PROGRAM, {"work": work, "safe": safe, "resets": resets})

    return run


@pytest.mark.parametrize(
    ("still", "bits"),
    [
        ({"samples": False}, SAMPLES),
        ({"detector": False}, DETECTOR),
        ({"journal": False}, JOURNAL),
        ({"lost": True}, JOURNAL),
        ({"samples": False, "detector": False}, SAMPLES | DETECTOR),
    ],
)
def test_what_stands_still_is_journalled_once_and_not_fed(
    look: Any, still: dict[str, bool], bits: int
) -> None:
    first, fed, log, _ = look((100, {}), (150, still))
    assert 160 <= first <= 171
    assert not fed
    assert log == [["record", first, wire.FAULT, wire.FAULT_STUCK, bits], ["flush", first]]


def test_what_moves_again_is_fed_again(look: Any) -> None:
    first, fed, log, _ = look((100, {}), (70, {"samples": False}), (30, {"samples": True}))
    assert first
    assert fed
    assert len(log) == 2


def test_a_recording_that_has_to_wait_is_no_standstill(look: Any) -> None:
    waits = {"samples": False, "detector": False, "allowed": False}
    assert look((100, {}), (600, waits))[:3] == [0, True, []]


def test_a_front_end_that_is_tried_on_and_on_costs_one_reset(look: Any) -> None:
    gone = {"samples": False, "detector": False, "tried": True}
    first, fed, *_ = look((100, {}), (150, gone))
    assert 160 <= first <= 171
    assert not fed, "the fault may be on this side"
    assert look((600, gone), resets=1) == [0, True, [], 0], "it was not"
    assert not look((100, gone | {"tried": False}), resets=1)[1], "nobody tries"
    assert not look((100, gone | {"journal": False}), resets=1)[1]


def test_three_minutes_in_which_all_moved_clear_the_count(look: Any) -> None:
    assert look((170, {}), resets=2)[3] == 2
    assert look((190, {}), resets=2)[3] == 0
    assert look((20, {}), (150, {"samples": False}), (60, {"samples": True}), resets=2)[3] == 2


def test_safe_mode_is_fed_and_tries_again_after_an_hour(look: Any) -> None:
    stands = {"samples": False, "detector": False, "journal": False}
    assert look((170, stands), safe=True, resets=5) == [0, True, [], 5]
    assert look((190, stands), safe=True, resets=5) == [0, True, [], LIMIT], "it does run"
    _, fed, log, resets = look((3700, stands), safe=True, resets=LIMIT)
    assert fed
    assert log[-1] == ["reset", 3600]
    assert resets == LIMIT - 2, "two more of them, and it is safe mode again"


@pytest.mark.parametrize(
    ("cause", "before", "failing", "safe", "after"),
    [
        (WATCHDOG, 0, False, False, 1),
        (WATCHDOG, LIMIT - 2, False, False, LIMIT - 1),
        (WATCHDOG, LIMIT - 1, False, True, LIMIT),
        (WATCHDOG, 2 * LIMIT - 2, False, True, 2 * LIMIT - 1),
        (WATCHDOG, 2 * LIMIT - 1, False, "too many", 2 * LIMIT),
        (WATCHDOG, 0, True, True, 0),  # what can't be counted must not go on for ever
        (POWER, LIMIT, False, False, 0),
        (BUTTON, LIMIT, False, True, LIMIT),
        (SOFT, LIMIT - 2, False, False, LIMIT - 2),
    ],
)
def test_resets_are_counted(
    firmware_job: Any, cause: int, before: int, failing: bool, safe: Any, after: int
) -> None:
    job = {"resets": before, "cause": cause, "failing": failing}
    assert firmware_job(PROGRAM, job) == [safe, after]
    assert keys.WATCHDOG_RESETS in keys.OWN
