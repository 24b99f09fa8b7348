"""Files of other equipment: read right, or refused with the line that is wrong; never a crash."""

import random

import numpy as np
import pytest

from heartlog.errors import CommandError, ExitCode
from heartlog.importing import import_file, read_file
from heartlog.importing.common import ImportProblem


def text(tmp_path, content, name="rr.txt"):
    path = tmp_path / name
    path.write_text(content)
    return path


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("800\n810\n790\n", "a.txt"),
        ("0.800\n0.810\n0.790\n", "b.txt"),
        ("# a remark\n0 800\n0.8 810\n1.61 790\n", "c.txt"),
        ("time;rr [ms];note\n0;800;x\n1;810;\n2;790;\n", "d.csv"),
        ("\ufeffRR (ms)\n800\n810\n790\n", "e.csv"),
        (
            "[Params]\nVersion=106\nDate=20260301\nStartTime=09:30:00.0\n[HRData]\n800\n810\n790\n",
            "f.hrm",
        ),
    ],
)
def test_rr_text_in_its_usual_forms(tmp_path, content, name):
    test = read_file(text(tmp_path, content, name))
    assert test.rr.tolist() == [0, 800, 810, 790]
    assert test.samples.tolist() == [0, 800, 1610, 2400]
    assert test.time_known == (name == "f.hrm")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no line of numbers"),
        ("hello\nworld\n", "no line of numbers"),
        ("800\n810\noops\n", "line 3"),
        ("800\n-5\n", "line 2"),
        ("800\n1e9\n", "line 2"),
        ("800\n", "holds no RR"),
    ],
)
def test_wrong_text_is_refused_by_line(tmp_path, content, said):
    with pytest.raises(ImportProblem, match=said):
        read_file(text(tmp_path, content))


def test_what_is_not_there_or_not_known_is_named(tmp_path):
    with pytest.raises(ImportProblem, match="There is no file") as missing:
        read_file(tmp_path / "nothing")
    assert missing.value.exit_code == ExitCode.NOT_FOUND
    with pytest.raises(ImportProblem, match="is a folder"):
        read_file(".")
    (tmp_path / "x.docx").write_bytes(b"PK")
    with pytest.raises(ImportProblem, match="not of a kind"):
        read_file(tmp_path / "x.docx")
    (tmp_path / "cut.hea").write_text("cut 2 360 1000\n")
    with pytest.raises(ImportProblem, match="can't be read"):
        read_file(tmp_path / "cut")


def test_a_damaged_edf_is_refused_and_never_crashes(store, tmp_path):
    """Bytes flipped and files cut, a few hundred ways: read, or refused with a message."""
    from heartlog.export import export_session

    rr = np.full(60, 200)
    path = text(tmp_path, "\n".join(map(str, rr * 4)))
    session = import_file(store, path, started_at=1.79e9)
    (edf,), _ = export_session(store, session.id, "edf", tmp_path)
    whole = edf.read_bytes()
    chance = random.Random(4)
    refused = 0
    for _ in range(300):
        data = bytearray(whole)
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        for _ in range(chance.randrange(1, 6)):
            if data:
                data[chance.randrange(min(len(data), 700))] = chance.randrange(256)
        broken = tmp_path / "broken.edf"
        broken.write_bytes(data)
        try:
            read_file(broken)
        except CommandError:
            refused += 1
    assert refused > 50


def test_mitdb_record_with_its_annotations(store, ecg_dir):
    session = import_file(store, ecg_dir / "mitdb" / "208")
    beats = store.beats(session.id)
    assert len(beats) == 2955
    assert np.bincount(beats["kind"], minlength=5)[:5].tolist() == [2, 1586, 2, 992, 373]
    (first, second) = (store.ecg(session.id, channel=n) for n in (1, 2))
    assert [len(r.codes) for r in (*first, *second)] == [650_000, 650_000]
    assert session.lead_arrangement == "MLII, V1"
