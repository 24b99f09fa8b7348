"""Figures from beats: checked by hand, and by an independent library for variability."""

import numpy as np
import pytest

from heartlog.analysis import AnalysisSettings, analyse
from heartlog.analysis.hrv import variability
from heartlog.analysis.rate import pauses, rate_runs, rate_summary
from heartlog.analysis.rhythm import ectopy, irregular_screen
from heartlog.analysis.rr import classify_rr, usable
from heartlog.cli.show import summary
from heartlog.errors import UsageProblem
from heartlog.overview import Overview
from heartlog.report import make_report
from heartlog.report.strips import unusable
from heartlog.review.model import ReviewModel
from heartlog.store import AFTER_GAP, BEAT, BeatKind, Record
from heartlog.store.types import DOUBTFUL

RULES = AnalysisSettings()


def beats_of(rr_ms, kinds=None, start=1_000_000.0):
    """Beats whose RR intervals are given; the first one's is unknown."""
    rr = np.asarray(rr_ms, float)
    out = np.zeros(len(rr) + 1, BEAT)
    out["time"][0] = start
    out["time"][1:] = start + np.cumsum(rr) / 1000.0
    out["rr_ms"][1:] = rr
    out["seq"] = np.arange(1, len(out) + 1)
    out["kind"] = BeatKind.NORMAL
    out["confidence"] = 100
    if kinds:
        for at, kind in kinds.items():
            out["kind"][at] = kind
    return out


def synthetic_rr(count, seed=3):
    """RR with respiratory (0.25 Hz) and slow (0.1 Hz) variation, and noise."""
    rng = np.random.default_rng(seed)
    rr, t = [], 0.0
    for _ in range(count):
        value = 850 + 40 * np.sin(2 * np.pi * 0.25 * t) + 30 * np.sin(2 * np.pi * 0.1 * t)
        value += 8 * rng.standard_normal()
        rr.append(value)
        t += value / 1000.0
    return np.array(rr)


def test_rate_pauses_and_extremes():
    rr = [800.0] * 50 + [2400.0] + [800.0] * 20 + [400.0] * 12 + [800.0] * 20
    beats = beats_of(rr)
    intervals = classify_rr(beats, RULES)
    summary = rate_summary(beats, intervals, RULES)
    assert summary.longest_rr_ms == 2400
    assert summary.highest == pytest.approx(150.0)
    assert summary.mean == pytest.approx(60_000 / np.mean(rr))
    (pause,) = pauses(beats, intervals, RULES)
    assert pause.rr_ms == 2400
    assert not pause.doubtful
    beats["flags"][51] |= DOUBTFUL
    assert pauses(beats, intervals, RULES)[0].doubtful
    assert pause.at == pytest.approx(beats["time"][50])
    (run,) = rate_runs(beats, intervals, RULES)
    assert (run.kind, run.beats) == ("fast", 12)
    assert run.extreme == pytest.approx(150.0)


def test_nothing_is_counted_across_a_gap():
    beats = beats_of([800.0] * 10)
    beats["time"][6:] += 30.0
    beats["rr_ms"][6] = 30_800.0
    beats["flags"][6] |= AFTER_GAP
    intervals = classify_rr(beats, RULES)
    assert not intervals.known[6]
    assert pauses(beats, intervals, RULES) == []
    assert rate_summary(beats, intervals, RULES).longest_rr_ms == 800


def test_an_interval_over_a_beat_that_is_left_out_is_unknown():
    beats = beats_of([800.0] * 10, {5: BeatKind.ARTEFACT})
    left = usable(beats, RULES)
    assert len(left) == 10
    assert left["rr_ms"].tolist() == [0, 800, 800, 800, 800, 0, 800, 800, 800, 800]


def test_nn_leaves_out_what_is_not_between_normal_beats():
    rr = [800.0] * 40
    rr[20], rr[21] = 500.0, 1100.0
    beats = beats_of(rr, {21: BeatKind.WIDE})
    intervals = classify_rr(beats, RULES)
    assert np.flatnonzero(~intervals.nn).tolist() == [0, 21, 22]
    assert intervals.left_out["not between two normal beats"] == 2
    assert intervals.nn_percent_out == pytest.approx(100 * 2 / 40)


