"""Which font each letter is drawn in, and lines put together from several (see the package)."""

import unicodedata
from io import BytesIO
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import escape

import matplotlib as mpl
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

from heartlog.typeface import told
from heartlog.typeface.letters import in_drawing_order
from heartlog.typeface.search import extract, fonts_with

REGULAR, BOLD = "Heart", "Heart-Bold"
_FILES = {REGULAR: "DejaVuSans.ttf", BOLD: "DejaVuSans-Bold.ttf"}
_found: dict[str, str | None] = {}
"""Letter -> the font of this computer that it is drawn in; None: there is none."""


def _register() -> None:
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    for name, file in _FILES.items():
        pdfmetrics.registerFont(TTFont(name, folder / file))
    pdfmetrics.registerFontFamily(REGULAR, normal=REGULAR, bold=BOLD)


_register()


def _has(font: str, letter: str) -> bool:
    face = pdfmetrics.getFont(font).face
    if hasattr(face, "charToGlyph"):
        return ord(letter) in face.charToGlyph
    try:  # the fonts that every PDF reader has are written in this encoding
        return bool(letter.encode("cp1252"))
    except UnicodeEncodeError:
        return False


def _look_for(letters: set[str]) -> None:
    """Fill `_found` for letters that no font of ours has."""
    wanted = {c for c in letters if c not in _found}
    for face in fonts_with(wanted):
        name = f"{REGULAR}-more-{len(_found)}"
        try:
            made = TTFont(name, BytesIO(extract(face, set(face.letters), name)))
        except Exception:  # a font with a damaged outline stops no report
            _found.update(dict.fromkeys(face.letters))
            continue
        pdfmetrics.registerFont(made)
        pdfmetrics.registerFontFamily(name, name, name, name, name)
        _found.update(dict.fromkeys(face.letters, name))
    _found.update(dict.fromkeys(wanted - _found.keys()))


def _invisible(letter: str) -> bool:
    """Joiners and marks of direction: nothing is drawn for them."""
    return unicodedata.category(letter) == "Cf" or "\ufe00" <= letter <= "\ufe0f"


def runs(text: str, font: str = REGULAR) -> list[tuple[str, str]]:
    """Return (font, text) in drawing order; controls are spaces, what no font has its number."""
    if text.isascii() and text.isprintable():
        return [(font, text)]
    plain = "".join(" " if unicodedata.category(c) == "Cc" else c for c in text)
    ordered = in_drawing_order(unicodedata.normalize("NFC", plain))
    chain = dict.fromkeys((font, BOLD if "Bold" in font else REGULAR, REGULAR))
    own = {c: next((f for f in chain if _has(f, c)), None) for c in set(ordered)}
    _look_for({c for c, f in own.items() if f is None and not _invisible(c)})
    pieces = []
    for c in ordered:
        if _invisible(c):
            continue
        where = own[c] or _found.get(c)
        if where is not None:
            pieces.append((where, c))
        else:
            told.note({c})
            pieces.append((font, f"[U+{ord(c):04X}]"))
    joined = groupby(pieces, key=lambda piece: piece[0])
    return [(f, "".join(c for _, c in group)) for f, group in joined]


def markup(text: str, font: str = REGULAR) -> str:
    """Return `text` for a Paragraph in `font`: escaped, with other fonts where it needs them."""
    return "".join(
        escape(part) if f == font else f'<font name="{f}">{escape(part)}</font>'
        for f, part in runs(text, font)
    )


def width(text: str, font: str, size: float) -> float:
    """Return how wide a line is, in points."""
    return float(sum(pdfmetrics.stringWidth(part, f, size) for f, part in runs(text, font)))
