"""The panel in MicroPython, watched at its pins over (given) time."""

from collections.abc import Callable
from typing import Any

import pytest

from heartlog._firmware.monitor import patterns

SCRIPT = """
import json, sys, time
sys.path.insert(0, %r)
from monitor import panel, patterns

class Settings:
    sound = True
    open_heart_rate = False
    quiet_from = 0
    quiet_to = 0

class Pin:
    def __init__(self): self.v = 0; self.log = []
    def __call__(self, v):
        if v != self.v:
            self.v = v
            self.log.append((t, v))

job = json.loads(sys.stdin.readline())
settings = Settings()
for k, v in job.get("settings", {}).items():
    setattr(settings, k, v)
down = False
t = 0
start = job.get("start", 0)
light, buzzer = Pin(), Pin()
p = panel.Panel(lambda: 0 if down else 1, light, buzzer, settings)
p._minute_at = start
if "minute" in job:
    p._minute = job["minute"]
events = sorted(job["events"])
actions = []
while t <= job["until"]:
    while events and events[0][0] <= t:
        _, what, value = events.pop(0)
        if what == "button": down = value
        else: p.show(value[0], value[1])
    a = p.step(time.ticks_add(start, t), t // 4)
    if a: actions.append((t, a, p.press_index))
    t += job.get("every", 10)
print(json.dumps({"light": light.log, "buzzer": buzzer.log, "actions": actions,
                  "sound": settings.sound, "open": settings.open_heart_rate,
                  "shown": p.shown}))
"""
PRESS, SOUND, STOP, OPEN = 1, 2, 3, 4


@pytest.fixture
def play(firmware_job: Callable[[str, Any], Any]) -> Any:
    """Runs the panel over given events and returns what its pins did."""

    def run(events: list[tuple[int, str, Any]], until: int, **job: Any) -> dict[str, Any]:
        given = {"events": events, "until": until, **job}
        result: dict[str, Any] = firmware_job(SCRIPT, given)
        return result

    return run


def flashes(log: list[list[int]], until: int) -> list[int]:
    """Lengths (ms) of the on times in a pin's log."""
    times = [t for t, _ in log] + [until]
    return [times[i + 1] - times[i] for i in range(0, len(log), 2)]


@pytest.mark.parametrize("state", range(patterns.STATES))
def test_every_state_plays_its_own_row(play: Any, state: int) -> None:
    row = patterns.TABLE[state][1]
    period = sum(row)
    seen = play([(0, "show", [state, True])], 3 * period - 20)
    expected = list(row[::2]) * 3
    assert flashes(seen["light"], 3 * period) == pytest.approx(expected, abs=20)


