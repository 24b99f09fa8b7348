"""Names in any script: drawn by a font that has them, or told; never empty boxes."""

from io import BytesIO
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from pypdf import PageObject, PdfReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

from heartlog.sheet import Details, make_sheet
from heartlog.sheet.side import style
from heartlog.typeface import faces, picture, search, told
from heartlog.typeface.letters import in_drawing_order, joined

EM = 1000
OURS = "\u0378\u0379"
"""Unicode has not given these away: whatever fonts this computer has, they are not in them."""


def square(pen, side: int, postscript: bool) -> None:
    """PostScript's outlines run counter-clockwise, TrueType's clockwise."""
    corners = [(0, 0), (0, side), (side, side), (side, 0)]
    start, *rest = corners[::-1] if postscript else corners
    pen.moveTo(start)
    for point in rest:
        pen.lineTo(point)
    pen.closePath()


def write_font(path: Path, letters: str, postscript: bool, fs_type: int = 0) -> None:
    """A font with squares for letters, with outlines of either kind."""
    names = [".notdef", *(f"g{n}" for n in range(len(letters)))]
    made = FontBuilder(EM, isTTF=not postscript)
    made.setupGlyphOrder(names)
    made.setupCharacterMap({ord(c): f"g{n}" for n, c in enumerate(letters)})
    glyphs = {}
    for n, name in enumerate(names):
        pen = T2CharStringPen(EM, None) if postscript else TTGlyphPen(None)
        if n:
            square(pen, 600 + n, postscript)
        glyphs[name] = pen.getCharString() if postscript else pen.glyph()
    if postscript:
        made.setupCFF(path.stem, {}, glyphs, {})
    else:
        made.setupGlyf(glyphs)
    made.setupHorizontalMetrics(dict.fromkeys(names, (EM, 0)))
    made.setupHorizontalHeader(ascent=900, descent=-200)
    made.setupNameTable({"familyName": path.stem, "styleName": "Regular", "psName": path.stem})
    made.setupOS2(fsType=fs_type)
    made.setupPost()
    made.save(path)


def printed(text: str) -> PageObject:
    """A page with the text in one paragraph."""
    file = BytesIO()
    canvas = Canvas(file)
    words = Paragraph(faces.markup(text, "Helvetica"), style(10))
    words.wrapOn(canvas, 400, 100)
    words.drawOn(canvas, 50, 50)
    canvas.save()
    (page,) = PdfReader(file).pages
    return page


