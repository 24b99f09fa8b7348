"""Each export is read back by a reader that we did not write."""

import csv
import datetime as dt
import json
import resource
import warnings

import numpy as np
import pytest
import wfdb

from heartlog.errors import UsageProblem, explain
from heartlog.export import FORMATS, export_session
from heartlog.export.common import collect
from heartlog.export.deidentify import deidentified
from heartlog.importing import ImportedTest, import_file, save
from heartlog.importing.common import Channel
from heartlog.records import notes, patients
from heartlog.store import BeatKind, Record

LETTERS = {0: "Q", 1: "N", 2: "S", 3: "V", 4: "F", 5: "/"}


@pytest.fixture
def session(store):
    """Ten minutes at 250/s with an ECG that has a hole, a fast stretch (300/min) and a patient."""
    rng = np.random.default_rng(7)
    rr = np.r_[np.full(300, 200), np.full(150, 50), rng.integers(180, 240, 300)]
    samples = 120 + np.cumsum(rr)
    kinds = rng.choice([1, 1, 1, 2, 3], len(samples)).astype(np.uint8)
    codes = (2e4 * rng.standard_normal(int(samples[-1]) + 300)).astype(np.int32)
    hole = (40_000, 45_000)
    test = ImportedTest(
        source="made by a test",
        rate=250.0,
        started_at=1_790_000_000.25,
        time_known=True,
        samples=samples,
        kinds=kinds,
        channels=[
            Channel("MLII", 250.0, 48.08, [(0, codes[: hole[0]]), (hole[1], codes[hole[1] :])])
        ],
        gaps=[(hole[0], hole[1] - hole[0], "samples overran")],
        events=[(30_000, "button")],
    )
    owner = patients.add(
        store,
        identifier="P 17",
        name="Zoë Müller",
        birth_date="1956-03-14",
        sex="female",
        indication="fainted in the bakery",
    )
    saved = save(store, test, owner.id)
    notes.add_diary(store, saved.id, saved.started_at + 90, "dizzy at Anna's house", who="me")
    notes.add_finding(store, saved.id, "Zoë has wide beats", who="me")
    return saved


def truth(store, session):
    line = store.timeline(session.id)
    (first, second) = store.ecg(session.id)
    return line.beats, first, second


def test_wfdb_reads_the_record_back(store, session, tmp_path):
    files, _ = export_session(store, session.id, "wfdb", tmp_path)
    assert {f.suffix for f in files} == {".hea", ".dat", ".atr"}
    name = str(tmp_path / f"session{session.id}")
    record, annotation = wfdb.rdrecord(name, physical=True), wfdb.rdann(name, "atr")
    beats, first, second = truth(store, session)
    marks = [(s, a) for s, a in zip(annotation.sample, annotation.symbol, strict=True) if a != '"']
    assert [s for s, _ in marks] == beats["index"].tolist()
    assert [a for _, a in marks] == [LETTERS[k] for k in beats["kind"].tolist()]
    signal = record.p_signal[:, 0] * 1000.0
    assert record.units == ["mV"]
    assert record.sig_name == ["MLII"]
    assert np.isnan(signal[40_000:45_000]).all()
    assert np.allclose(signal[:40_000], first.microvolts, atol=1e-3)
    assert np.allclose(signal[45_000 : second.stop], second.microvolts, atol=1e-3)
    assert record.base_datetime == dt.datetime(2026, 9, 21, 14, 13, 20, 250_000)


def test_pyedflib_reads_the_file_back(store, session, tmp_path):
    pyedflib = pytest.importorskip("pyedflib", reason="pyedflib is not installed")
    (path,), _ = export_session(store, session.id, "edf", tmp_path)
    with pyedflib.EdfReader(str(path)) as reader:
        assert reader.filetype == pyedflib.FILETYPE_EDFPLUS
        assert reader.getSignalLabels() == ["ECG MLII"]
        assert reader.getPhysicalDimension(0) == "uV"
        assert reader.getSampleFrequency(0) == 250
        assert reader.getPatientName() == "Zoe Muller"
        assert reader.getPatientCode() == "P 17"  # it turns _ back into a space
        start = reader.getStartdatetime()
        signal = reader.readSignal(0)
        onsets, _, texts = reader.readAnnotations()
    beats, first, second = truth(store, session)
    assert start.replace(microsecond=0) == dt.datetime(2026, 9, 21, 14, 13, 20)
    marks = [(t, x) for t, x in zip(onsets, texts, strict=True) if x.startswith("beat ")]
    assert len(marks) == len(beats)  # also where the rate is 300/min
    times = np.array([t for t, _ in marks]) - 0.25 * (start.microsecond == 0)
    assert np.allclose(times, beats["index"] / 250.0, atol=1.1e-3)
    letters = [x.split()[1] for _, x in marks]
    assert letters == [LETTERS[k] for k in beats["kind"].tolist()]
    step = np.abs(np.r_[first.codes, second.codes]).max() / 32_767 * 48.08e-3
    assert np.allclose(signal[:40_000], first.microvolts, atol=max(step, 0.05))
    assert np.allclose(signal[45_000 : second.stop], second.microvolts, atol=max(step, 0.05))
    assert np.all(np.abs(signal[40_000:45_000]) < 1e-6)
    assert any(x.startswith("gap 20.000 s: samples overran") for x in texts)


