"""Which channel is read when: `LeadChoice` in MicroPython, over states told second by second."""

from collections.abc import Callable
from typing import Any

import pytest

SCRIPT = """
import gc, json, sys
sys.path.insert(0, %r)
from monitor.leadchoice import LeadChoice

job = json.loads(sys.stdin.readline())
choice = LeadChoice(job["channels"], job["preferred"], job["rate"])
told = []
begin = job["begin"]
states = [bytearray(row) for row in job["states"]]
for k in range(len(states)):
    if choice.look(states[k], (begin + k * job["every"]) & 0xFFFFFFFF, k not in job["busy"]):
        told.append((k, choice.channel, choice.reason))
last, at = states[-1], begin + len(states) * job["every"]
gc.collect()
gc.disable()
before = after = gc.mem_alloc()
for _ in range(100):
    choice.look(last, at, True)
after = gc.mem_alloc()
print(json.dumps({"told": told, "heap": after - before}))
"""
UNKNOWN, GOOD, NOISY, OFF, RAIL, FLAT, SETTLING, FAULT = range(8)
RATE = 250


@pytest.fixture
def watch(firmware_job: Callable[[str, Any], Any]) -> Any:
    """Plays rows of states, a second apart, `busy` ones amid a beat: [row, channel, reason] of
    each change."""

    def run(
        states: list[list[int]], preferred: int = 0, begin: int = 0, busy: tuple[int, ...] = ()
    ) -> list[list[int]]:
        job = {
            "channels": len(states[0]),
            "preferred": preferred,
            "rate": RATE,
            "begin": begin,
            "every": RATE,
            "busy": busy,
            "states": states,
        }
        answer = firmware_job(SCRIPT, job)
        assert answer["heap"] == 0
        told: list[list[int]] = answer["told"]
        return told

    return run


@pytest.mark.parametrize("lost", [OFF, RAIL, FLAT])
def test_a_lost_lead_is_left_at_once_and_taken_again_after_ten_good_seconds(
    watch: Any, lost: int
) -> None:
    states = [[GOOD, GOOD]] * 5 + [[lost, GOOD]] * 30 + [[SETTLING, GOOD]] + [[GOOD, GOOD]] * 20
    assert watch(states) == [[5, 1, lost], [46, 0, GOOD]]


def test_a_noisy_lead_has_three_seconds(watch: Any) -> None:
    quiet = [[GOOD, GOOD]] * 5
    assert watch([*quiet, *[[NOISY, GOOD]] * 3, *quiet]) == []
    assert watch([*quiet, *[[NOISY, GOOD]] * 4, *quiet]) == [[8, 1, NOISY]]


def test_what_can_wait_waits_for_the_end_of_a_beat(watch: Any) -> None:
    states = [[GOOD, GOOD]] * 2 + [[NOISY, GOOD]] * 6 + [[GOOD, GOOD]] * 14
    assert watch(states) == [[5, 1, NOISY], [18, 0, GOOD]]
    assert watch(states, busy=(5, 6, 18)) == [[7, 1, NOISY], [19, 0, GOOD]]
    assert watch([[GOOD, GOOD], [OFF, GOOD]], busy=(1,)) == [[1, 1, OFF]]


def test_only_a_good_lead_is_taken(watch: Any) -> None:
    for other in (UNKNOWN, NOISY, OFF, RAIL, FLAT, SETTLING, FAULT):
        assert watch([[GOOD, other]] * 3 + [[OFF, other]] * 60) == []
    assert watch([[OFF, NOISY]] * 9 + [[OFF, GOOD]] * 3) == [[9, 1, OFF]]


def test_silence_and_a_restart_move_nothing(watch: Any) -> None:
    """Neither the front end's own trouble nor what follows it is a reason to change."""
    assert watch([[GOOD, GOOD]] * 3 + [[FAULT, FAULT]] * 9 + [[SETTLING, GOOD]] * 9) == []


def test_a_loose_contact_does_not_make_the_beats_flap(watch: Any) -> None:
    """Off for a second every fifteen: ten, then 20, 40, 80, 160, 320 s of good signal are asked
    for, and never more; what was good for long is trusted again."""
    wave = [[OFF, GOOD]] + [[GOOD, GOOD]] * 14
    told = watch(wave * 80)
    assert told == [[0, 1, OFF], [11, 0, GOOD], [15, 1, OFF]]  # then 20 s are never reached
    waits = []
    for wait in (10, 20, 40, 80, 160, 320, 320):
        waits += [[OFF, GOOD]] + [[GOOD, GOOD]] * (wait + 1)
    told = watch(waits)
    assert [t[1] for t in told] == [1, 0] * 7
    steady = [[OFF, GOOD]] + [[GOOD, GOOD]] * 11
    told = watch([*steady, *[[GOOD, GOOD]] * 300, *steady, *[[GOOD, GOOD]]])
    assert [t[0] for t in told] == [0, 11, 312, 323]


def test_the_chosen_channel_is_the_settings(watch: Any) -> None:
    off, on = [OFF] * 8, [GOOD] * 8
    one = [GOOD, GOOD, GOOD, GOOD, GOOD, OFF, GOOD, GOOD]
    assert watch([on, one, one, off, on, *[on] * 11], preferred=5) == [[1, 0, OFF], [14, 5, GOOD]]
    # A second loss goes to the chosen one first, however short it has been good.
    other = [OFF, *[GOOD] * 7]
    assert watch([on, one, other], preferred=5) == [[1, 0, OFF], [2, 5, OFF]]
    assert watch([[GOOD], [OFF], [GOOD]], preferred=7) == []  # a part with one channel


def test_the_index_may_wrap(watch: Any) -> None:
    states = [[GOOD, GOOD], *[[NOISY, GOOD]] * 4, *[[GOOD, GOOD]] * 12]
    told = watch(states, begin=2**32 - 5 * RATE)
    assert told == [[4, 1, NOISY], [15, 0, GOOD]]
