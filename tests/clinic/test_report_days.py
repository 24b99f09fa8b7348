"""A test of more than two days has a row a day; its hours stand in the appendix."""

import re

import numpy as np
import pytest
from pypdf import PdfReader

from heartlog.analysis.quality import Quality
from heartlog.importing import ImportedTest, save
from heartlog.report import make_report
from heartlog.report.clock import Clock
from heartlog.report.content import compose
from heartlog.report.gather import gather
from heartlog.report.sections_time import analysable_seconds, day_edges
from heartlog.store import BeatKind

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
