"""Text in pictures: matplotlib joins letters and orders words itself, and takes several fonts.

text = pictured(name)                   # what no font has as its number
figure.text(x, y, text, family=families(text))
"""

import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

from heartlog.typeface import told
from heartlog.typeface.search import fonts_with

OWN = "DejaVu Sans"


@cache
def _known() -> frozenset[int]:
    from matplotlib import font_manager

    own: Any = font_manager.get_font(font_manager.findfont(OWN))
    return frozenset(own.get_charmap())


@cache
def _added(path: Path) -> str:
    from matplotlib import font_manager

    font_manager.fontManager.addfont(str(path))
    return str(font_manager.FontProperties(fname=str(path)).get_name())


def _lacking(text: str) -> set[str]:
    return {c for c in text if ord(c) not in _known() and unicodedata.category(c) != "Cf"}


def families(text: str) -> list[str]:
    """Return the font families with which matplotlib can draw `text`."""
    return [OWN, *(_added(face.path) for face in fonts_with(_lacking(text)))]


def pictured(text: str) -> str:
    """Return `text` with what no font has written as its number; told, too."""
    plain = "".join(" " if unicodedata.category(c) == "Cc" else c for c in text)
    wanted = _lacking(plain)
    for face in fonts_with(wanted):
        wanted -= face.letters
    told.note(wanted)
    return "".join(f"[U+{ord(c):04X}]" if c in wanted else c for c in plain)
