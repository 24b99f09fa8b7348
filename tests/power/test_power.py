"""The battery's account in MicroPython, over days of given voltages."""

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

SCRIPT = """
import json, sys, time
sys.path.insert(0, %r)
from monitor import power as m

class Board: pass
job = json.loads(sys.stdin.readline())
now = job.get("start", 0)
board = Board()
i = 0
if "mv" in job:
    noise = job.get("noise", [0])
    k = 0
    def read():
        global k
        k += 1
        return job["mv"][i] + noise[k %% len(noise)]
    board.battery_millivolts = read
if "charger" in job:
    board.charger_present = lambda: job["charger"][i]
if "celsius" in job:
    board.temperature_c = lambda: job["celsius"][i]
p = m.Power(board)
p._next = p._minutes_at = now
rows = []
for i in range(len(job.get("mv") or job.get("celsius"))):
    before = p.state, p.percent
    assert p.step(now) == (before != (p.state, p.percent))
    assert not p.step(time.ticks_add(now, 9900))  # read every ten seconds
    rows.append((p.state, p.percent, p.millivolts, p.hours_left))
    now = time.ticks_add(now, 10000)
print(json.dumps(rows))
"""
CHARGING, EMPTY, HOT, COLD, LOW, NORMAL = range(6)


@pytest.fixture
def watch(firmware_job: Callable[[str, Any], Any]) -> Any:
    """Runs Power over one value per ten seconds; rows of (state, percent, millivolts, hours)."""

    def run(**job: Any) -> list[tuple[int, int, int, int]]:
        return [tuple(row) for row in firmware_job(SCRIPT, job)]

    return run


