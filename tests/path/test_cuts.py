"""The power goes at any moment of a monitor's life; nothing that was in flash is lost."""

import os
import random
import shutil
from pathlib import Path

import pytest

pytest.importorskip("virtual_board")
from tests.path.cuts import Life

from heartlog._firmware.monitor.link import wire

pytestmark = pytest.mark.usefixtures("micropython")

# In every operation, some twenty minutes: HEARTLOG_WHOLE_CUTS=all pytest tests/path/test_cuts.py
CUTS = os.environ.get("HEARTLOG_WHOLE_CUTS", "3")


@pytest.mark.timeout(14400)
def test_power_cut_in_the_whole_monitor(tmp_path: Path) -> None:
    """Through a boot, beats, a press with its strip, a host that records, acknowledges and changes
    settings, and the journal's next block: after each cut it boots by itself, keeps what was
    flushed, loses ten seconds at most, and gives no number twice; the store has all of it once."""
    life = Life(tmp_path)
    assert life.complaints == []
    assert {wire.BOOT, wire.BEAT, wire.EVENT, wire.STRIP, wire.SESSION, wire.SETTING} <= life.kinds
    life.flash_after(len(life.operations), tmp_path / "again.bin")
    assert (tmp_path / "again.bin").read_bytes() == life.final, "the witness missed an operation"
    assert life.boot_erases <= 1, "a boot waits for flash that it had erased before"
    cuts = range(len(life.operations))
    chosen = cuts if CUTS == "all" else sorted(random.Random(1).sample(cuts, int(CUTS)))
    records = lost = oldest = 0
    for number in chosen:
        found = life.cut(number, tmp_path / "cut", seed=number + 1)
        shutil.rmtree(tmp_path / "cut")
        records += found.records
        lost, oldest = max(lost, found.lost), max(oldest, found.oldest_ms)
    print(f"{life.what()}; {len(chosen)} cuts, {records} records as they were made, at most {lost}"
          f" lost with the power, the oldest {oldest} ms old")  # fmt: skip
    assert lost <= 64
