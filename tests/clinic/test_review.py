"""The review, driven through its screen at 80 columns as a person would."""

import asyncio

import numpy as np
import pytest

from heartlog.importing import ImportedTest, save
from heartlog.importing.common import Channel
from heartlog.records import notes
from heartlog.review import ReviewModel
from heartlog.review.app import ReviewApp
from heartlog.review.model import TABS
from heartlog.review.strip import strip_lines
from heartlog.store import BeatKind, Record


@pytest.fixture
def session(store):
    """Five minutes with a pause, a wide run and an ECG with a hole at the end."""
    rr = np.full(370, 200)
    rr[100] = 800
    samples = 300 + np.cumsum(rr)
    kinds = np.ones(370, np.uint8)
    kinds[200:204] = BeatKind.WIDE
    ecg = np.zeros(samples[-1])
    for at in samples[:-1]:
        ecg[at - 5 : at + 6] = 20_000
    test = ImportedTest(
        source="made",
        rate=250.0,
        started_at=1.79e9,
        time_known=True,
        samples=samples,
        kinds=kinds,
        channels=[Channel("MLII", 250.0, 48.08, [(0, ecg[:60_000].astype(np.int32))])],
        events=[(30_000, "button")],
    )
    return save(store, test)


def test_lists_hold_what_was_found(store, session):
    model = ReviewModel(store, session.id)
    rhythm = [(e.what, e.text) for e in model.entries("rhythm")]
    assert ("pause", "3200 ms") in rhythm
    assert ("wide run", "4 beats") in rhythm
    assert rhythm[0][0] == "URGENT"
    assert [(e.what, e.text) for e in model.entries("events")] == [("monitor", "button")]
    assert model.entries("quality")[0].what == "analysable"
    assert len(model.headline()) <= 78


def test_every_entry_with_a_time_has_a_strip_or_says_why_not(store, session):
    model = ReviewModel(store, session.id)
    for tab in TABS:
        for entry in model.entries(tab):
            if entry.at is None:
                continue
            model.go(entry.at)
            lines = strip_lines(model, 78, 8)
            assert len(lines) == 11
            assert all(len(line) <= 78 for line in lines)
            if model.moment < 1.79e9 + 230:
                assert any(0x2800 < ord(c) < 0x2900 for line in lines[2:10] for c in line)
    model.go(1.79e9 + 280)
    assert "no ECG kept" in strip_lines(model, 78, 8)[-1]


def test_corrections_follow_the_cursor_and_can_be_undone(store, session):
    model = ReviewModel(store, session.id)
    model.go(float(model.beats["time"][202]))
    model.reclassify(BeatKind.NORMAL)
    assert model.analysis.wide.count == 3
    model.delete()
    assert len(model.beats) == 369
    model.go(float(model.beats["time"][100]))
    model.add()
    assert model.analysis.pauses == ()
    assert [model.undo() for _ in range(4)] == [True, True, True, False]
    assert model.analysis.wide.count == 4
    model.cursor = 0
    with pytest.raises(ValueError, match="before the first"):
        model.add()


def test_the_screen_at_80_columns(store, session):
    async def drive():
        app = ReviewApp(ReviewModel(store, session.id, who="Doe"))
        async with app.run_test(size=(80, 30)) as pilot:
            await pilot.pause()
            assert app.query_one("#tabs").active == "quality"
            await pilot.press("3")
            await pilot.pause()
            table = app.query_one("#list-rhythm")
            # The list opens at its urgent entry, and so does the strip.
            assert app.model.moment == pytest.approx(app.rows["rhythm"][0].at, abs=4)
            assert "Quit" in app.screen._compositor.render_strips()[-1].text
            wanted = [e.what for e in app.rows["rhythm"]].index("wide run")
            table.move_cursor(row=wanted)
            await pilot.pause()
            assert app.model.cursor == 200
            await pilot.press("right", "n")
            await pilot.pause()
            assert app.model.analysis.wide.count == 3
            await pilot.press("f")
            await pilot.pause()
            await pilot.press(*"run", "enter")
            await pilot.pause()
            await pilot.press("f")
            await pilot.pause()
            await pilot.press("escape")
            await pilot.pause()
            await pilot.press("tab", "tab")
            await pilot.pause()
            assert app.query_one("#tabs").active == "findings"
            texts = [line.text.rstrip() for line in app.screen._compositor.render_strips()]
            assert max(map(len, texts)) <= 80
            await pilot.press("q")

    asyncio.run(drive())
    (finding,) = notes.findings(store, session.id)
    assert (finding.text, finding.written_by) == ("run", "Doe")
    assert store.beats(session.id)["kind"][201] == BeatKind.NORMAL


def test_a_session_without_beats_opens_too(store):
    session = store.open_session("aa", started_at=1.79e9)
    store.append(session.id, [Record(1, "boot", 0, {"rate": 250}, boot=1)])

    async def drive():
        app = ReviewApp(ReviewModel(store, session.id))
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("n", "d", "a", "left", "u", "c")
            await pilot.pause()

    asyncio.run(drive())
