"""Nothing is lost, nothing stored twice, whatever happens between the electrode and the store."""

import os
from pathlib import Path

import pytest

pytest.importorskip("virtual_board")
from tests.path.torture import torment

pytestmark = pytest.mark.usefixtures("micropython")

# Hundreds of rounds: HEARTLOG_ROUNDS=400 pytest tests/path/test_torture.py
ROUNDS = int(os.environ.get("HEARTLOG_ROUNDS", "16"))
A_SEED = 8


@pytest.mark.parametrize("stack", ["nimble", "btstack"])
@pytest.mark.parametrize("seed", range(max(1, ROUNDS // A_SEED // 2)))
def test_every_record_reaches_the_store_once(seed: int, stack: str, tmp_path: Path) -> None:
    done = torment(seed, A_SEED, stack, tmp_path)
    print(done)
    assert done.verdict.records > 60
    assert done.verdict.beats > 40
    assert done.connections > done.tally["kill"]
