"""The report has every section in one order, says what it must, and prints true to scale."""

import re
import shutil
import subprocess

import numpy as np
import pytest
from pypdf import PdfReader

from heartlog.errors import UsageProblem
from heartlog.importing import ImportedTest, save
from heartlog.importing.common import Channel
from heartlog.report import make_report
from heartlog.report.blocks import Strip, StripRow
from heartlog.report.clock import Clock, duration, elapsed
from heartlog.report.figures import draw
from heartlog.report.gather import gather
from heartlog.report.html import strip_svg
from heartlog.report.paper import CALIBRATION_MM, lay_out
from heartlog.store import BeatKind

SECTIONS = [
    "Set-up",
    "Quality",
    "Rate",
    "Hour by hour",
    "Longest RR and pauses",
    "Slow and fast runs",
    "Premature and wide beats",
    "Irregular-rhythm screen",
    "Heart rate variability",
    "Trends",
    "RR distribution",
    "Diary and events",
    "Findings",
    "Strips",
    "Method and limits",
    "Appendix: hours of a long test",
]


def made_test(minutes=12, rate=250.0, pause_at=200):
    """A test with a pause, wide beats and an ECG whose R peaks are where the beats are."""
    rng = np.random.default_rng(4)
    rr = np.round(rate * (0.8 + 0.03 * rng.standard_normal(int(minutes * 75)))).astype(int)
    rr[pause_at] = int(3.4 * rate)
    samples = 100 + np.cumsum(rr)
    kinds = np.full(len(rr), int(BeatKind.NORMAL), np.uint8)
    kinds[300:305] = BeatKind.WIDE
    ecg = np.zeros(samples[-1] + 200)
    for at in samples:
        ecg[at - 8 : at + 9] += 1000.0 * np.hanning(17)
    codes = (ecg * 1000 / 48.08).astype(np.int32)
    return ImportedTest(
        source="made by a test",
        rate=rate,
        started_at=1_790_000_000.0,
        time_known=True,
        samples=samples,
        kinds=kinds,
        channels=[Channel("MLII", rate, 48.08, [(0, codes)])],
        events=[(20_000, "button")],
        time_zone="Europe/Berlin",
    )


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """One session reported on A4, on Letter and as HTML."""
    from heartlog.store import Store

    folder = tmp_path_factory.mktemp("reports")
    with Store.open(folder / "store.sqlite") as store:
        session = save(store, made_test())
        make_report(
            store, session.id, [folder / "a4.pdf", folder / "page.html"], generated_at=1.79e9
        )
        make_report(store, session.id, [folder / "letter.pdf"], paper="letter")
        empty = store.open_session("nothing", started_at=1_790_000_000.0)
        make_report(store, empty.id, [folder / "empty.pdf", folder / "empty.html"])
    return folder


def words(path):
    return "\n".join(page.extract_text() for page in PdfReader(path).pages)


@pytest.mark.parametrize("name", ["a4", "letter", "empty"])
def test_every_section_is_there_in_order(reports, name):
    text = words(reports / f"{name}.pdf")
    places = []
    for number, title in enumerate(SECTIONS, 1):
        found = re.search(rf"^\s*{number}\s+{title}", text, re.MULTILINE)
        assert found, f"{title} is missing"
        places.append(found.start())
    assert places == sorted(places)
    assert "not a diagnosis" in text
    assert "not a certified medical device" in text


def test_html_has_the_same_sections_and_needs_nothing_else(reports):
    page = (reports / "page.html").read_text()
    titles = re.findall(r"<h2>(\d+)\s*&ensp;(.*?)</h2>|<h2>(\d+)\u2002(.*?)</h2>", page)
    assert [t for row in titles for t in row if t and not t.isdigit()] == SECTIONS
    assert "<script" not in page
    outside = re.findall(r"(?:src|href)=[\"'](?!#|data:)([^\"']+)", page)
    assert outside == []
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_urgent_findings_stand_on_the_first_page(reports):
    first = PdfReader(reports / "a4.pdf").pages[0].extract_text()
    assert first.index("Urgent findings") < first.index("Set-up")
    assert "Pause of 3.40 s" in first
    assert "Run of 5 wide beats" in first


@pytest.mark.parametrize(("name", "size"), [("a4", (210, 297)), ("letter", (215.9, 279.4))])
def test_paper_sizes(reports, name, size):
    box = PdfReader(reports / f"{name}.pdf").pages[0].mediabox
    assert [float(v) / 72 * 25.4 for v in (box.width, box.height)] == pytest.approx(size, abs=0.1)


def test_a_millivolt_is_ten_millimetres_and_a_second_twenty_five():
    rate, signal = 250.0, np.zeros(1750, np.float32)
    signal[500:750] = 1000.0
    row = StripRow("12:00:00", rate, signal)
    paper = lay_out(row, Strip("test", [row]))
    assert paper.width == pytest.approx(CALIBRATION_MM + 7 * 25)
    (trace,) = paper.traces
    x, y = np.array(trace).T
    assert y.max() - y.min() == pytest.approx(10.0)
    high = x[y > y.min() + 5]
    assert high.max() - high.min() == pytest.approx(249 / rate * 25)
    pulse = np.array(paper.pulse)
    assert np.ptp(pulse[:, 1]) == 10.0
    svg = strip_svg(row, Strip("test", [row]))
    width = re.search(r"width='([\d.]+)mm'.*viewBox='0 0 ([\d.]+) ", svg)
    assert width
    assert width.group(1) == width.group(2)


