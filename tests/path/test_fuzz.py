"""No bytes crash either side, make it grow, or are believed without a key."""

import os
from pathlib import Path

import pytest

pytest.importorskip("virtual_board")
from tests.path.fuzz import fuzz_device, fuzz_host

WRITES = int(os.environ.get("HEARTLOG_FUZZ", "600"))


def test_the_host_takes_any_bytes() -> None:
    tried = fuzz_host(WRITES * 5, seed=1)
    assert tried.taken > 25, "nothing got further than its first byte"
    assert tried.growth < 64 * 1024


@pytest.mark.parametrize(("sealed", "stack"), [(False, "btstack"), (True, "nimble")])
def test_the_whole_monitor_takes_any_write(
    micropython: str, tmp_path: Path, sealed: bool, stack: str
) -> None:
    tried = fuzz_device(tmp_path, WRITES // 8, seed=2, sealed=sealed, stack=stack)
    assert tried.taken > 0
    assert tried.growth < 32 * 1024
