"""A fitting: what the readings mean, what is kept, and the whole of it on the virtual board."""

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from heartlog.fit import STEPS, FittingRecord, contact_advice, read_signal, signal_advice
from heartlog.fit.arrangements import AHA, ARRANGEMENTS, IEC, NAMES
from heartlog.fit.guide import Guide
from heartlog.records import patients
from heartlog.report.gather import gather
from heartlog.store import Store

RATE = 250.0


def ecg(r_uv=900.0, noise_uv=8.0, hum_uv=0.0, hum_hz=50.0, wander_uv=0.0, seconds=12.0):
    """Made: R waves of a known size at 75 a minute with noise, hum and wander of known sizes."""
    rng = np.random.default_rng(1)
    t = np.arange(int(seconds * RATE)) / RATE
    x = noise_uv * rng.standard_normal(len(t))
    for at in np.arange(0.5, seconds - 0.3, 0.8):
        x += r_uv * np.exp(-(((t - at) / 0.012) ** 2))
    x += hum_uv * np.sin(2 * np.pi * hum_hz * t)
    return x + wander_uv / 2 * np.sin(2 * np.pi * 0.2 * t)


def test_sizes_are_measured():
    reading = read_signal(ecg(noise_uv=20), RATE)
    assert reading.r_wave_uv == pytest.approx(900, rel=0.12)
    assert reading.noise_uv == pytest.approx(20 * np.sqrt(25 / 125), rel=0.3)
    assert reading.rate == pytest.approx(75, abs=1)
    assert reading.good
    hum = read_signal(ecg(hum_uv=100), RATE)
    assert (hum.hum_hz, hum.hum_uv) == (50.0, pytest.approx(100, rel=0.1))


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"r_uv": 200, "noise_uv": 6}, "too small"),
        ({"r_uv": 0}, "No R wave"),
        ({"r_uv": 1500, "noise_uv": 190}, "Noise"),
        ({"r_uv": 350, "noise_uv": 62}, "times the noise"),
        ({"hum_uv": 80, "hum_hz": 60.0}, "at 60 Hz"),
        ({"wander_uv": 3000}, "wanders"),
        ({"seconds": 2.0}, "Too little signal"),
    ],
)
def test_each_fault_has_its_advice(made, words):
    reading = read_signal(ecg(**made), RATE)
    assert not reading.good
    assert any(words in line for line in signal_advice(reading)), signal_advice(reading)


def test_advice_names_the_electrode_in_both_colour_codes():
    text = contact_advice("LA", off=True)
    assert text.startswith("LA, left arm (yellow IEC, black AHA): loose")
    assert "Replace" in contact_advice("LA", off=True, attempts=2)
    assert "good contact" in contact_advice("LA", off=False)
    assert "can't be felt" in contact_advice("RL", off=False)  # nothing tells that it is on
    for arrangement in ARRANGEMENTS.values():
        assert set(arrangement.sites) <= IEC.keys() & AHA.keys() & NAMES.keys()
        for electrode in arrangement.sites:
            assert electrode in arrangement.drawing
        assert max(map(len, arrangement.drawing.splitlines())) <= 40


def test_a_fitting_that_was_left_goes_on_where_it_was(any_store):
    record = FittingRecord.begin(any_store, who="Doe")
    record.done("patient")
    record.set(answers={"arrangement": "limb"})
    record.reading("contact", electrode="LA", good=False, advice="loose")
    again = FittingRecord.unfinished(any_store)
    assert again is not None
    assert (again.id, again.row().step) == (record.id, "preparation")
    assert again.row().answers == {"arrangement": "limb"}
    for step in STEPS[1:]:
        again.done(step)
    assert FittingRecord.unfinished(any_store) is None
    assert [r.electrode for r in again.readings("contact")] == ["LA"]


def test_words_stay_whole_on_a_narrow_terminal(any_store):
    guide = Guide(any_store, FittingRecord.begin(any_store), bench=None, yes=True)
    told = io.StringIO()
    guide.out = Console(file=told, width=60)
    guide.say("\n  [red]one[/] " + "electrode " * 12)
    lines = [line.rstrip() for line in told.getvalue().splitlines()]
    assert lines[0] == ""
    assert {word for line in lines[1:] for word in line.split()} == {"one", "electrode"}
    assert all(line.startswith("  ") and len(line) <= 60 for line in lines[1:])


@pytest.mark.slow
def test_the_whole_fitting_on_the_virtual_board(tmp_path, micropython):
    """Electrodes on, a real ECG: fitted, started, confirmed; the recorder goes on with it."""
    from heartlog.image import build_image
    from virtual_board import Board

    image = Path(build_image("virtual").folder)
    path = tmp_path / "store.sqlite"
    with Store.open(path) as store:
        patients.add(store, identifier="P-1", name="Anna")
    with Board(record="demo", speed=6, image=image) as board:
        deadline = time.monotonic() + 90
        while not board.control(do="status")["radio"]["advertising"]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        environment = {
            **os.environ,
            "HEARTLOG_STORE": str(path),
            "HEARTLOG_KEYS": str(tmp_path / "keys"),
            "HEARTLOG_PASSPHRASE": "four random words here",
        }
        backend = f"virtual:{board.run_dir}"

        def heartlog(*words):
            command = [sys.executable, "-m", "heartlog", *words, "--backend", backend]
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=240
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout + done.stderr

        told = heartlog("fit", "--patient", "P-1", "--yes")
        assert "The monitor confirms: session 1 runs" in told
        assert "has a new key" in told
        assert "Nobody else can read the heart rate" in told
        (kept,) = json.loads(
            subprocess.check_output(
                [sys.executable, "-m", "heartlog", "keys", "list", "--json"], env=environment
            )
        )
        assert (kept["device"], kept["session"]) == (board.control(do="status")["unique_id"], 1)
        heartlog("record", "--for", "20s")
        assert board.complaints == []
    with Store.open(path) as store:
        session = store.session(1)
        assert (session.status, session.patient_identifier) == ("complete", "P-1")
        assert session.beat_count > 30
        material = gather(store, 1)
        good = {r.step: r.good for r in material.fit_readings}
        assert good["contact"]
        felt = {r.electrode for r in material.fit_readings if r.step == "contact"}
        assert felt == {"RA", "LA", "LL"}
        assert good["clock"]
        assert good["start"]
        assert good["strip"]
        assert len(store.ecg(1)) == 1
