"""A front end's oscillator, straightened by the monitor's crystal: true over days of wear."""

import numpy as np
import pytest

from heartlog._firmware.monitor.link import wire
from heartlog.store import Record
from heartlog.store.clockfit import fit_clock, guess_clock
from heartlog.store.pace import TICKS_WRAP_MS, Pace

RATE = 250.0
T0 = 1_790_000_000.0
QUARTER = 900.0


class Oscillator:
    """0.4 % slow, and slower when it is warm: by 300 ppm within the day; `index` at a second."""

    def __init__(self, days):
        self.seconds = np.arange(0.0, days * 86400 + 1, 60.0)
        error = -4000e-6 + 300e-6 * np.sin(self.seconds / 86400 * 2 * np.pi)
        self._index = np.concatenate(([0.0], np.cumsum(RATE * (1 + error[:-1]) * 60.0)))

    def index(self, second):
        return np.floor(np.interp(second, self.seconds, self._index)).astype(np.int64)

    def notes(self, until, start_ms=123_456):
        at = np.array([15.0, 75.0, 315.0, *np.arange(1215.0, until, QUARTER)])
        ticks = (start_ms + at * 1000).astype(np.int64) % TICKS_WRAP_MS
        return list(zip(self.index(at).tolist(), ticks.tolist(), strict=True))


def compared(oscillator, at, crystal_ppm, seed):
    """Index, host's time and uncertainty (ms) of comparisons at these seconds of the crystal."""
    rng = np.random.default_rng(seed)
    uncertainty = rng.uniform(8, 40, len(at))
    error = rng.uniform(-1, 1, len(at)) * uncertainty / 1000
    return oscillator.index(at), T0 + at / (1 + crystal_ppm * 1e-6) + error, uncertainty


@pytest.mark.parametrize("seed", range(4))
def test_a_week_alone_between_two_hosts_is_true(seed):
    """Fitted, worn for a week with no computer near, fetched: two comparisons in all."""
    oscillator = Oscillator(7)
    at = np.array([30.0, 7 * 86400 - 60.0])
    pace = Pace.of(oscillator.notes(at[1]), nominal=RATE)
    fit = fit_clock(*compared(oscillator, at, 25.0, seed), RATE, pace=pace)
    beats = np.linspace(0, at[1], 20_000)
    true = T0 + beats / (1 + 25e-6)
    assert np.abs(fit.time(oscillator.index(beats)) - true).max() < 0.1
    assert np.abs(fit.raw_time(oscillator.index(beats)) - true).max() > 1000, "as it was sampled"
    assert fit.drift_ppm == pytest.approx(-4000, abs=100)
    assert fit.jumps == 0


def test_a_fetch_that_takes_minutes_does_not_rule_the_days_before():
    """After a restart nobody was near until the fetch: three comparisons within ten minutes."""
    oscillator = Oscillator(5)
    end = 5 * 86400 - 700.0
    at = end + np.array([0.0, 300.0, 600.0])
    index, time, uncertainty = compared(oscillator, at, 0.0, 1)
    pace = Pace.of(oscillator.notes(end), nominal=RATE)
    worst = 0.0
    for late in (-0.03, 0.03):  # the last answer came as late as its uncertainty allows
        time[-1], uncertainty[:] = T0 + at[-1] + late, 30.0
        fit = fit_clock(index, time, uncertainty, RATE, pace=pace)
        worst = max(worst, float(abs(fit.time(oscillator.index(0.0)) - T0)))
    assert worst < 40e-6 * end, "no worse than what a crystal is off by"


def test_a_host_clock_that_is_set_shortly_before_the_end_leaves_the_days_before_true():
    oscillator = Oscillator(3)
    at = np.arange(20.0, 3 * 86400, 600.0)
    index, time, uncertainty = compared(oscillator, at, 30.0, 5)
    time[:-4] -= 2.0
    pace = Pace.of(oscillator.notes(at[-1]), nominal=RATE)
    fit = fit_clock(index, time, uncertainty, RATE, pace=pace)
    assert fit.jumps == 1
    assert np.abs(fit.time(index) - T0 - at / (1 + 30e-6)).max() < 0.06


