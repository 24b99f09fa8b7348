"""Letters that no font had, kept until a command tells of them."""

_letters: set[str] = set()


def note(letters: set[str]) -> None:
    """Keep letters that could not be drawn."""
    _letters.update(letters)


def unprinted() -> str:
    """Return the letters that no font had since this was last asked."""
    letters = "".join(sorted(_letters))
    _letters.clear()
    return letters