def discharge(hours: float, top: int = 4200, bottom: int = 3250) -> list[int]:
    n = int(hours * 360)
    return [top - (top - bottom) * i // n for i in range(n)]


@pytest.mark.parametrize(
    ("mv", "percent"), [(4300, 100), (4200, 100), (3870, 60), (3710, 15), (3270, 0), (2900, 0)]
)
def test_the_curve(watch: Any, mv: int, percent: int) -> None:
    assert watch(mv=[mv])[0][1] == percent


def test_each_point_of_the_curve(watch: Any) -> None:
    """Ampow's chart of a lithium polymer cell at rest, from full to empty."""
    chart = {
        4200: 100, 4110: 90, 4020: 80, 3950: 70, 3870: 60, 3840: 50, 3800: 40, 3770: 30, 3730: 20,
        3690: 10, 3610: 5, 3280: 0,
    }  # fmt: skip
    assert [row[1] for row in watch(mv=list(chart))] == list(chart.values())


def test_the_middle_four_of_eight_conversions_count(watch: Any) -> None:
    assert watch(mv=[3900], noise=[-300, 50, 0, 40, 0, 50, -300, 0])[0][2] == 3910


def test_percentage_never_rises_while_discharging(watch: Any) -> None:
    rng = random.Random(5)
    noisy = [mv + rng.randint(-40, 40) for mv in discharge(20)]
    rows = watch(mv=noisy)
    assert all(b[1] <= a[1] for a, b in pairwise(rows))
    assert rows[0][1] >= 90
    assert rows[-1][1] <= 2


def test_pulses_of_the_radio_do_not_pull_the_reading_down(watch: Any) -> None:
    quiet = watch(mv=[3900] * 3)
    pulsed = watch(mv=[3900] * 3, noise=[0, 0, 0, -300, 0, 0, 0, -250])
    assert pulsed == quiet


def test_a_fresh_cell_and_the_charger_raise_it(watch: Any) -> None:
    rows = watch(mv=[3700] * 3 + [4150] * 3)
    assert rows[2][1] < 20
    assert rows[3][1] > 90
    assert watch(mv=[3700, 3850])[1][1:3] == watch(mv=[3700])[0][1:3], "150 mV: it recovers"
    assert watch(mv=[3700, 3851])[1][2] == 3851
    rows = watch(mv=[3700, 3720, 3740, 3760], charger=[False, True, True, False])
    assert [r[0] for r in rows] == [LOW, CHARGING, CHARGING, NORMAL]
    assert rows[2][1] > rows[0][1]


def test_hours_left_come_from_the_rate_that_is_seen(watch: Any) -> None:
    # 10 % an hour along the curve's straight middle piece: 3950 -> 3870 mV is 70 -> 60 %.
    rows = watch(mv=[3950 - 80 * i // 360 for i in range(361)])
    assert all((hours < 0) == (percent > 67) for _, percent, _, hours in rows)  # 3 % tell enough
    assert rows[-1][1] == 60
    assert rows[-1][3] == pytest.approx(6, abs=1)


def test_low_then_empty_after_three_readings_not_one(watch: Any) -> None:
    rows = watch(mv=[3700, 3290, 3700, 3290, 3290, 3290, 3290])
    assert [r[0] for r in rows] == [LOW, LOW, LOW, LOW, LOW, EMPTY, EMPTY]
    assert [r[0] for r in watch(mv=[3714, 3713])] == [NORMAL, LOW], "16 %, 15 %"
    assert [r[0] for r in watch(mv=[3299] * 3)] == [LOW, LOW, EMPTY]
    assert [r[0] for r in watch(mv=[3300] * 4)] == [LOW] * 4


def test_an_empty_cell_that_recovers_is_still_empty(watch: Any) -> None:
    """It does, by some tens of millivolts, once nothing is sampled; then it is drained again."""
    rows = watch(mv=[3290] * 3 + [3310, 3340, 3400, 3440] + [3290, 3400] * 3)
    assert [r[0] for r in rows] == [LOW, LOW] + [EMPTY] * 11
    rows = watch(mv=[3290] * 3 + [3440, 3441])
    assert [r[0] for r in rows[2:]] == [EMPTY, EMPTY, LOW], "another cell: 150 mV more"
    rows = watch(mv=[3290] * 3 + [3400] * 3, charger=[False] * 3 + [True, True, False])
    assert [r[0] for r in rows[2:]] == [EMPTY, CHARGING, CHARGING, LOW]


def test_too_hot_and_too_cold_with_hysteresis(watch: Any) -> None:
    rows = watch(celsius=[30, 43, 42, 41, 30, -10, -9, -7])
    assert [r[0] for r in rows] == [NORMAL, HOT, HOT, HOT, NORMAL, COLD, COLD, NORMAL]
    assert [r[0] for r in watch(celsius=[42, -9])] == [NORMAL, NORMAL]
    assert rows[0][1] == -1, "a board without a battery input invents no percentage"


def test_over_the_wrap_of_ticks_ms(watch: Any) -> None:
    plain = watch(mv=discharge(3, 3950, 3850))
    wrapped = watch(mv=discharge(3, 3950, 3850), start=2**30 - 3_600_000)
    assert wrapped == plain


CHARGED = """
import json, sys, time
sys.path.insert(0, %r)
from monitor import power as m

class Board:
    plugged = False
    looks = 0
    def battery_millivolts(self): return 3900
    def charger_present(self):
        self.looks += 1
        return self.plugged
board = Board()
p = m.Power(board)
p._next = p._looked = p._minutes_at = 0
told = []
plugged = json.loads(sys.stdin.readline())
for now in range(0, 60000, 250):
    board.plugged = plugged[0] <= now < plugged[1]
    if p.step(now):
        told.append((now, p.state))
print(json.dumps([told, board.looks]))
"""


@pytest.mark.parametrize("at", [11_000, 12_250, 19_000])
def test_a_charger_is_seen_within_a_second(
    firmware_job: Callable[[str, Any], Any], at: int
) -> None:
    told, looks = firmware_job(CHARGED, [at, at + 20_000])
    (first, state), (came, charging), (went, normal) = told
    assert (first, state, charging, normal) == (0, NORMAL, CHARGING, NORMAL)
    assert at <= came <= at + 1000
    assert at + 20_000 <= went <= at + 30_000
    assert looks < 60, "once a second, not at every turn"
