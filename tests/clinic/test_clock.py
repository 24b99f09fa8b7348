"""Wall time from the sample index: drift, jumps, wraps, boots; nothing is guessed in silence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartlog.store import Record
from heartlog.store.clockfit import fit_clock, guess_clock
from heartlog.store.reading import unwrap

RATE = 250.0
T0 = 1_790_000_000.0


def points(hours=24.0, ppm=0.0, every=300.0, noise_ms=5.0, seed=1):
    rng = np.random.default_rng(seed)
    index = np.arange(0, hours * 3600 * RATE, every * RATE).astype(np.int64)
    true = T0 + index / (RATE * (1 + ppm * 1e-6))
    return index, true + rng.normal(0, noise_ms / 1000, len(index)), np.full(len(index), noise_ms)


@pytest.mark.parametrize("ppm", [-80.0, 0.0, 35.0])
def test_drift_is_found(ppm):
    index, time, uncertainty = points(ppm=ppm)
    fit = fit_clock(index, time, uncertainty, RATE)
    assert fit.drift_ppm == pytest.approx(ppm, abs=0.2)
    assert fit.residual_ms == pytest.approx(5.0, rel=0.2), "what the points were off by"
    middle = index[len(index) // 2]
    assert fit.time(middle) == pytest.approx(T0 + middle / (RATE * (1 + ppm * 1e-6)), abs=0.003)
    assert fit.raw_time(middle) - fit.time(middle) == pytest.approx(
        middle / RATE * ppm * 1e-6, abs=0.05
    )


def test_one_point_gives_the_nominal_rate():
    fit = fit_clock([5000], [T0], [20.0], RATE)
    assert (fit.rate, fit.used) == (RATE, 1)
    assert fit.time(5250) == pytest.approx(T0 + 1)


def test_a_few_seconds_do_not_rule_the_slope():
    fit = fit_clock([0, 500], [T0, T0 + 2.1], [50.0, 50.0], RATE)
    assert fit.rate == RATE


def test_a_host_clock_that_was_set_counts_as_a_jump_and_the_later_time_holds():
    index, time, uncertainty = points()
    time[: len(time) // 2] -= 3600.0
    fit = fit_clock(index, time, uncertainty, RATE)
    assert fit.jumps == 1
    assert fit.used == len(index) - len(index) // 2
    assert fit.time(index[0]) == pytest.approx(T0, abs=0.05)


@pytest.mark.parametrize("odd", [-1800.0, -0.5, 5.0, 9000.0])
@pytest.mark.parametrize("side", [-1, 0])
def test_an_odd_point_where_the_clock_was_set_is_no_jump_of_its_own(odd, side):
    index, time, uncertainty = points()
    set_at = len(time) // 2
    time[:set_at] -= 3600.0
    time[set_at + side] = T0 + index[set_at + side] / RATE + odd
    fit = fit_clock(index, time, uncertainty, RATE)
    assert fit.jumps == 1
    assert fit.time(index[0]) == pytest.approx(T0, abs=0.05)


@pytest.mark.parametrize("between", [2, 3, 20])
def test_a_clock_that_was_set_twice_has_jumped_twice(between):
    """As long as it was compared twice in between: one point alone may be an odd one."""
    index, time, uncertainty = points()
    half = len(time) // 2
    time[: half - between] -= 0.3
    time[half - between : half] += 7200.0
    fit = fit_clock(index, time, uncertainty, RATE)
    assert fit.jumps == 2
    assert fit.time(index[0]) == pytest.approx(T0, abs=0.05)


@pytest.mark.parametrize("step", [0.3, -0.3, 0.15])
@pytest.mark.parametrize("ppm", [50.0, -50.0])
def test_a_step_by_ntp_in_the_middle_is_found(step, ppm):
    """128 ms and more are stepped (RFC 5905): over ten minutes a crystal may look like that."""
    index, time, uncertainty = points(ppm=ppm, every=600.0, noise_ms=8.0)
    time[: len(time) // 2] += step
    fit = fit_clock(index, time, uncertainty, RATE)
    assert fit.jumps == 1
    true = T0 + index / (RATE * (1 + ppm * 1e-6))
    assert np.abs(fit.time(index) - true).max() < 0.015


@pytest.mark.parametrize("seed", range(5))
def test_a_day_is_true_within_milliseconds(seed):
    """The accuracy that is stated: 50 ppm, a comparison every ten minutes, each off by as much as
    its uncertainty allows, one in twenty a bad one: within 5 ms, where the nominal rate is 4.3 s
    off by the end."""
    rng = np.random.default_rng(seed)
    index = np.arange(0, 24 * 3600 * RATE, 600 * RATE).astype(np.int64)
    true = T0 + index / (RATE * (1 + 50e-6))
    uncertainty = rng.uniform(8, 25, len(index))
    time = true + rng.uniform(-1, 1, len(index)) * uncertainty / 1000
    odd = rng.random(len(index)) < 0.05
    time[odd] += rng.uniform(0.05, 0.5, np.count_nonzero(odd))
    fit = fit_clock(index, time, uncertainty, RATE)
    assert np.abs(fit.time(index) - true).max() < 0.005
    raw = fit.raw_time(index[-1]) - fit.time(index[-1])
    assert raw == pytest.approx(24 * 3600 * 50e-6, abs=0.05)


def test_single_odd_points_are_left_out():
    index, time, uncertainty = points()
    for at in (0, 40, len(index) - 1):
        time[at] += 7.0
    fit = fit_clock(index, time, uncertainty, RATE)
    assert fit.time(index[100]) == pytest.approx(T0 + index[100] / RATE, abs=0.005)


def test_a_slow_answer_weighs_little():
    index, time, uncertainty = points(noise_ms=2.0)
    time[::2] += 0.3
    uncertainty[::2] = 400.0
    fit = fit_clock(index, time, uncertainty, RATE)
    assert fit.time(index[10]) == pytest.approx(T0 + index[10] / RATE, abs=0.003)


def test_a_boot_without_points_says_so():
    fit = guess_clock(100, T0, RATE)
    assert not fit.known
    assert fit.time(350) == T0 + 1


@given(
    start=st.integers(0, 2**33),
    steps=st.lists(st.integers(-300, 2**31 - 1), max_size=50),
)
def test_unwrapping_gives_back_the_steps(start, steps):
    true = np.cumsum([start, *steps])
    wrapped = true % 2**32
    assert np.array_equal(np.diff(unwrap(wrapped)), np.diff(true))
    assert np.array_equal(unwrap(wrapped, near=start), true)


def test_a_session_across_the_wrap_of_the_index(store):
    """The index passes 2^32 in the middle: beats, sync points and gaps stay in line."""
    session = store.open_session("aa", rate=RATE, started_at=T0)
    first = 2**32 - 250 * 60
    records = [Record(1, "boot", first, {"rate": 250}, boot=4)]
    seq = 2
    for n in range(120):
        at = (first + 250 * n) % 2**32
        if n % 30 == 0:
            fields = {"host_time": T0 + n, "uncertainty_ms": 1.0}
            records.append(Record(seq, "sync", at, fields, boot=4))
            seq += 1
        records.append(Record(seq, "beat", at, {"rr": 250, "kind": 1}, boot=4))
        seq += 1
    records.append(Record(seq, "gap", 250 * 60 % 2**32, {"lost": 10}, boot=4))
    store.append(session.id, records)
    line = store.timeline(session.id)
    assert np.all(np.diff(line.beats["index"]) == 250)
    assert np.allclose(line.beats["time"], T0 + np.arange(120), atol=1e-3)
    assert line.of("gap")[0].time == pytest.approx(T0 + 120, abs=0.01)


def test_a_peak_just_before_the_first_sample_is_a_small_negative_index(store):
    session = store.open_session("aa", rate=RATE, started_at=T0)
    store.append(
        session.id,
        [
            Record(1, "boot", 0, {"rate": 250}, boot=1),
            Record(2, "beat", 2**32 - 5, {"rr": 0}, boot=1),
            Record(3, "beat", 195, {"rr": 200}, boot=1),
        ],
    )
    assert store.beats(session.id)["index"].tolist() == [-5, 195]


def test_each_boot_has_its_own_clock_and_the_time_between_is_a_gap(store):
    from heartlog.analysis import analyse

    session = store.open_session("aa", rate=RATE, started_at=T0)
    records, seq = [], 1
    for boot, begins in ((1, T0), (2, T0 + 600.0)):
        records.append(Record(seq, "boot", 0, {"rate": 250, "boot": boot}, boot=boot))
        fields = {"host_time": begins, "uncertainty_ms": 1.0}
        records.append(Record(seq + 1, "sync", 0, fields, boot=boot))
        seq += 2
        for n in range(1, 61):
            values = {"rr": 250 if n > 1 else 0, "kind": 1}
            records.append(Record(seq, "beat", 250 * n, values, boot=boot))
            seq += 1
    store.append(session.id, records)
    line = store.timeline(session.id)
    assert line.beats["time"][60] == pytest.approx(T0 + 601.0)
    assert [f.device_boot for f in line.fits] == [1, 2]
    a = analyse(store.session(session.id), line)
    (gap,) = a.quality.gaps
    assert gap.seconds == pytest.approx(540.0)
    assert a.rate.longest_rr_ms == 1000
    assert a.pauses == ()


def test_starts_that_no_host_met_lie_before_the_one_that_a_host_did(store):
    """Also once the list tells when the session began; and where the session began long before."""
    from heartlog.store.extent import extent, settle

    session = store.open_session("aa", rate=RATE, started_at=T0)
    records = []
    for boot in (1, 2, 3):
        records.append(Record(len(records) + 1, "boot", 0, {"rate": 250, "boot": boot}, boot=boot))
        for n in range(1, 301):
            values = {"rr": 250 if n > 1 else 0, "kind": 1}
            records.append(Record(len(records) + 1, "beat", 250 * n, values, boot=boot))
    point = {"host_time": T0, "uncertainty_ms": 1.0}  # it came after 300 s of the third
    records.append(Record(len(records) + 1, "sync", 250 * 300, point, boot=3))
    store.append(session.id, records)
    for _ in range(3):
        line = store.timeline(session.id)
        assert np.all(np.diff(line.beats["time"]) >= 0), "one start lies over another"
        assert [fit.known for fit in line.fits] == [False, False, True]
        assert line.beats["time"][-1] == pytest.approx(T0)
        assert extent(line) == (pytest.approx(T0 - 900.0), pytest.approx(T0))
        for fit in line.fits:
            mine = line.beats[line.beats["boot"] == fit.boot]
            assert fit.time(mine["index"]) == pytest.approx(mine["time"])
        settle(store, session.id)
        assert store.session(session.id).started_at == pytest.approx(T0 - 900.0)
    store.update_session(session.id, started_at=T0 - 5000.0)
    assert store.timeline(session.id).beats["time"][0] == pytest.approx(T0 - 4999.0)


def test_the_hour_that_comes_twice_is_told_apart(store):
    """UTC in the store; a report writes the patient's own clock, across the end of summer time."""
    from heartlog.report.clock import Clock

    before = 1_792_889_400.0  # 2026-10-25 00:50 UTC, 02:50 in Berlin, in summer time
    session = store.open_session("aa", started_at=before, time_zone="Europe/Berlin")
    clock = Clock.of(store.session(session.id), before, before + 1200)
    assert session.started_at == before
    assert clock.full(before) == "2026-10-25 02:50:00 CEST"
    assert clock.full(before + 1200) == "2026-10-25 02:10:00 CET"


def test_a_session_knows_the_zone_that_it_is_worn_in(tmp_path):
    from heartlog.recorder.zone import own_zone

    link = tmp_path / "localtime"
    link.symlink_to("/usr/share/zoneinfo/Europe/Berlin")
    assert own_zone("", link) == "Europe/Berlin"
    assert own_zone("Asia/Kathmandu", link) == "Asia/Kathmandu"
    assert own_zone(":America/New_York", link) == "America/New_York"
    assert own_zone("CET-1CEST", link) == "Europe/Berlin"
    assert own_zone("../../etc/passwd", tmp_path / "none") == "UTC"
