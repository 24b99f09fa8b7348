"""A test of more than two days has a row a day; its hours stand in the appendix."""

import re
import time
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pypdf import PdfReader

from heartlog import picture
from heartlog.analysis.quality import Quality
from heartlog.importing import ImportedTest, save
from heartlog.overview import Overview
from heartlog.report import make_report
from heartlog.report.clock import Clock
from heartlog.report.content import compose
from heartlog.report.gather import gather
from heartlog.report.sections_time import analysable_seconds, day_edges
from heartlog.store import BeatKind
from heartlog.wall_time import written, zone_names

START = 1_792_850_400.0
"""Saturday 2026-10-24 16:00 in Berlin: the Sunday after it has 25 hours."""
HEADER = ["Day", "Hours", "Beats", "Low", "Mean", "High", "Early", "Wide", "Pauses"]


def long_test(hours):
    """A beat a second, one pause of 2.5 s and a wide beat on the first day."""
    rr = np.full(int(hours * 3600), 250)
    rr[1000] = 625
    kinds = np.full(len(rr), int(BeatKind.NORMAL), np.uint8)
    kinds[2000] = BeatKind.WIDE
    return ImportedTest(
        source="made by a test",
        rate=250.0,
        started_at=START,
        time_known=True,
        samples=np.cumsum(rr),
        kinds=kinds,
        channels=[],
        events=[],
        time_zone="Europe/Berlin",
    )


def sections(store, hours):
    session = save(store, long_test(hours))
    material = gather(store, session.id)
    return material, {s.title: s.blocks for s in compose(store, material).sections}


def test_a_long_test_has_days_and_its_hours_at_the_end(store):
    m, found = sections(store, 60)
    table = found["Hour by hour"][0]
    assert list(table.header)[:9] == HEADER
    assert [row[:3] for row in table.rows] == [
        ("Sat 24 Oct", "8.0", "28798"),
        ("Sun 25 Oct", "25.0", "90000"),
        ("Mon 26 Oct", "24.0", "86400"),
        ("Tue 27 Oct", "3.0", "10802"),
    ]
    assert [row[6:9] for row in table.rows] == [("0", "1", "1"), *[("0", "0", "0")] * 3]
    assert {row[4] for row in table.rows} == {"60"}
    assert {row[10] for row in table.rows} == {"100.0"}
    (hours,) = found["Appendix: hours of a long test"]
    assert len(hours.rows) == 61
    assert sum(int(row[1]) for row in hours.rows) == len(m.analysis.beats)
    assert sum(int(row[2]) for row in table.rows) == len(m.analysis.beats)


def test_a_test_of_two_days_keeps_its_hours_in_their_place(store):
    _, found = sections(store, 47)
    assert found["Hour by hour"][0].header[0] == "From"
    assert "no longer than 48 h" in found["Appendix: hours of a long test"][0].text


def test_the_printed_table_of_days_fits_the_page(store, tmp_path):
    session = save(store, long_test(60))
    make_report(store, session.id, [tmp_path / "r.pdf"], paper="letter")
    pages = [page.extract_text() for page in PdfReader(tmp_path / "r.pdf").pages]
    text = " ".join(" ".join(pages).split())
    days, appendix = text.index("Sun 25 Oct"), text.index("16 Appendix")
    assert days < text.index("Longest RR and pauses") < appendix
    assert re.search(r"Sun 25 0\d:00", text[appendix:])


def test_days_of_a_source_without_a_clock_are_counted_from_its_start(store):
    session = store.open_session("aa", settings={"time_known": False}, started_at=1000.0)
    clock = Clock.of(session, 1000.0, 1000.0 + 60 * 3600)
    assert day_edges(clock, 1000.0, 1000.0 + 60 * 3600).tolist() == [
        1000.0 + 86_400 * n for n in range(4)
    ]


def test_a_gap_within_a_bad_stretch_is_taken_off_once(store):
    q = gather(store, save(store, long_test(1)).id).analysis.quality
    a = q.start
    spans = ((a + 10, a + 50, "noisy"), (a + 20, a + 30, "gap"), (a + 90, a + 200, "lead off"))
    changed = Quality(
        **{f: getattr(q, f) for f in Quality.__slots__ if f != "bad_spans"}, bad_spans=spans
    )
    assert analysable_seconds(changed, a - 5, a + 100) == pytest.approx(50.0)
    assert analysable_seconds(changed, a + 100, a + 300) == pytest.approx(100.0)


NIGHTS = {"the hour comes twice": START, "an hour is left out": 1_774_706_400.0}
"""16:00 and 15:00 in Berlin on the Saturdays before 2026-10-25 and 2026-03-29."""


def night(store, start, hours=16):
    """A beat a second, and a press in each of the hours around 2 o'clock."""
    test = long_test(hours)
    test.started_at = start
    test.events = [(h * 3600 * 250 + 250, "button") for h in range(9, 14)]
    return save(store, test).id


def test_each_hour_of_such_a_night_has_its_row_and_its_name(store):
    for title, start in NIGHTS.items():
        m = gather(store, night(store, start))
        blocks = {s.title: s.blocks for s in compose(store, m).sections}
        rows = [row[0] for row in blocks["Hour by hour"][0].rows]
        assert len(set(rows)) == len(rows), title
        at_two = [row for row in rows if row.startswith("Sun") and " 02:00" in row]
        twice = ["Sun 25 02:00 CEST", "Sun 25 02:00 CET"]
        assert at_two == (twice if start == START else []), title


@pytest.mark.parametrize("start", NIGHTS.values(), ids=NIGHTS)
def test_the_picture_of_such_a_night_shows_all_of_it_on_one_line_of_time(store, start):
    from matplotlib.figure import Figure

    overview = Overview.of(store, night(store, start))
    axes = Figure().add_subplot()
    picture._rate(axes, overview, ZoneInfo("Europe/Berlin"))
    dots, *others = axes.get_lines()
    low, high = axes.get_xlim()
    assert low <= min(dots.get_xdata())
    assert max(dots.get_xdata()) <= high
    assert high - max(dots.get_xdata()) < 60 / 86400, "no empty hour at the end"
    marks = [line.get_xdata()[0] for line in others if len(set(line.get_xdata())) == 1]
    told = [(at - start) / 86400 for at, _ in overview.marks]
    assert [x - low for x in marks[-5:]] == pytest.approx(told, abs=2 / 86400)
    assert axes.get_xlabel() in ("time of day, CEST, then CET", "time of day, CET, then CEST")


def test_a_time_that_comes_twice_is_written_with_its_zone(monkeypatch):
    """Also on this computer's own clock."""
    berlin = ZoneInfo("Europe/Berlin")
    summer, winter, later = (START + h * 3600 + 1200 for h in (10, 11, 12))
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        for zone in (berlin, None):
            told = [written(at, "%H:%M", zone) for at in (summer, winter, later)]
            assert told == ["02:20 CEST", "02:20 CET", "03:20"]
            assert written(summer, "%H:%M %Z", zone) == "02:20 CEST"
            assert zone_names(START, later, zone) == "CEST, then CET"
            assert zone_names(winter, later, zone) == "CET"
    finally:
        monkeypatch.undo()
        time.tzset()