def test_holes_in_the_ecg_stay_holes():
    signal = np.zeros(1750, np.float32)
    signal[700:900] = np.nan
    row = StripRow("12:00:00", 250.0, signal)
    assert len(lay_out(row, Strip("test", [row])).traces) == 2


@pytest.mark.skipif(not shutil.which("pdftoppm"), reason="pdftoppm (poppler-utils) is not here")
def test_the_grid_measures_five_millimetres_on_the_printed_page(reports, tmp_path):
    """Rendered at 254 dpi a millimetre is 10 pixels: heavy lines must come every 50."""
    from PIL import Image

    pages = PdfReader(reports / "a4.pdf").pages
    page = next(n for n, p in enumerate(pages, 1) if "25 mm/s, 10 mm/mV" in p.extract_text())
    command = ["pdftoppm", "-r", "254", "-f", str(page), "-l", str(page), "-png", "-singlefile"]
    subprocess.run([*command, str(reports / "a4.pdf"), str(tmp_path / "page")], check=True)
    pixels = np.asarray(Image.open(tmp_path / "page.png").convert("RGB")).astype(int)
    heavy = (abs(pixels - (229, 167, 158)).sum(axis=2) < 60).mean(axis=1)
    rows = np.flatnonzero(heavy > 0.5)
    rows = rows[np.diff(rows, prepend=-9) > 1]  # a line may cover two pixels
    spacing = [s for s in np.diff(rows) if 30 < s < 70]
    assert spacing
    assert np.median(spacing) == 50
    assert set(spacing) <= {49, 50, 51}


def test_times_are_written_in_the_sessions_zone(reports):
    assert "CEST" in words(reports / "a4.pdf")
    assert duration(3.25) == "3.2 s"
    assert duration(0.04) == "40 ms"
    assert duration(3720.0) == "1 h 2 min"
    assert duration(200_000) == "2 d 7 h"
    assert elapsed(3723.4) == "1:02:03"


def test_daylight_saving_does_not_move_a_beat(store):
    session = store.open_session("aa", time_zone="Europe/Berlin", started_at=1_792_886_000.0)
    clock = Clock.of(session, 1_792_886_000.0, 1_793_000_000.0)
    # 2026-10-25 01:00 UTC: clocks go from 03:00 CEST back to 02:00 CET.
    assert clock.full(1_792_889_999.0).endswith("02:59:59 CEST")
    assert clock.full(1_792_890_000.0).endswith("02:00:00 CET")


def test_one_long_pause_does_not_shrink_the_poincare_plot(store):
    """Its axes are those of the intervals in it, not of all there were."""
    session = save(store, made_test())
    figure = draw("rr_plots", gather(store, session.id), 170, 70)
    histogram, poincare = figure.axes
    x, _ = poincare.lines[0].get_data()
    low, high = poincare.get_xlim()
    assert histogram.get_xlim()[1] > 2000 > high
    assert low < min(x) < max(x) < high
    assert np.ptp(x) > 0.5 * (high - low)


def test_a_wrong_paper_or_ending_is_named(store, tmp_path):
    session = store.open_session("aa")
    with pytest.raises(UsageProblem, match="no paper 'a5'"):
        make_report(store, session.id, [tmp_path / "x.pdf"], paper="a5")
    with pytest.raises(UsageProblem, match=r"x\.docx"):
        make_report(store, session.id, [tmp_path / "x.docx"])


def test_what_colours_tell_is_told_in_black_and_white_too():
    from matplotlib.colors import to_rgb

    from heartlog.report import figures

    def grey(colour):
        """Luminance as a printer's driver takes it (ITU-R BT.601)."""
        return float(np.dot(to_rgb(colour), (0.299, 0.587, 0.114)))

    assert grey(figures.EARLY_FILL) - grey(figures.WIDE) > 0.3
    for bad in (figures.GAP_FILL, figures.WIDE):
        assert grey(figures.GOOD_FILL) - grey(bad) > 0.3


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    from heartlog.whole_file import whole

    path = tmp_path / "new folder" / "report.pdf"

    def fail() -> None:
        with whole(path) as partial:
            partial.write_bytes(b"half")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert list(path.parent.iterdir()) == []
    named = tmp_path / ("n" * 253)  # with the ending of a name aside, longer than names may be
    with pytest.raises(OSError, match="too long") as caught, whole(named) as partial:
        partial.write_bytes(b"all")
    assert caught.value.filename == str(named), "the name that was given, not the one aside"
    with whole(path) as partial:
        partial.write_bytes(b"all")
    assert [p.name for p in path.parent.iterdir()] == ["report.pdf"]
