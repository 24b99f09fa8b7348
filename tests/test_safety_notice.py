"""README, fitting screen and report say what the monitor is not, and the mains rule."""

from pathlib import Path

import pytest

from heartlog.fit.arrangements import PREPARATION
from heartlog.report.texts import NOTICE


@pytest.mark.parametrize("place", ["README", "fitting", "report"])
def test_the_notice_stands_where_people_look(place: str, repository: Path) -> None:
    texts = {
        "README": (repository / "README.md").read_text(),
        "fitting": " ".join(PREPARATION),
        "report": NOTICE,
    }
    text = " ".join(texts[place].replace(">", "").replace("*", "").split()).lower()
    assert "not a certified medical device" in text
    assert "mains" in text