@pytest.mark.parametrize("form", ["wfdb", "edf"])
def test_our_importer_reads_our_export_back(store, session, tmp_path, form):
    files, _ = export_session(store, session.id, form, tmp_path)
    path = next(f for f in files if f.suffix in (".edf", ".hea"))
    again = import_file(store, path)
    assert again.started_at == pytest.approx(session.started_at, abs=0.002)
    a, b = store.beats(session.id), store.beats(again.id)
    assert a["kind"].tolist() == b["kind"].tolist()
    assert np.allclose(a["time"], b["time"], atol=0.005)
    if form == "edf":
        assert np.allclose(a["rr_ms"], b["rr_ms"], atol=4)
        assert "button" in [e.fields["name"] for e in store.events(again.id)]


def test_csv_names_its_units(store, session, tmp_path):
    export_session(store, session.id, "csv", tmp_path)
    with (tmp_path / f"session{session.id}_beats.csv").open() as file:
        rows = list(csv.DictReader(file))
    beats = store.beats(session.id)
    assert len(rows) == len(beats)
    assert {"rr_ms", "amplitude_uV", "qrs_width_ms", "time_utc"} <= rows[0].keys()
    assert rows[0]["rr_ms"] == ""
    assert float(rows[5]["rr_ms"]) == pytest.approx(beats["rr_ms"][5])
    assert rows[0]["time_utc"].endswith("Z")
    with (tmp_path / f"session{session.id}_ecg.csv").open() as file:
        assert sum(1 for _ in file) == 1 + sum(len(r.codes) for r in store.ecg(session.id))


def test_json_holds_beats_and_figures(store, session, tmp_path):
    (path,), _ = export_session(store, session.id, "json", tmp_path)
    document = json.loads(path.read_text())
    beats = store.beats(session.id)
    assert document["beats"]["seq"] == beats["seq"].tolist()
    assert document["analysis"]["rate"]["beats"] == len(beats)
    assert document["patient"]["name"] == "Zoë Müller"


