"""Checks of how long the signal state takes to change, and of what it says meanwhile."""

from bench import clean
from signal import Run

from monitor import quality as q
from monitor import quality_words as words

STEP_MS = 100


def lasts(run, state, limit_ms):
    """Milliseconds until channel 1 is no longer in `state`."""
    ms = 0
    while run.state(0) == state:
        run.run(STEP_MS)
        ms += STEP_MS
        assert ms < limit_ms, words.text(run.quality, 0)
    return ms


def check_noise_begins_and_ends_slowly(part):
    """Two windows of half a second to begin, four clean ones to end; one is nothing."""
    r = Run(part).run(3000)
    r.board.electrodes.set("LA", hum_uv=1500)
    assert 400 <= lasts(r, "good", 2000) <= 1600
    assert r.state(0) == "noisy"
    r.run(2000)
    r.board.electrodes.set("LA", hum_uv=0)
    assert 1400 <= lasts(r, "noisy", 4000) <= 3000
    assert r.state(0) == "good"
    r.board.electrodes.set("LA", hum_uv=1500)
    r.run(300)
    r.board.electrodes.set("LA", hum_uv=0)
    r.run(2000)
    assert r.state(0) == "good"
    clean(r.board)


def check_a_rail_begins_at_once_and_ends_after_a_second(part):
    r = Run(part).run(3000)
    r.board.electrodes.set("LA", offset_mv=900)
    assert lasts(r, "good", 1500) <= 1100
    assert r.state(0) == "saturated"
    r.run(2000)
    r.board.electrodes.set("LA", offset_mv=0)
    assert 600 <= lasts(r, "saturated", 3000) <= 1900
    assert r.state(0) == "good"
    clean(r.board)


def check_what_settles_says_after_what(part):
    """For a second, with the reason that began it."""
    r = Run(part).run(3000)
    r.board.electrodes.set("LA", on=False)
    r.run(1000)
    assert r.state(0) == "lead off"
    r.board.electrodes.set("LA", on=True)
    lasts(r, "lead off", 1500)
    reasons = set()
    ms = 0
    while r.state(0) == "settling":
        reasons.add(r.quality.reason[0])
        r.run(STEP_MS)
        ms += STEP_MS
    assert reasons == {q.AFTER_ELECTRODE} and 400 <= ms <= 1600, (reasons, ms)
    assert r.state(0) == "good"
    clean(r.board)


def check_a_front_end_that_does_not_deliver_is_news_once(part):
    r = Run(part).run(3000)
    assert r.quality.not_delivering()
    assert r.state(0) == "fault" and not r.quality.not_delivering()
    r.run(2000)
    assert r.state(0) == "good"
    r.sampler.pause()
    r.run(1000)
    r.sampler.resume()
    told = len(r.changes)
    while len(r.changes) == told:
        r.run(20)
        assert r.state(0) == "good" or len(r.changes) > told, words.text(r.quality, 0)
    assert r.state(0) == "settling" and r.quality.reason[0] == q.AFTER_RESTART
    lasts(r, "settling", 2000)
    assert r.state(0) == "good"
    clean(r.board)