def test_while_it_charges_the_processor_counts():
    """Four minutes into a quarter of an hour, for ten minutes: the index goes on as by the
    nominal rate, and behind it there is a note."""
    began, ended = 3600.0 + 240.0, 3600.0 + 840.0
    slow = RATE * (1 - 5000e-6)

    def index(second):
        second = np.asarray(second, float)
        run = np.minimum(second, began) + np.maximum(second - ended, 0)
        paused = np.clip(second - began, 0, ended - began)
        return np.floor(run * slow + paused * RATE).astype(np.int64)

    at = np.array([15.0, 75.0, *np.arange(900.0, 3601.0, 900.0), ended + 0.3, 5400.0, 6300.0])
    notes = list(zip(index(at).tolist(), (at * 1000).astype(int).tolist(), strict=True))
    gap = (int(index(began)), int((ended - began) * RATE))
    fit = guess_clock(0, T0, RATE, pace=Pace.of(notes, [gap], RATE))
    seconds = np.arange(0.0, 6300.0, 7.0)
    off = fit.time(index(seconds)) - T0 - seconds
    assert np.ptp(off) < 0.02
    rough = guess_clock(0, T0, RATE, pace=Pace.of(notes, [], RATE))
    assert np.ptp(rough.time(index(seconds)) - T0 - seconds) > 0.5, "the gap tells nothing here"


@pytest.mark.parametrize("soon", [0.3, 2.0])
def test_a_note_behind_a_gap_does_not_tell_how_fast_samples_come(soon):
    """It is milliseconds behind the gap's end, itself told in milliseconds: what follows, up to a
    quarter of an hour, is as fast as what was seen before."""
    slow, began, ended = RATE * (1 - 5000e-6), 1800.0, 1830.0
    at = np.array([15.0, 75.0, 315.0, 1215.0, began - soon, ended + soon])
    run = np.where(at > began, at - (ended - began), at) * slow
    index = np.floor(run + np.where(at > began, (ended - began) * RATE, 0)).astype(int)
    ticks = (at * 1000).astype(int) + np.array([0, 0, 0, 0, -1, 1])
    gap = (int(began * slow), int((ended - began) * RATE))
    pace = Pace.of(list(zip(index.tolist(), ticks.tolist(), strict=True)), [gap], RATE)
    later = index[-1] + 850 * slow
    off = pace.even([later])[0] / RATE - float(pace.even([index[-1]])[0]) / RATE - 850.0
    assert abs(off) < 0.01


def test_ticks_wrap_and_notes_that_can_not_be_true_are_left_out():
    oscillator = Oscillator(1)
    notes = oscillator.notes(86400.0)
    wrapped = oscillator.notes(86400.0, start_ms=TICKS_WRAP_MS - 40_000_000)
    bad = [*notes[:5], (notes[5][0], 77), *notes[5:20], notes[3], *notes[20:]]
    index = oscillator.index(np.arange(0.0, 86000.0, 50.0))
    even = Pace.of(notes, nominal=RATE).even(index)
    assert np.allclose(Pace.of(wrapped, nominal=RATE).even(index), even, atol=0.5)
    assert np.allclose(Pace.of(bad, nominal=RATE).even(index), even, atol=0.5)
    assert not Pace.of(notes[:1], nominal=RATE).known
    assert np.array_equal(Pace().even([3, 4]), [3.0, 4.0])


def test_an_index_is_found_by_its_time_and_a_shifted_clock_is_the_same_clock():
    oscillator = Oscillator(1)
    fit = guess_clock(0, T0, RATE, pace=Pace.of(oscillator.notes(86400.0), nominal=RATE))
    for index in (0, 12_345, 10_000_000):
        assert fit.index(float(fit.time(index))) == index
        assert fit.moved(3600.0).time(index) == pytest.approx(fit.time(index) + 3600.0, abs=1e-6)
        assert fit.moved(3600.0).index(float(fit.time(index)) + 3600.0) == index


def test_a_stored_session_is_read_with_its_notes(store):
    """Also over the wrap of the index, and in its second boot, of which no host knew the time."""
    session = store.open_session("aa", rate=RATE, started_at=T0)
    oscillator, first = Oscillator(1), 2**32 - 500_000
    records, seq = [], 1
    for boot, (begin, until) in enumerate([(first, 20_000.0), (0, 5_000.0)], 1):
        records.append(Record(seq, "boot", begin % 2**32, {"rate": 250}, boot=boot))
        seq += 1
        for index, ticks in oscillator.notes(until):
            fields = {"counter": wire.NOTE_CRYSTAL, "value": ticks}
            records.append(Record(seq, "note", (begin + index) % 2**32, fields, boot=boot))
            seq += 1
        if boot == 1:
            sync = {"host_time": T0 + 50.0, "uncertainty_ms": 10.0}
            at = (begin + int(oscillator.index(50.0))) % 2**32
            records.append(Record(seq, "sync", at, sync, boot=boot))
            seq += 1
    store.append(session.id, records)
    one, two = store.timeline(session.id).fits
    assert float(one.time(first + oscillator.index(19_000.0))) == pytest.approx(
        T0 + 19_000, abs=0.2
    )
    assert float(
        np.diff(two.time(oscillator.index(np.array([0.0, 4_900.0]))))[0]
    ) == pytest.approx(4_900.0, abs=0.02)