def test_fhir_resources_validates_the_bundle(store, session, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bundles = pytest.importorskip(
            "fhir.resources.R4B.bundle", reason="fhir.resources is not installed"
        )
        (path,), _ = export_session(store, session.id, "fhir", tmp_path)
        bundle = bundles.Bundle.model_validate_json(path.read_text())
    resources = [entry.resource for entry in bundle.entry]
    kinds = [
        r.__resource_type__ if hasattr(r, "__resource_type__") else r.get_resource_type()
        for r in resources
    ]
    assert kinds[0] == "Patient"
    assert kinds[1] == "Device"
    assert kinds[-1] == "DiagnosticReport"
    urls = {entry.fullUrl for entry in bundle.entry}
    for reference in resources[-1].result:
        assert reference.reference in urls
    ecg = [
        o
        for o in resources
        if "Observation" in kinds
        and getattr(o, "code", None)
        and o.code.text
        and o.code.text.startswith("ECG strip")
    ]
    first = store.ecg(session.id)[0]
    data = ecg[0].valueSampledData
    values = np.array(data.data.split(), float) * float(data.factor)
    assert np.allclose(values, first.microvolts, atol=0.01)
    assert float(data.period) == pytest.approx(4.0)


SECRETS = (
    "Zoë",
    "Zoe",
    "Müller",
    "Muller",
    "P 17",
    "P_17",
    "1956-03",
    "MAR-1956",
    "bakery",
    "Anna",
)


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_deidentified_files_tell_nobody(store, session, tmp_path, form):
    files, flagged = export_session(store, session.id, form, tmp_path, deidentify=True)
    for file in files:
        content = file.read_bytes()
        for secret in SECRETS:
            assert secret.encode() not in content, f"{secret} in {file.name}"
        assert session.device_id.encode() not in content
        assert b"2026-09-21" not in content
        assert b"21-SEP-2026" not in content
    assert {"diary", "findings", "patient indication"} <= set(flagged)


def test_deidentifying_moves_times_by_whole_weeks_and_keeps_the_rest(store, session):
    data = collect(store, session.id)
    safe, _ = deidentified(data)
    shift = safe.start - data.start
    assert shift < 0
    assert shift % (7 * 86_400) == 0
    assert np.allclose(np.diff(safe.timeline.beats["time"]), np.diff(data.timeline.beats["time"]))
    assert safe.analysis.rate.mean == data.analysis.rate.mean
    assert safe.patient.sex == "female"
    assert data.patient.name == "Zoë Müller"


def test_an_open_electrode_does_not_coarsen_the_rest_of_the_file(store, tmp_path):
    pyedflib = pytest.importorskip("pyedflib", reason="pyedflib is not installed")
    codes = np.concatenate([np.tile([0, 20_000, -7_000, 500], 2500), np.full(2500, 2**23 - 1)])
    test = ImportedTest(
        source="made by a test",
        rate=250.0,
        started_at=1.79e9,
        time_known=True,
        samples=np.arange(100, 9_000, 200),
        kinds=np.ones(45, np.uint8),
        channels=[Channel("II", 250.0, 48.08, [(0, codes.astype(np.int32))])],
    )
    saved = save(store, test)
    notes.add_diary(store, saved.id, saved.started_at + 20, "dizzy – at Łódź’s “Straße”")
    (path,), _ = export_session(store, saved.id, "edf", tmp_path)
    with pyedflib.EdfReader(str(path)) as reader:
        signal = reader.readSignal(0)
        highest = reader.getPhysicalMaximum(0)
    assert np.allclose(signal[:10_000], codes[:10_000] * 48.08e-3, atol=0.05)
    assert np.allclose(signal[10_000:12_500], highest)
    export_session(store, saved.id, "wfdb", tmp_path)
    (told,) = [n for n in wfdb.rdann(str(tmp_path / f"session{saved.id}"), "atr").aux_note if n]
    assert told == 'event dizzy - at Lodz\'s "Strasse"'


def test_a_few_strips_in_days_become_records_of_their_own(store, tmp_path):
    session = store.open_session("aa", rate=250.0, nv_per_code=48.08, started_at=1.79e9)
    day = 86_400 * 250
    store.append(
        session.id,
        [Record(n, "beat", n * day // 100, {"rr": 200, "kind": 1}) for n in range(1, 400)],
    )
    strip = (1000 * np.sin(np.arange(22_500))).astype(np.int32)
    for number in (1, 2):
        store.append_ecg(session.id, number, number * day, strip, rate=250.0, nv_per_code=48.08)
    files, _ = export_session(store, session.id, "wfdb", tmp_path)
    assert sum(f.stat().st_size for f in files) < 1e6
    name = f"session{session.id}"
    assert len(wfdb.rdann(str(tmp_path / name), "atr").sample) == 399
    one = wfdb.rdrecord(str(tmp_path / f"{name}_s001"), physical=False)
    assert np.array_equal(one.d_signal[:, 0], strip)


def test_an_unknown_format_is_named(store, session, tmp_path):
    with pytest.raises(UsageProblem, match="no format 'docx'"):
        export_session(store, session.id, "docx", tmp_path)


def test_beat_kinds_have_wfdb_symbols():
    from heartlog.export.common import LETTERS as OURS
    from heartlog.importing.wfdb_import import SYMBOLS

    for kind in BeatKind:
        if kind != BeatKind.ARTEFACT:
            assert SYMBOLS[OURS[kind]] == kind


@pytest.mark.parametrize("form", FORMATS)
def test_an_export_that_fails_leaves_what_was_there(store, session, tmp_path, form):
    """No half file with a good name: a disk fills up, here by the system's limit for a file."""
    folder = tmp_path / "out"
    earlier, _ = export_session(store, session.id, form, folder)
    before = {file: file.read_bytes() for file in folder.iterdir()}
    assert set(before) == set(earlier)
    notes.add_diary(store, session.id, session.started_at + 95, "and again")
    largest = max(map(len, before.values()))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest // 2, limits[1]))
    try:
        with pytest.raises(OSError, match=r"large|written") as caught:
            export_session(store, session.id, form, folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {file: file.read_bytes() for file in folder.iterdir()} == before
    told = explain(caught.value)
    assert told is not None
    assert "written" in told.message
