"""The patient's sheet: everything is on it, large enough, on one leaf."""

import subprocess
import sys
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader
from reportlab.pdfgen.canvas import Canvas

from heartlog._firmware.monitor import patterns
from heartlog.fit.arrangements import ARRANGEMENTS
from heartlog.sheet import Details, make_sheet
from heartlog.sheet.lights import in_words, once_in_words
from heartlog.sheet.paper import SIDES, largest
from heartlog.sheet.side import PAGES, SIZES, Side
from heartlog.store import Store

FULL = Details(
    clinic="Heart Clinic of the Town Hospital, second floor",
    telephone="012 345 678",
    out_of_hours="012 345 679",
    start=datetime(2026, 3, 2, 9, 30),
    end=datetime(2026, 3, 16, 9, 30),
    electrodes=("right shoulder", "left shoulder", "left lower rib"),
)


@pytest.mark.parametrize("page", ["A4", "Letter"])
@pytest.mark.parametrize("details", [Details(), FULL], ids=["blank", "filled in"])
def test_two_sides_say_it_all(tmp_path: Path, page: str, details: Details) -> None:
    reader = PdfReader(make_sheet(tmp_path / "sheet.pdf", details, page))
    assert len(reader.pages) == 2
    front, back = (" ".join(p.extract_text().split()) for p in reader.pages)
    assert "press the button once" in front
    assert "not a certified medical device" in front
    assert "plugged in" in front
    if details.clinic:
        assert details.clinic in front
        assert "Monday 02 March 2026, 09:30" in front
        assert "Electrode 2 (left shoulder) is loose" in back
        assert "Electrode 4" not in back
    for name, light, _, _, meaning, action in patterns.TABLE:
        if name.startswith("electrode"):
            continue
        assert meaning in back
        assert action in back
        assert in_words(light) in back
    for _, light, sound, meaning in patterns.ANSWERS:
        assert meaning in back
        assert once_in_words(light, sound) in back


def test_every_pattern_has_its_own_words() -> None:
    for words in (
        [in_words(row[1]) for row in patterns.TABLE],
        [once_in_words(row[1], row[2]) for row in patterns.ANSWERS],
    ):
        assert len(set(words)) == len(words), words
    assert {row[3] for row in patterns.ANSWERS}.isdisjoint({row[4] for row in patterns.TABLE})


@pytest.mark.parametrize("page", ["A4", "Letter"])
@pytest.mark.parametrize("details", [Details(), FULL], ids=["blank", "filled in"])
def test_type_is_large(page: str, details: Details) -> None:
    sizes = [largest(draw, floor, details, page) for draw, floor in SIDES]
    assert sizes[0] >= 14
    assert sizes[1] >= 13


def test_a_long_address_makes_the_type_smaller_instead_of_running_into_the_box() -> None:
    long = Details(clinic="Department of Cardiology, " * 12, telephone="012 345 678")
    draw, floor = SIDES[0]
    assert 12 <= largest(draw, floor, long, "Letter") < largest(draw, floor, FULL, "Letter")


def test_long_names_of_four_electrodes_still_leave_every_pattern_on_the_leaf(
    tmp_path: Path,
) -> None:
    sites = tuple(
        f"{n} rib on the left side of the breast bone" for n in ("2nd", "3rd", "4th", "5th")
    )
    details = Details(electrodes=sites)
    trial = Side(Canvas(BytesIO(), pagesize=PAGES["Letter"]), PAGES["Letter"], SIZES[-1])
    draw, floor = SIDES[1]
    draw(trial, details)
    assert trial.y >= floor
    pages = PdfReader(make_sheet(tmp_path / "s.pdf", details, "Letter")).pages
    back = " ".join(pages[1].extract_text().split())
    assert "Each bar shows six seconds" in back


def test_the_same_details_make_the_same_bytes(tmp_path: Path) -> None:
    a = make_sheet(tmp_path / "a.pdf", FULL).read_bytes()
    assert a == make_sheet(tmp_path / "b.pdf", FULL).read_bytes()


def test_the_sheet_is_a_pdf_and_another_ending_is_refused(tmp_path: Path) -> None:
    for name in ("sheet.doc", "sheet"):
        done = run(str(tmp_path / name))
        assert done.returncode == 2
        assert "End the name in .pdf." in done.stderr
    assert list(tmp_path.iterdir()) == []
    assert run(str(tmp_path / "Sheet.PDF")).returncode == 0


def test_an_unknown_page_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="A4, Letter"):
        make_sheet(tmp_path / "s.pdf", Details(), "A5")


@pytest.fixture(autouse=True)
def own_clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTLOG_CLINIC", str(tmp_path / "clinic.json"))


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "heartlog", "sheet", *args], capture_output=True, text=True
    )


def test_a_session_gives_dates_and_electrodes_the_clinic_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with Store.open(path) as store:
        store.open_session(
            "00" * 8,
            started_at=datetime(2026, 3, 2, 8, 30, tzinfo=UTC).timestamp(),
            time_zone="Europe/Berlin",
            planned_seconds=2 * 86400.0,
            electrode_sites=ARRANGEMENTS["limb"].sites,
        )
    out = tmp_path / "sheet.pdf"
    told = ("--clinic", "Town Clinic", "--telephone", "0123", "--remember")
    assert run(str(out), *told).returncode == 0
    done = run(str(out), "--session", "1", "--store", str(path))
    assert done.returncode == 0, done.stderr
    front, back = (" ".join(p.extract_text().split()) for p in PdfReader(out).pages)
    assert "Town Clinic" in front
    assert "0123" in front
    assert "From: Monday 02 March 2026, 09:30" in front, "the wall's clock, not UTC"
    assert "Until: Wednesday 04 March 2026, 09:30" in front
    assert "Electrode 3 (lowest left rib) is loose" in back
    longer = run(str(out), "--session", "1", "--store", str(path), "--days", "14")
    assert longer.returncode == 0, longer.stderr
    assert "Monday 16 March 2026" in PdfReader(out).pages[0].extract_text()
    missing = run(str(out), "--session", "99", "--store", str(path))
    assert missing.returncode == 3
    (tmp_path / "clinic.json").write_text("[")
    broken = run(str(out))
    assert broken.returncode == 1
    assert "--remember" in broken.stderr


def test_the_command_writes_it(tmp_path: Path) -> None:
    out = tmp_path / "sheet.pdf"
    done = run(str(out), "--clinic", "Town", "--from", "2026-03-02", "--page", "Letter")
    assert done.returncode == 0, done.stderr
    assert "Town" in PdfReader(out).pages[0].extract_text()


def test_the_command_refuses_nonsense(tmp_path: Path) -> None:
    out = str(tmp_path / "sheet.pdf")
    for args, text in (
        (("--page", "A5"), "A4, Letter"),
        (("--from", "2026-03-02", "--until", "2026-03-01"), "before it begins"),
        (("--electrode", "a") * 5, "5 electrodes"),
        (("--days", "3"), "--from or --session"),
        (("--days", "3", "--until", "2026-03-01"), "one of them"),
    ):
        done = run(out, *args)
        assert done.returncode == 2
        assert text in done.stderr
    (tmp_path / "file").touch()
    refused = run(str(tmp_path / "file" / "sheet.pdf"))
    assert refused.returncode == 1
    assert f"{tmp_path / 'file'} is a file, not a folder." in " ".join(refused.stderr.split())
