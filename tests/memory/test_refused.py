"""What keeps `heartlog erase` from erasing, and what `--give-up` gives up."""

import pytest

from heartlog.recorder.erase import FETCH, GIVE_UP, Held


@pytest.mark.parametrize(
    ("missing", "ecg_missing", "locked", "asks_for", "with_give_up"),
    [
        (0, 0, 0, "", ""),
        (5, 0, 0, FETCH, FETCH),  # they can be read here
        (0, 5, 0, FETCH, ""),
        (5, 5, 5, FETCH, FETCH),
        (0, 0, 5, GIVE_UP, ""),
        (0, 5, 5, GIVE_UP, ""),  # ECG under another computer's key, which no fetch brings
    ],
)
def test_what_has_to_be_done_first(
    missing: int, ecg_missing: int, locked: int, asks_for: str, with_give_up: str
) -> None:
    held = Held(9, missing, 9, ecg_missing, 0, locked, frozenset({7}))
    assert held.refused(False) == asks_for
    assert held.refused(True) == with_give_up
