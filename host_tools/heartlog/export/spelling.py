"""Text for formats that know ASCII only: a name stays readable in WFDB and in EDF+ headers."""

import unicodedata

SPELT = str.maketrans(
    {
        "ß": "ss",
        "æ": "ae",
        "Æ": "AE",
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "œ": "oe",
        "Œ": "OE",
        "þ": "th",
        "Þ": "Th",
        "ð": "d",
        "ı": "i",
        "–": "-",
        "—": "-",
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "„": '"',
        "µ": "u",
        "μ": "u",
    }
)
"""What has no letter and accent to part, as it is written in ASCII."""


def plain_ascii(text: str, unknown: str = "") -> str:
    """`text` in ASCII: accents go, and a character that has no spelling becomes `unknown`."""
    parted = unicodedata.normalize("NFKD", text.translate(SPELT))
    kept = (c for c in parted if not unicodedata.combining(c))
    return "".join(c if c.isascii() else unknown for c in kept)
