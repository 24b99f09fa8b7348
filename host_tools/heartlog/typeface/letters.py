"""Arabic letters joined, and right-to-left words in the order in which they are drawn.

    in_drawing_order("P-1, שרה")     # the Hebrew word reversed; the rest stays

A small part of Unicode's bidirectional algorithm (UAX #9): a line that runs left to right, with
words of the other direction in it. Forms of letters: Unicode's presentation forms, by their
decompositions. A right-to-left text that is longer than a line is broken in the wrong place.
"""

import unicodedata
from functools import cache

_MIRRORED = str.maketrans("()[]{}<>«»", ")(][}{><»«")
_LAM, _TATWEEL, _NO_JOIN = "\u0644", "\u0640", "\u200c"


@cache
def _forms() -> dict[tuple[str, str], str]:
    """(letter or lam + alef, isolated | initial | medial | final) -> its presentation form."""
    found = {}
    for code in (*range(0xFB50, 0xFDFE), *range(0xFE70, 0xFEFD)):
        kind, *letters = unicodedata.decomposition(chr(code)).split() or [""]
        text = "".join(chr(int(letter, 16)) for letter in letters)
        if text and (len(text) == 1 or (text[0] == _LAM and code >= 0xFEF5)):
            found[text, kind.strip("<>")] = chr(code)
    return found


def _joins_on(letter: str) -> bool:
    return letter == _TATWEEL or (letter, "initial") in _forms()


def _joins_back(letter: str) -> bool:
    return letter == _TATWEEL or (letter, "final") in _forms()


def joined(text: str) -> str:
    """Arabic letters in the form that they have beside their neighbours."""
    forms = _forms()
    bases = [i for i, c in enumerate(text) if not unicodedata.combining(c)]
    out = list(text)
    before = ""  # the letter that may join to the next one
    at = 0
    while at < len(bases):
        i = bases[at]
        letter = text[i]
        after = text[bases[at + 1]] if at + 1 < len(bases) else ""
        pair = letter + after
        if letter == _LAM and (pair, "isolated") in forms:
            linked = bool(before) and _joins_back(letter)
            out[i] = forms[pair, "final" if linked else "isolated"]
            out[bases[at + 1]] = ""
            before, at = "", at + 2
            continue
        back = bool(before) and _joins_back(letter)
        on = _joins_on(letter) and bool(after) and _joins_back(after)
        kind = ("medial" if on else "final") if back else ("initial" if on else "isolated")
        out[i] = forms.get((letter, kind), letter)
        before = letter if on else ""
        at += 1
    return "".join(out).replace(_NO_JOIN, "")


def _right_to_left(c: str) -> bool:
    return unicodedata.bidirectional(c) in ("R", "AL")


def in_drawing_order(text: str) -> str:
    """Return `text` so that its characters, drawn one after the other, read as they should."""
    if not any(map(_right_to_left, text)):
        return text
    out, at = [], 0
    while at < len(text):
        if not _right_to_left(text[at]):
            out.append(text[at])
            at += 1
            continue
        stop = last = at
        while stop < len(text) and unicodedata.bidirectional(text[stop]) != "L":
            stop += 1
            if _right_to_left(text[stop - 1]) or unicodedata.combining(text[stop - 1]):
                last = stop
        out.append(_turned(joined(text[at:last])))
        at = last
    return "".join(out)


def _turned(text: str) -> str:
    """Reversed, but for marks that stay behind their letter, and numbers."""
    parts: list[str] = []
    for c in text:
        number = bool(parts) and parts[-1][0].isdecimal() and (c.isdecimal() or c in ".,:/-")
        if parts and (unicodedata.combining(c) or number):
            parts[-1] += c
        else:
            parts.append(c.translate(_MIRRORED))
    return "".join(reversed(parts))