def test_no_two_states_look_alike() -> None:
    rows = [row[1] for row in patterns.TABLE]
    assert len(set(rows)) == len(rows)
    shapes = {(len(r), max(r[::2]) // 1000, sum(r)) for r in rows}
    assert len(shapes) == len(rows), "count, length or rhythm must differ, not only a nuance"


def test_the_most_urgent_state_is_shown_and_the_next_returns(play: Any) -> None:
    events = [
        (0, "show", [patterns.RECORDING, True]),
        (1000, "show", [patterns.BATTERY_LOW, True]),
        (2000, "show", [patterns.LEAD_2, True]),
        (9000, "show", [patterns.LEAD_2, False]),
    ]
    assert play(events, 8000)["shown"] == patterns.LEAD_2
    assert play(events, 9500)["shown"] == patterns.BATTERY_LOW


@pytest.mark.parametrize("start", [0, 2**30 - 1500], ids=["fresh", "over the wrap of ticks_ms"])
def test_a_press_is_recorded_at_its_first_edge_and_confirmed(play: Any, start: int) -> None:
    seen = play([(1000, "button", True), (1200, "button", False)], 4000, start=start)
    assert seen["actions"] == [[1030, PRESS, 250]]
    assert flashes(seen["light"], 4000)[0] == pytest.approx(1500, abs=20)
    assert flashes(seen["buzzer"], 4000) == [pytest.approx(120, abs=20)]


def test_bounces_make_one_press_and_a_spike_makes_none(play: Any) -> None:
    bounce = [(1000 + 5 * i, "button", i % 2 == 0) for i in range(9)]
    seen = play([*bounce, (1300, "button", False)], 3000, every=1)
    assert [a[1] for a in seen["actions"]] == [PRESS]
    spike = play([(1000, "button", True), (1020, "button", False)], 3000, every=1)
    assert spike["actions"] == []


def test_a_long_press_turns_the_sound_off_and_still_counts_as_a_press(play: Any) -> None:
    seen = play([(1000, "button", True), (5000, "button", False)], 9000)
    assert [a[1] for a in seen["actions"]] == [PRESS, SOUND]
    assert seen["actions"][1][0] == 5030, "when the button is let go"
    assert seen["sound"] is False
    off = patterns.ANSWERS[patterns.SOUND_OFF][1][::2]
    lengths = flashes(seen["light"], 9000)
    assert lengths[1 : 1 + len(off)] == pytest.approx(off, abs=20), "told while it is held"
    again = play(
        [(1000, "button", True), (5000, "button", False)], 9000, settings={"sound": False}
    )
    assert again["sound"] is True
    assert flashes(again["buzzer"], 9000) == pytest.approx([120, 120], abs=20)


def test_six_seconds_open_the_heart_rate_and_close_it_again(play: Any) -> None:
    held = [(1000, "button", True), (8000, "button", False)]
    seen = play(held, 12000)
    assert [a[1] for a in seen["actions"]] == [PRESS, OPEN]
    assert (seen["open"], seen["sound"]) == (True, True)
    opened = patterns.ANSWERS[patterns.OPENED][1][::2]
    assert flashes(seen["light"], 12000)[-len(opened) :] == pytest.approx(opened, abs=20)
    closed = play(held, 12000, settings={"open_heart_rate": True})
    assert closed["open"] is False
    assert flashes(closed["light"], 12000)[-1] == pytest.approx(600, abs=20)


def test_stopping_needs_a_very_long_press_and_a_second_one(play: Any) -> None:
    ask = [(1000, "button", True), (11000, "button", False)]
    confirmed = play([*ask, (12000, "button", True), (12200, "button", False)], 20000)
    assert [a[1] for a in confirmed["actions"]] == [PRESS, STOP]
    assert (confirmed["sound"], confirmed["open"]) == (True, False), "the way there did nothing"
    late = play([*ask, (17000, "button", True), (17200, "button", False)], 20000)
    assert [a[1] for a in late["actions"]] == [PRESS, PRESS]
    alone = play(ask, 20000)
    assert [a[1] for a in alone["actions"]] == [PRESS]


def test_each_answer_is_told_apart_from_the_others_without_colour() -> None:
    rows = [row[1] for row in patterns.ANSWERS]
    # Nor by sound: in quiet hours there is none, also when it is switched on.
    assert len({row[:-1] for row in rows}) == len(rows)
    assert patterns.HOLD_SOUND + 2000 < patterns.HOLD_OPEN < patterns.HOLD_STOP - 2000


def test_quiet_hours_and_sound_off_keep_the_buzzer_still_but_a_fault_is_heard(play: Any) -> None:
    quiet = {"quiet_from": 22 * 60, "quiet_to": 7 * 60}
    lead = [(0, "show", [patterns.LEAD_1, True])]
    fault = [(0, "show", [patterns.FAULT, True])]
    for minute, sounds in ((23 * 60, 0), (3 * 60, 0), (7 * 60, 2), (12 * 60, 2)):
        seen = play(lead, 5000, settings=quiet, minute=minute)
        assert len(flashes(seen["buzzer"], 5000)) == sounds, minute
    assert play(fault, 5000, settings=quiet, minute=0)["buzzer"]
    assert not play(fault, 5000, settings={"sound": False})["buzzer"]
    # Without a clock nobody knows what hour it is: the buzzer sounds, then and when it reminds.
    seen = play(lead, 305_000, settings={"quiet_from": 0, "quiet_to": 720}, every=50)
    assert len(flashes(seen["buzzer"], 305_000)) == 4


def test_quiet_hours_begin_while_the_minutes_pass(play: Any) -> None:
    quiet = {"quiet_from": 22 * 60, "quiet_to": 7 * 60}
    again = patterns.TABLE[patterns.LEAD_1][3] * 1000
    seen = play(
        [(0, "show", [patterns.LEAD_1, True])],
        2 * again + 3000,
        settings=quiet,
        minute=22 * 60 - 6,
        every=50,
    )
    starts = [t for t, v in seen["buzzer"] if v]
    assert [t // again for t in starts] == [0, 0, 1, 1], "the third reminder falls into the quiet"


def test_the_reminder_comes_back_in_its_time(play: Any) -> None:
    again = patterns.TABLE[patterns.FAULT][3] * 1000
    seen = play([(0, "show", [patterns.FAULT, True])], again + 3000, every=20)
    assert len(flashes(seen["buzzer"], again + 3000)) == 6
