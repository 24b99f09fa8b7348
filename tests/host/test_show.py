"""What is told about a session: the numbers, the curve in the terminal, the picture."""

import json
from datetime import UTC
from pathlib import Path

import numpy as np
import pytest

from heartlog.ecg_sample import sample_strip
from heartlog.overview import Overview, Span, duration, merged
from heartlog.picture import draw_session
from heartlog.store import Store
from heartlog.terminal import Axis, Canvas, plot_rate

START = 1_750_000_000.0
"""When the session of the fixture `steady_store` began: 2025-06-15 15:06:40 UTC."""


@pytest.fixture
def overview(steady_store: Path) -> Overview:
    with Store.open(steady_store) as store:
        return Overview.of(store, 1)


def test_numbers(overview: Overview):
    assert overview.beat_count == 74 + 89
    assert overview.seconds == pytest.approx(120)
    assert overview.lead_off_seconds == pytest.approx(10)
    assert [(s.seconds, s.detail) for s in overview.gaps] == [
        (pytest.approx(5), "samples overran")
    ]
    assert overview.usable_share == pytest.approx(105 / 120)
    assert overview.lowest.value == pytest.approx(75)
    assert overview.highest.value == pytest.approx(120)
    assert overview.longest_rr.value == pytest.approx(800)
    assert overview.mean_rate == pytest.approx(60 * (73 + 88) / (73 * 0.8 + 88 * 0.5))
    assert [name for _, name in overview.marks] == ["button"]
    assert overview.marks[0][0] == pytest.approx(START + 100)


def test_trend_is_empty_where_nothing_was_judged(overview: Overview):
    trend = overview.trend(24)  # five seconds each
    assert np.allclose(trend[1:12], 75)
    assert np.isnan(trend[12:15]).all()
    assert np.allclose(trend[16:24], 120)


def test_overlapping_spans_count_once():
    spans = [Span(0, 10, "gap"), Span(5, 12, "lead off"), Span(20, 21, "gap")]
    assert [(s.start, s.stop) for s in merged(spans)] == [(0, 12), (20, 21)]


def test_curve_breaks_at_what_is_missing(overview: Overview):
    lines = plot_rate(overview, columns=80, rows=8, zone=UTC)
    assert max(map(len, lines)) <= 80
    bar = lines[-2]
    first, last = bar.index("x"), bar.rindex("#")
    assert abs(first - (5 + 74 * 60 / 120)) <= 1
    assert abs(last - (5 + 74 * 75 / 120)) <= 1
    for line in lines[:-2]:
        assert line[first:last].strip() == ""
    assert lines[-1].split() == ["15:06:40", "UTC", "15:08:40"]


def test_axis_holds_all_values_on_round_numbers():
    axis = Axis.around(np.array([61.0, 118.0, np.nan]), 10.0, 8)
    assert axis.low <= 61
    assert axis.high >= 118
    assert axis.low % axis.step == 0
    assert Axis.around(np.array([70.0]), 10.0, 8).high > 70
    assert Axis.around(np.array([np.nan]), 10.0, 8).step == 10.0


def test_canvas_draws_dots_and_lines():
    canvas = Canvas(2, 1)
    canvas.line(0, 0, 3, 3)
    canvas.dot(-1, 0)
    canvas.dot(0, 99)
    assert canvas.rows_text() == ["⠑⢄"]
    canvas.clear()
    assert canvas.rows_text() == ["  "]
    canvas.column(0, 3, 0)
    assert canvas.rows_text() == ["⡇ "]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.84, "0.8 s"),
        (59.6, "1 min"),
        (299, "4 min 59 s"),
        (3600, "1 h"),
        (7260, "2 h 1 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_duration(seconds: float, text: str):
    assert duration(seconds) == text


def test_picture_shows_strip_and_shades(steady_store: Path, overview: Overview, tmp_path: Path):
    from matplotlib.image import imread

    file = tmp_path / "folder" / "session.png"
    with Store.open(steady_store) as store:
        strip = sample_strip(store, overview)
        assert strip is not None
        assert strip.start == pytest.approx(START + 96)
        assert len(strip.microvolts) == 8 * 250
        draw_session(store, overview, file, zone=UTC)
    image = imread(file)[..., :3]
    assert image.shape[:2] == (1128, 1680)
    orange = (np.abs(image - np.array([242, 179, 107]) / 255).max(axis=2) < 0.2).mean()
    assert orange > 0.01  # the lead-off shade is there


def test_picture_of_an_empty_session(tmp_path: Path):
    with Store.open(tmp_path / "s.sqlite") as store:
        session = store.open_session("00", started_at=START)
        overview = Overview.of(store, session.id)
        assert overview.beat_count == 0
        draw_session(store, overview, tmp_path / "empty.svg", zone=UTC)
    assert (tmp_path / "empty.svg").stat().st_size > 1000


def test_a_terminal_that_knows_few_letters_gets_the_others_as_question_marks(
    heartlog, steady_store: Path
):
    """As a Windows console's code page, or a file there: the curve is drawn in Braille."""
    done = heartlog("show", "--store", str(steady_store), TZ="UTC", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "Longest RR" in done.stdout
    assert "???" in done.stdout


def test_show_prints_summary_within_80_columns(heartlog, steady_store: Path):
    done = heartlog("show", "--store", str(steady_store), TZ="UTC")
    assert done.returncode == 0, done.stderr
    assert "163" in done.stdout
    assert "Lead off        10 s" in done.stdout
    assert "1, 5 s in all" in done.stdout
    assert "button 15:08:20" in done.stdout


def test_show_json(heartlog, steady_store: Path):
    done = heartlog("show", "1", "--json", "--store", str(steady_store))
    shown = json.loads(done.stdout)
    assert shown["beats"] == 163
    assert shown["lead_off_seconds"] == 10
    assert shown["start"] == "2025-06-15T15:06:40.000+00:00"
    assert {"start", "stop", "kind", "detail"} == set(shown["spans"][0])


def test_show_what_is_not_there(heartlog, steady_store: Path, tmp_path: Path):
    done = heartlog("show", "7", "--store", str(steady_store))
    assert done.returncode in (3, 5)
    assert "No session 7" in done.stderr
    done = heartlog("show", "--store", str(tmp_path / "new.sqlite"))
    assert done.returncode == 3
    assert "heartlog record" in done.stderr


def test_sessions_lists_and_filters(heartlog, steady_store: Path):
    done = heartlog("sessions", "--store", str(steady_store), TZ="UTC")
    assert done.returncode == 0
    assert "2025-06-15 15:06 UTC" in done.stdout
    assert "complete" in done.stdout
    listed = json.loads(heartlog("sessions", "--json", "--store", str(steady_store)).stdout)
    assert [s["id"] for s in listed] == [1]
    assert listed[0]["beats"] == 163
    none = heartlog("sessions", "--json", "--status", "imported", "--store", str(steady_store))
    assert json.loads(none.stdout) == []
    wrong = heartlog("sessions", "--status", "lost", "--store", str(steady_store))
    assert wrong.returncode == 2
    assert "interrupted" in wrong.stderr
