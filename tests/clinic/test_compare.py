"""Sessions side by side: differences, caveats, one scale, in three forms."""

import numpy as np
import pytest
from pypdf import PdfReader

from heartlog.compare import compare_sessions, compose, draw
from heartlog.compare.write import write
from heartlog.errors import UsageProblem
from heartlog.importing import ImportedTest, save
from heartlog.records import notes, patients
from heartlog.report.blocks import Plot


def recorded(store, rr, start, patient=None):
    samples = 100 + np.cumsum(np.full(900, rr))
    test = ImportedTest(
        source=f"made {start}",
        rate=250.0,
        started_at=start,
        time_known=True,
        samples=samples,
        kinds=np.ones(len(samples), np.uint8),
    )
    return save(store, test, patient)


@pytest.fixture
def pair(store):
    owner = patients.add(store, identifier="A", name="Anna")
    late = recorded(store, 200, 1.79e9, owner.id)
    early = recorded(store, 250, 1.78e9, owner.id)
    return store, late, early


def test_sessions_stand_in_order_of_time_with_differences(pair):
    store, late, early = pair
    found = compare_sessions(store, [late.id, early.id])
    assert [a.session.id for a in found.analyses] == [early.id, late.id]
    rate = next(r for r in found.rows if r.name == "Mean rate")
    assert rate.shown() == ["60", "75"]
    assert rate.differences() == ["+15"]
    assert [c for c in found.caveats if "patient" in c] == []
    assert any("Lengths differ" in c for c in found.caveats)


def test_different_patients_and_leads_are_said(pair):
    store, late, _ = pair
    other = recorded(store, 210, 1.77e9)
    notes.edit_session(store, other.id, lead_arrangement="MLII")
    caveats = compare_sessions(store, [late.id, other.id]).caveats
    assert any("not all belong to the same patient" in c for c in caveats)
    assert any("leads: MLII; not noted" in c for c in caveats)


def test_plots_have_one_scale_and_names(pair):
    store, late, early = pair
    found = compare_sessions(store, [late.id, early.id])
    figure = draw(found, Plot("poincare", 60, ""), 180)
    limits = {(axis.get_xlim(), axis.get_ylim()) for axis in figure.axes}
    assert len(limits) == 1
    for name in ("trend", "histogram"):
        (axis,) = draw(found, Plot(name, 60, ""), 180).axes
        assert axis.get_xlabel()
        assert axis.get_ylabel()
        assert len(axis.get_legend().get_texts()) == 2


def test_pdf_and_html_hold_the_same(pair, tmp_path):
    store, late, early = pair
    found = compare_sessions(store, [late.id, early.id])
    write(found, [tmp_path / "c.pdf", tmp_path / "c.html"], "letter")
    text = "".join(p.extract_text() for p in PdfReader(tmp_path / "c.pdf").pages)
    page = (tmp_path / "c.html").read_text()
    for words in ("Caveats", "Mean rate", "+15", "not a diagnosis"):
        assert words in text
        assert words in page
    titles = [s.title for s in compose(found, 0.0, "x").sections]
    assert titles == ["Sessions", "Caveats", "Numbers", "Plots", "Rules"]


def test_one_session_can_not_be_compared(pair, tmp_path):
    store, late, _ = pair
    for wrong in ([late.id], [late.id, late.id]):
        with pytest.raises(UsageProblem, match="two to six different"):
            compare_sessions(store, wrong)
