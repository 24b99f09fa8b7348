"""A font of this computer that has certain letters, and a small font of only those.

    found = font_with({"王", "明"})          # path, face and the letters it has; or None
    data = extract(found, letters, "Some")   # bytes of a TrueType font of that name

Looked for in HEARTLOG_FONTS (a folder), then among the system's fonts, as matplotlib finds them on
Linux, macOS and Windows. Outlines of any kind (Noto's are PostScript ones, which reportlab can't
embed) are drawn anew as TrueType's. Fonts whose maker forbids embedding are passed over (OpenType,
OS/2 table, fsType: 2 is "Restricted License embedding").
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

VARIABLE = "HEARTLOG_FONTS"
ENDINGS = (".ttf", ".otf", ".ttc", ".otc")
_LIKELY = ("noto", "droid", "unicode", "gothic", "hei", "yahei", "malgun", "sans", "regular")
"""Words in the names of fonts that have many scripts and look well beside a sans serif."""
_PASS_OVER = ("lastresort", "notdef", "blank")
_RESTRICTED = 2


class Face(NamedTuple):
    """A font file, the number of the face in it, and those of the wanted letters that it has."""

    path: Path
    number: int
    letters: frozenset[str]


def candidates() -> list[Path]:
    """Font files in the order in which they are looked into."""
    from matplotlib.font_manager import findSystemFonts

    own = os.environ.get(VARIABLE)
    first = sorted((p for p in Path(own).rglob("*") if _is_font(p)), key=_unlikely) if own else []
    system = sorted({Path(name) for name in findSystemFonts()}, key=_unlikely)
    return [*first, *(p for p in system if _is_font(p))]


def _is_font(path: Path) -> bool:
    name = path.name.lower()
    return name.endswith(ENDINGS) and not any(word in name for word in _PASS_OVER)


def _unlikely(path: Path) -> tuple[int, int, str]:
    name = path.name.lower()
    slanted = any(word in name for word in ("bold", "italic", "oblique", "serif", "mono", "light"))
    return (slanted, -sum(word in name for word in _LIKELY), str(path))


def font_with(letters: set[str]) -> Face | None:
    """Return the font that has most of `letters`, the first that has all; None if none has any."""
    best: Face | None = None
    for path in candidates():
        with _opened(path, 0) as font:
            known = font.getBestCmap() if font is not None else {}
        has = frozenset(c for c in letters if ord(c) in known)
        if len(has) > (len(best.letters) if best else 0):
            best = Face(path, 0, has)
        if len(has) == len(letters):
            break
    return best


def fonts_with(letters: set[str]) -> Iterator[Face]:
    """Give fonts until every letter is in one of them, or nothing has those that are left."""
    wanted = set(letters)
    while wanted and (face := font_with(wanted)) is not None:
        wanted -= face.letters
        yield face


@contextmanager
def _opened(path: Path, number: int) -> Iterator[Any]:
    """The font, None for a file that can't be read as one, or may not be embedded."""
    from fontTools.ttLib import TTFont

    with ExitStack() as open_files:
        try:
            file = open_files.enter_context(path.open("rb"))
            font = TTFont(file, fontNumber=number, lazy=True)
            allowed = "OS/2" not in font or font["OS/2"].fsType & 0xF != _RESTRICTED
            drawn = any(table in font for table in ("glyf", "CFF ", "CFF2"))
            usable = allowed and drawn and bool(font.getBestCmap())
        except Exception:  # a file that lies among fonts may be anything
            usable = False
        yield font if usable else None


def extract(face: Face, letters: set[str], title: str) -> bytes:
    """Return a TrueType font of `letters` alone (those that `face` has).

    `title`: its name; two of one name in a PDF would be taken for the same.
    """
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.cu2quPen import Cu2QuPen
    from fontTools.pens.recordingPen import DecomposingRecordingPen
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    with _opened(face.path, face.number) as font:
        shapes, names = font.getGlyphSet(), font.getBestCmap()
        em = font["head"].unitsPerEm
        curves = "glyf" not in font
        glyphs, widths, cmap = {".notdef": TTGlyphPen(None).glyph()}, {".notdef": em}, {}
        for letter in sorted(letters & face.letters):
            name = names[ord(letter)]
            recorded = DecomposingRecordingPen(shapes)
            shapes[name].draw(recorded)
            pen = TTGlyphPen(None)
            # PostScript's outlines run the other way round than TrueType's.
            recorded.replay(Cu2QuPen(pen, em / 1000, reverse_direction=curves))
            own = f"u{ord(letter):05X}"
            glyphs[own], cmap[ord(letter)] = pen.glyph(), own
            widths[own] = round(shapes[name].width)
        ascent, descent = font["hhea"].ascent, font["hhea"].descent
    made = FontBuilder(em, isTTF=True)
    made.setupGlyphOrder(list(glyphs))
    made.setupCharacterMap(cmap)
    made.setupGlyf(glyphs)
    made.setupHorizontalMetrics({n: (w, glyphs[n].xMin) for n, w in widths.items()})
    made.setupHorizontalHeader(ascent=ascent, descent=descent)
    made.setupNameTable({"familyName": title, "styleName": "Regular", "psName": title})
    made.setupOS2(sTypoAscender=ascent, sTypoDescender=descent)
    made.setupPost()
    out = BytesIO()
    made.save(out)
    return out.getvalue()
