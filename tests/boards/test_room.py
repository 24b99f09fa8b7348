"""Two images, the journal and everything else fit on each board's flash, with room for updates.

The sizes are real: the image as it is built for the board, the flash's file system as it is.
"""

import dataclasses
import json
import subprocess
from pathlib import Path

import pytest

from heartlog.image import ImageInfo, board_names, build_image
from heartlog.image.board import load_board

from .conftest import Runner
from .test_boards import assigned

BLOCK_KIB = 4
# A boot reads so much of the flash at most, of the file system and of what lies in it: settings,
# a full journal, stored ECG. (By opening each fence it was 18 KiB for every 4 KiB of journal.)
MOST_READ_KIB = 600


@pytest.mark.parametrize("name", board_names())
def test_image_keeps_within_its_slot(name: str, tmp_path: Path) -> None:
    board = load_board(name)
    image = build_image(name, tmp_path / "image")
    # In whole blocks, of which a littlefs takes up to eight bytes each for its own list.
    blocks = -(-image.archive.stat().st_size // (4096 - 8))
    print(
        f"{name}: {image.archive.stat().st_size} bytes packed, {blocks * BLOCK_KIB} KiB of flash"
    )
    assert blocks * BLOCK_KIB <= board.slot_kib
    assert assigned(name)["JOURNAL_KIB"] == board.journal_kib
    assert assigned(name).get("SECOND_SLOT_LENT", False) == board.lent


@pytest.mark.parametrize("name", [*board_names(), "pico_w frozen"])
def test_everything_fits(name: str, tmp_path: Path, onboard: Runner, repository: Path) -> None:
    """A file system of the board's size, filled; then one update after the other."""
    name, _, frozen = name.partition(" ")
    board = load_board(name)
    reserve = assigned(name).get("JOURNAL_RESERVE")
    if frozen:
        size = board.frozen["journal_kib"]
        assert size == board.frozen["board"].get("JOURNAL_KIB", board.journal_kib)
        board = dataclasses.replace(board, slots=0, journal_kib=size, lent=False, strips=True)
        reserve = board.frozen["board"]["JOURNAL_RESERVE"]
    flash = tmp_path / "flash.bin"
    said = json.loads(
        onboard(
            "room.py",
            flash=str(flash),
            flash_size=board.filesystem_kib * 1024,
            slots=board.slots,
            slot_size=board.slot_kib * 1024 - 44 * 8,
            journal_kib=board.journal_kib,
            reserve=reserve,
            loader=str(repository / "firmware" / "loader.py"),
            lent=board.lent,
            strips=board.strips,
            fences=board.port != "stm32",
        )
    )
    print(name, said)
    flash.unlink()
    assert said["problem"] is None
    assert said["journal"] == board.journal_kib
    assert said["again"] == board.journal_kib
    assert said["made"] == 0
    assert BLOCK_KIB <= said["free"] < board.filesystem_kib
    assert said["complaints"] == []
    assert [status for status, _ in said["updates"]] == [0] * len(said["updates"])
    assert len(said["updates"]) == (3 if board.slots == 2 else 0)
    assert all(least >= BLOCK_KIB for _, least in said["updates"])
    assert said["kept"]
    if board.port != "stm32":  # there each read opens a file
        assert said["read_kib"] < MOST_READ_KIB


# Importing takes little more heap than what stays of it: nothing that is unpacked on the way is
# kept, or scatters what is. (Without a collection before each import it took 1.95 times as much.)
MOST_TIMES = 1.15


def test_importing_takes_little_more_heap_than_what_stays(
    tmp_path: Path, micropython: str, x64_image: ImageInfo, repository: Path
) -> None:
    program = Path(__file__).parent / "onboard" / "imports.py"

    def run(heap: int, folder: Path) -> dict[str, int]:
        folder.mkdir()
        told = {
            "image": str(x64_image.archive),
            "folder": str(folder),
            "loader": str(repository / "firmware" / "loader.py"),
        }
        (folder / "told.json").write_text(json.dumps(told))
        done = subprocess.run(
            [micropython, "-X", f"heapsize={heap}", str(program), str(folder / "told.json")],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        said: dict[str, int] = json.loads(done.stdout)
        return said

    plenty = run(2_000_000, tmp_path / "plenty")
    assert plenty["modules"] > 45
    little = run(int(MOST_TIMES * plenty["heap"]), tmp_path / "little")
    assert little["modules"] == plenty["modules"]