@pytest.fixture
def fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for fonts, which nobody has looked into yet."""
    folder = tmp_path / "fonts"
    folder.mkdir()
    monkeypatch.setenv(search.VARIABLE, str(folder))
    monkeypatch.setattr(faces, "_found", {})
    told.unprinted()
    return folder


@pytest.mark.parametrize("postscript", [False, True], ids=["TrueType", "PostScript outlines"])
def test_a_letter_comes_from_a_font_that_has_it(fonts: Path, postscript: bool) -> None:
    write_font(fonts / f"Own{postscript}.otf", OURS, postscript)
    (own, first), (helvetica, second) = faces.runs(f"{OURS} & <b>", "Helvetica")
    assert (first, second, helvetica) == (OURS, " & <b>", "Helvetica")
    assert faces.markup(f"{OURS}&", "Helvetica") == f'<font name="{own}">{OURS}</font>&amp;'
    assert faces.width(OURS, "Helvetica", 10) == pytest.approx(20)
    page = printed(OURS)
    assert page.extract_text().strip() == OURS
    assert told.unprinted() == ""


@pytest.mark.parametrize("postscript", [False, True])
def test_only_the_letters_needed_are_taken_with_their_outlines(
    fonts: Path, postscript: bool
) -> None:
    write_font(fonts / "Own.otf", OURS, postscript)
    face = search.font_with({OURS[1]})
    assert face is not None
    taken = TTFont(BytesIO(search.extract(face, {OURS[1]}, "Some")))
    assert taken.getBestCmap() == {ord(OURS[1]): f"u{ord(OURS[1]):05X}"}
    glyph = taken["glyf"][taken.getBestCmap()[ord(OURS[1])]]
    assert (glyph.xMax, glyph.yMax, taken["hmtx"][taken.getBestCmap()[ord(OURS[1])]]) == (
        602,
        602,
        (EM, 0),
    )
    # Clockwise, as TrueType fills it: else a counter would be filled and the letter a blot.
    points = list(glyph.coordinates)
    area = sum(
        a[0] * b[1] - b[0] * a[1] for a, b in zip(points, points[1:] + points, strict=False)
    )
    assert area < 0


def test_fonts_that_may_not_be_embedded_and_files_that_are_none_are_passed_over(
    fonts: Path,
) -> None:
    write_font(fonts / "Locked.ttf", OURS, False, fs_type=2)
    (fonts / "Broken.ttf").write_bytes(b"\0\1\0\0" + b"\xff" * 300)
    (fonts / "Empty.otf").touch()
    assert search.font_with(set(OURS)) is None
    assert faces.runs(OURS[0], "Helvetica") == [("Helvetica", "[U+0378]")]
    assert told.unprinted() == OURS[0]
    assert told.unprinted() == ""


def test_a_font_with_damaged_outlines_stops_no_report(fonts: Path) -> None:
    write_font(fonts / "Own.ttf", OURS, False)
    data = bytearray((fonts / "Own.ttf").read_bytes())
    number = int.from_bytes(data[4:6], "big")
    for at in range(12, 12 + 16 * number, 16):
        if data[at : at + 4] == b"glyf":
            offset, length = (int.from_bytes(data[at + n : at + n + 4], "big") for n in (8, 12))
            data[offset : offset + length] = b"\x7f" * length
    (fonts / "Own.ttf").write_bytes(data)
    assert faces.runs(OURS[0], "Helvetica") == [("Helvetica", "[U+0378]")]
    assert told.unprinted() == OURS[0]


def test_letters_of_two_fonts_are_drawn_beside_each_other(fonts: Path) -> None:
    write_font(fonts / "One.ttf", OURS[0], False)
    write_font(fonts / "Two.otf", OURS[1], True)
    page = printed(OURS)
    names = {font.get_object()["/BaseFont"] for font in page["/Resources"]["/Font"].values()}
    assert len(names) == 3, "two of one name would be taken for the same by a reader"
    assert "".join(page.extract_text().split()) == OURS


@pytest.mark.parametrize(
    "name", ["Łukasz Żółć", "Nguyễn Thị Ước", "Ελένη", "Иван Ёжиков", "Հայկ", "ქართლი", "e\u0301"]
)
def test_what_dejavu_has_is_drawn_as_it_is(fonts: Path, name: str) -> None:
    text = "".join(part for _, part in faces.runs(name, "Helvetica"))
    assert text == name.replace("e\u0301", "é")
    assert told.unprinted() == ""


def test_arabic_letters_are_joined_and_words_turned_round(fonts: Path) -> None:
    # meem initial, hah medial, meem medial, dal final (Unicode's Arabic Presentation Forms-B)
    assert joined("محمد") == "\ufee3\ufea4\ufee4\ufeaa"
    assert joined("لا") == "\ufefb", "lam and alef are one letter"
    assert joined("سلا") == "\ufeb3\ufefc"
    assert joined("دار") == "\ufea9\ufe8d\ufead", "dal and alef join no letter after them"
    assert in_drawing_order("P-1, שרה כהן, 1956") == "P-1, ןהכ הרש, 1956"
    assert in_drawing_order("שרה (12:30) כהן") == "ןהכ (12:30) הרש"
    assert in_drawing_order("Anna (12)") == "Anna (12)"
    marked = in_drawing_order("בָּא")
    assert marked == "אבָּ", "a mark stays behind its letter"
    assert (
        "".join(part for _, part in faces.runs("محمد", "Helvetica")) == "\ufeaa\ufee4\ufea4\ufee3"
    )
    assert told.unprinted() == ""


def test_what_is_not_to_be_seen_is_left_out_and_controls_are_spaces(fonts: Path) -> None:
    assert faces.runs("a\u200db\x1b[31m\nc", "Helvetica") == [("Helvetica", "ab [31m c")]
    assert told.unprinted() == ""


def test_a_picture_takes_the_font_too(fonts: Path) -> None:
    write_font(fonts / "Picture One.ttf", OURS[0], False)
    assert picture.families(f"Anna {OURS[0]}") == ["DejaVu Sans", "Picture One"]
    assert picture.pictured(f"{OURS}\n") == f"{OURS[0]}[U+0379] "
    assert told.unprinted() == OURS[1]


def test_the_sheet_prints_a_clinic_by_its_name(fonts: Path, tmp_path: Path) -> None:
    details = Details("Łódź & Söhne <b>", "☎ 1 & 2", electrodes=("левый бок <i>",))
    front, back = PdfReader(make_sheet(tmp_path / "sheet.pdf", details)).pages
    assert "Łódź & Söhne <b>" in " ".join(front.extract_text().split())
    assert "☎ 1 & 2" in front.extract_text()
    assert "Electrode 1 (левый бок <i>) is loose" in " ".join(back.extract_text().split())