def test_couplets_runs_and_bigeminy():
    wide = [5, 10, 11, 20, 21, 22, 23, 40, 42, 44, 46]
    beats = beats_of([800.0] * 60, dict.fromkeys(wide, BeatKind.WIDE))
    found = ectopy(beats, BeatKind.WIDE)
    assert (found.count, found.couplets, found.runs, found.longest_run) == (11, 1, 1, 4)
    assert found.bigeminy == 1
    assert found.burden == pytest.approx(100 * 11 / 61)
    beats["rr_ms"][22] = 0
    assert ectopy(beats, BeatKind.WIDE).couplets == 3  # a gap splits the run of four


@pytest.mark.parametrize("seed", [3, 8, 21])
def test_variability_agrees_with_neurokit2(seed):
    """Time domain within 0.1 %, Poincaré within 0.5 %, LF and HF within 10 % (other window)."""
    neurokit2 = pytest.importorskip("neurokit2", reason="neurokit2 is not installed")
    rr = np.round(synthetic_rr(355, seed))
    beats = beats_of(rr)
    ours = variability(beats["time"], beats["rr_ms"], np.r_[False, np.ones(len(rr), bool)], RULES)
    peaks = np.r_[0, np.cumsum(rr)].astype(int)
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the other library's own deprecations
        time = neurokit2.hrv_time(peaks, sampling_rate=1000)
        poincare = neurokit2.hrv_nonlinear(peaks, sampling_rate=1000)
        frequency = neurokit2.hrv_frequency(
            peaks, sampling_rate=1000, psd_method="welch", interpolation_rate=4, normalize=False
        )
    for name, value in (
        ("HRV_MeanNN", ours.mean_nn),
        ("HRV_SDNN", ours.sdnn),
        ("HRV_RMSSD", ours.rmssd),
    ):
        assert value == pytest.approx(float(time[name].iloc[0]), rel=1e-3), name
    # It divides by the number of intervals, not of differences: one in 355.
    assert ours.pnn50 == pytest.approx(float(time["HRV_pNN50"].iloc[0]), rel=5e-3)
    for name, value in (("HRV_SD1", ours.sd1), ("HRV_SD2", ours.sd2)):
        assert value == pytest.approx(float(poincare[name].iloc[0]), rel=5e-3), name
    for name, value in (("HRV_LF", ours.lf_ms2), ("HRV_HF", ours.hf_ms2)):
        theirs = float(frequency[name].iloc[0])
        assert value == pytest.approx(theirs, rel=0.10), name


def test_spectrum_holds_the_power_that_was_put_in():
    """A sine of 40 ms at 0.25 Hz has 800 ms², one of 30 ms at 0.1 Hz has 450 ms²."""
    rr = synthetic_rr(2200)
    beats = beats_of(rr)
    nn = np.r_[False, np.ones(len(rr), bool)]
    ours = variability(beats["time"], beats["rr_ms"], nn, RULES)
    assert ours.hf_ms2 == pytest.approx(800, rel=0.12)
    assert ours.lf_ms2 == pytest.approx(450, rel=0.12)
    assert ours.segments == ours.segments_total == 6


def test_regular_rhythm_with_extrasystoles_is_not_called_irregular():
    rr = synthetic_rr(1000)
    kinds = {}
    for at in range(30, 970, 9):
        rr[at], rr[at + 1] = 0.6 * rr[at], 1.4 * rr[at + 1]
        kinds[at + 1] = BeatKind.WIDE
    beats = beats_of(rr, kinds)
    assert irregular_screen(beats, classify_rr(beats, RULES), RULES).irregular == 0


