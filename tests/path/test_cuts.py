"""The power goes at any moment of a monitor's life; nothing that was in flash is lost."""

import multiprocessing
import os
import random
import struct
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("virtual_board")
from tests.path.cuts import Found, Life, cut_on_a_board
from tests.security.flash import pages

from heartlog._firmware.monitor.link import pack, wire

pytestmark = pytest.mark.usefixtures("micropython")

# In every operation, some forty minutes: HEARTLOG_WHOLE_CUTS=all pytest -s tests/path/test_cuts.py
CUTS = os.environ.get("HEARTLOG_WHOLE_CUTS", "")
BOARDS = 4 if CUTS else 1


@pytest.mark.timeout(14400)
@pytest.mark.parametrize(("sealed", "few"), [(False, 3), (True, 2)], ids=["unpaired", "paired"])
def test_power_cut_in_the_whole_monitor(tmp_path: Path, sealed: bool, few: int) -> None:
    """Through a boot, beats, a press with its strip, a host that records, acknowledges and changes
    settings, and the journal's next block: after each cut it boots by itself, keeps what was
    flushed, loses ten seconds at most, and gives no number twice; the store has all of it once."""
    life = Life(tmp_path, sealed)
    assert life.complaints == []
    assert {wire.BOOT, wire.BEAT, wire.EVENT, wire.STRIP, wire.SESSION, wire.SETTING} <= life.kinds
    life.flash_after(len(life.operations), tmp_path / "again.bin")
    assert (tmp_path / "again.bin").read_bytes() == life.final, "the witness missed an operation"
    assert life.boot_erases <= 1, "a boot waits for flash that it had erased before"
    assert clear(life.final, life.boot) == (0 if sealed else 1)
    cuts = range(len(life.operations))
    chosen = cuts if CUTS == "all" else sorted(random.Random(1).sample(cuts, int(CUTS or few)))
    found = all_of(life, list(chosen), tmp_path)
    lost = max(one.lost for one in found)
    print(f"{life.what()}; {len(chosen)} cuts, {sum(one.records for one in found)} records as they"
          f" were made, at most {lost} lost with the power, the oldest"
          f" {max(one.oldest_ms for one in found)} ms old")  # fmt: skip
    assert lost <= 64


def all_of(life: Life, chosen: list[int], folder: Path) -> list[Found]:
    """What each of the cuts came to, on a few boards beside each other."""
    if BOARDS == 1:
        return cut_on_a_board(life, chosen, folder)
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(BOARDS, fork, by_itself, (folder,)) as together:
        parts = [
            together.submit(cut_on_a_board, life, chosen[i::BOARDS], folder / str(i))
            for i in range(BOARDS)
        ]
        return [found for part in parts for found in part.result()]


def by_itself(folder: Path) -> None:
    """Boards of other processes are the same monitor, which one program may record."""
    os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(dir=folder)


def clear(flash: bytes, boot: int) -> int:
    """1 if pages of a boot lie in a flash as they are, 0 if all are sealed."""
    heads = [flash[at : at + 8] for at in range(0, len(flash), 4096)]
    journals = {struct.unpack("<I", head[4:])[0] for head in heads if head[:2] == b"HL"}
    mine = [page for j in journals for of, page in pages(flash, j) if of == boot]
    assert mine
    return int(any(page[0] & pack.SEALED == 0 for page in mine))