def test_irregular_screen_on_mitdb(ecg_dir):
    """Seconds of annotated atrial fibrillation found, and other seconds not called irregular."""
    from heartlog.importing import read_file
    from heartlog.importing.common import pack

    hit = fibrillation = false = other = 0
    for header in sorted((ecg_dir / "mitdb").glob("*.hea")):
        test = read_file(header)
        packed = pack(test)
        beats = np.zeros(len(packed), BEAT)
        beats["time"] = packed["sample"] / test.rate
        beats["rr_ms"] = packed["rr"] * 1000.0 / test.rate
        beats["kind"] = packed["kind"]
        screen = irregular_screen(beats, classify_rr(beats, RULES), RULES)
        length = 1805
        truth, found = np.zeros(length, bool), np.zeros(length, bool)
        rhythm = [(at, text) for at, text in test.notes if text.startswith("(")]
        ends = [at for at, _ in rhythm[1:]] + [length * 360]
        for (at, text), end in zip(rhythm, ends, strict=True):
            if text == "(AFIB":
                truth[at // 360 : end // 360] = True
        for start, stop in screen.episodes:
            found[int(start) : int(stop)] = True
        hit += int((found & truth).sum())
        fibrillation += int(truth.sum())
        false += int((found & ~truth).sum())
        other += int((~truth).sum())
    assert hit / fibrillation >= 0.92
    assert false / other <= 0.105


def test_analysis_of_a_stored_session(store):
    """Lead-off, gap and reboot reach the figures; percentages are of the span gathered."""
    start = 1_790_000_000.0
    session = store.open_session("aa", rate=250.0, started_at=start)
    records = [Record(1, "boot", 0, {"rate": 250, "boot": 1}, boot=1)]
    records.append(Record(2, "sync", 0, {"host_time": start, "uncertainty_ms": 5}, boot=1))
    records.append(Record(3, "signal", 0, {"state_name": "good", "electrodes_off": ""}, boot=1))
    seq = 4
    for n in range(1, 101):
        if n == 41:
            off = {"state_name": "lead off", "electrodes_off": "LA"}
            records.append(Record(seq, "signal", n * 250 - 200, off, boot=1))
            seq += 1
        if 41 <= n <= 60:
            continue
        if n == 61:
            good = {"state_name": "good", "electrodes_off": ""}
            records.append(Record(seq, "signal", n * 250 - 200, good, boot=1))
            seq += 1
        flags, rr = (AFTER_GAP, 0) if n in (1, 61) else (0, 250)
        fields = {"rr": rr, "flags": flags, "kind": 1, "confidence": 90}
        records.append(Record(seq, "beat", n * 250, fields, boot=1))
        seq += 1
    store.append(session.id, records)
    a = analyse(store.session(session.id), store.timeline(session.id))
    assert a.quality.off_seconds == {"LA": pytest.approx(20.0)}
    assert a.quality.off_times == {"LA": 1}
    assert a.quality.span_seconds == pytest.approx(100.0)
    assert a.quality.analysable_percent == pytest.approx(80.0)
    assert a.rate.mean == pytest.approx(60.0)
    assert a.rate.longest_rr_ms == 1000
    plain = a.as_dict()
    assert plain["quality"]["analysable_percent"] == pytest.approx(80.0)
    import json

    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_a_host_clock_set_back_between_two_starts_is_told_and_breaks_nothing(store):
    """Times of two starts overlap: said, and no figure needs time to go forward."""
    session = store.open_session("aa", rate=250.0, started_at=1.79e9)
    rng = np.random.default_rng(5)
    records, seq = [], 0
    for boot, first in ((1, 1.79e9), (2, 1.79e9 + 300.0)):
        records.append(Record(seq + 1, "boot", 0, {"rate": 250, "boot": boot}, boot=boot))
        point = {"host_time": first, "uncertainty_ms": 5}
        records.append(Record(seq + 2, "sync", 0, point, boot=boot))
        index, seq = 0, seq + 2
        for _ in range(600):
            rr = int(rng.integers(240, 260))
            index, seq = index + rr, seq + 1
            fields = {"rr": rr, "flags": 0, "kind": 1, "confidence": 90}
            records.append(Record(seq, "beat", index, fields, boot=boot))
    store.append(session.id, records)
    found = analyse(store.session(session.id), store.timeline(session.id))
    assert found.quality.setbacks == ((2, pytest.approx(300.0, abs=10.0)),)
    (told,) = found.quality.clock_remarks
    assert "before start 1 ended: the computer's clock was set back" in told
    assert found.hrv.segments >= 1
    assert found.hrv.lf_ms2 > 0


def test_a_host_clock_set_during_a_recording_is_told_wherever_times_are_read(store, tmp_path):
    """An hour ahead until the middle: all times are those of the right clock, and it is said."""
    session = store.open_session("aa", rate=250.0, started_at=1.79e9 + 3600.0)
    records = [Record(1, "boot", 0, {"rate": 250, "boot": 1}, boot=1)]
    for n in range(900):
        fields = {"rr": 200, "flags": 0, "kind": 1, "confidence": 90}
        records.append(Record(len(records) + 1, "beat", 200 * n, fields, boot=1))
        if n % 75 == 0:
            wrong = 3600.0 if n < 450 else 0.0
            point = {"host_time": 1.79e9 + 0.8 * n + wrong, "uncertainty_ms": 5}
            records.append(Record(len(records) + 1, "sync", 200 * n, point, boot=1))
    store.append(session.id, records)
    line = store.timeline(session.id)
    assert line.beats["time"][0] == pytest.approx(1.79e9, abs=0.1)
    assert line.beats["time"][-1] == pytest.approx(1.79e9 + 899 * 0.8, abs=0.1)
    said = "clock was set once during the recording: all times of day there follow it"
    assert said in dict(summary(Overview.of(store, session.id)))["Clock"]
    entries = ReviewModel(store, session.id).entries("quality")
    assert any(e.what == "clock" and said in e.text for e in entries)
    make_report(store, session.id, [tmp_path / "r.html"])
    assert said in (tmp_path / "r.html").read_text().replace("\n", " ")


def test_the_state_that_counts_is_of_the_detectors_channel(store):
    session = store.open_session("aa", rate=250.0, started_at=1.79e9)

    def signal(seq, second, channel, state, off=""):
        fields = {"state_name": state, "electrodes_off": off, "channel": channel}
        return Record(seq, "signal", second * 250, fields)

    records = [
        signal(1, 0, 1, "good"),
        signal(2, 0, 2, "good"),
        signal(3, 10, 1, "lead off", "LA"),
        signal(4, 10, 2, "good", "LA"),
        signal(5, 20, 2, "noisy", "LA"),
        signal(6, 40, 1, "good"),
        signal(7, 40, 2, "good"),
        Record(8, "setting", 60 * 250, {"key": 1, "value": 1}),
        signal(9, 60, 2, "good"),
        signal(10, 70, 1, "flat"),
        signal(11, 100, 2, "good"),
    ]
    store.append(session.id, records)
    q = analyse(store.session(session.id), store.timeline(session.id)).quality
    assert q.state_seconds == {"good": pytest.approx(70.0), "lead off": pytest.approx(30.0)}
    assert (q.off_seconds, q.off_times) == ({"LA": pytest.approx(30.0)}, {"LA": 1})
    assert q.bad_spans == ((1.79e9 + 10, 1.79e9 + 40, "lead off: LA"),)
    # And a row of ECG paper that shows the flat line says what it is.
    assert unusable(q, 1.79e9 + 38, 1.79e9 + 45) == ["lead off: LA"]
    assert unusable(q, 1.79e9 + 41, 1.79e9 + 48) == []


@pytest.mark.parametrize("flags", [0, DOUBTFUL])
def test_a_doubtful_pause_is_listed_but_not_urgent(store, flags):
    session = store.open_session("aa", rate=250, started_at=1000.0)
    records = [Record(1, "boot", 0, {"rate": 250}, boot=1)]
    index = 0
    for seq in range(2, 40):
        rr = 1050 if seq == 20 else 250
        index += rr
        fields = {"rr": rr, "flags": flags if seq == 20 else 0, "kind": 1, "confidence": 90}
        records.append(Record(seq, "beat", index, fields, boot=1))
    store.append(session.id, records)
    a = analyse(store.session(session.id), store.timeline(session.id))
    (pause,) = a.pauses
    assert pause.rr_ms == 4200
    assert pause.doubtful is bool(flags)
    assert [u.text for u in a.urgent if "Pause" in u.text] == (
        [] if flags else ["Pause of 4.20 s (1 of 3.0 s or more)"]
    )


@pytest.mark.parametrize("noisy", [False, True])
def test_an_urgent_run_amid_noise_says_so_and_gives_way_to_one_in_a_clear_signal(store, noisy):
    session = store.open_session("aa", rate=250, started_at=1000.0)
    records = [Record(1, "boot", 0, {"rate": 250}, boot=1)]
    for seq in range(2, 60):
        flags = DOUBTFUL if noisy and 20 <= seq < 27 else 0
        kind = BeatKind.WIDE if 20 <= seq < 27 or 40 <= seq < 44 else BeatKind.NORMAL
        fields = {"rr": 250, "flags": flags, "kind": int(kind), "confidence": 90}
        records.append(Record(seq, "beat", 250 * (seq - 1), fields, boot=1))
    store.append(session.id, records)
    a = analyse(store.session(session.id), store.timeline(session.id))
    length = 4 if noisy else 7
    assert [u.text for u in a.urgent] == [f"Run of {length} wide beats (2 of 4 or more)"]
    alone = analyse(
        store.session(session.id), store.timeline(session.id), AnalysisSettings(urgent_wide_run=5)
    )
    end = "; the signal is noisy there, look at the strip" if noisy else ""
    assert [u.text for u in alone.urgent] == [f"Run of 7 wide beats (1 of 5 or more){end}"]


def test_the_time_without_power_is_a_gap_for_show_as_for_the_report(store):
    """A restart in the middle of a loose electrode, whose time ends where the power went."""
    session = store.open_session("aa", rate=250.0, started_at=1.79e9)
    records = []
    for boot, began in ((1, 0.0), (2, 160.0)):
        point = {"host_time": 1.79e9 + began, "uncertainty_ms": 5}
        records += [
            Record(1000 * boot + 1, "boot", 0, {"rate": 250, "boot": boot}, boot=boot),
            Record(1000 * boot + 2, "sync", 0, point, boot=boot),
            Record(1000 * boot + 3, "signal", 0, {"state_name": "good", "channel": 1}, boot=boot),
        ]
        for n in range(1, 100):
            fields = {"rr": 250, "flags": 0, "kind": 1, "confidence": 90}
            records.append(Record(1000 * boot + 3 + n, "beat", 250 * n, fields, boot=boot))
    off = {"state_name": "lead off", "electrodes_off": "LA", "channel": 1}
    records.append(Record(1150, "signal", 80 * 250, off, boot=1))
    store.append(session.id, sorted(records, key=lambda r: r.seq))
    q = analyse(store.session(session.id), store.timeline(session.id)).quality
    seen = Overview.of(store, session.id)
    assert [(g.detail, round(g.seconds)) for g in seen.gaps] == [("no power, or restarting", 61)]
    assert [(g.reason, round(g.seconds)) for g in q.gaps] == [("no power, or restarting", 61)]
    assert seen.lead_off_seconds == pytest.approx(q.state_seconds["lead off"])
    assert 100 * seen.usable_share == pytest.approx(q.analysable_percent, abs=0.5)


def test_settings_are_read_by_name():
    assert AnalysisSettings.parse(["pause_ms=2500", "run_beats=4"]).run_beats == 4
    with pytest.raises(UsageProblem, match="no analysis setting 'pauze'"):
        AnalysisSettings.parse(["pauze=1"])
    with pytest.raises(UsageProblem, match="is not a number"):
        AnalysisSettings.parse(["pause_ms=long"])
    for absurd in ("pause_ms=nan", "pause_ms=-5", "tachy_bpm=inf", "rate_beats=0"):
        with pytest.raises(UsageProblem, match="makes no sense"):
            AnalysisSettings.parse([absurd])


def test_an_empty_session_has_figures_too(store):
    session = store.open_session("aa", started_at=5.0)
    a = analyse(session, store.timeline(session.id))
    assert a.rate.mean is None
    assert a.hrv.sdnn is None
    assert a.quality.analysable_percent == 0.0
