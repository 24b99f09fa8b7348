"""Whether a board has the memory to run an image out of a file.

    check_memory(repl, board, image)

What is imported from a file is copied into RAM, while a frozen build leaves it in flash. On an
emulated Pico W with MicroPython 1.28, 200 KiB are free after a reset. The monitor's modules frozen
took 39 KiB of them and its running parts (rings, strips, journal) another 70; out of files, its
imports alone ended for want of memory.
"""

from heartlog.device.repl import Repl
from heartlog.errors import CommandError
from heartlog.image import ImageInfo
from heartlog.image.board import Board

# RAM for each byte of the image's files that a monitor imports; most of what it never imports
# (other front ends, the self-test, updates) is a sixth of an image.
IMPORTED = 5 / 6
RUNNING = 80 * 1024


def needed_memory(image: ImageInfo) -> int:
    """Bytes of heap that a board needs to run the image out of its file."""
    return int(sum(f.size for f in image.files if f.path.endswith(".mpy")) * IMPORTED) + RUNNING


def check_memory(repl: Repl, board: Board, image: ImageInfo) -> None:
    """Refuses a board that could never run the image.

    Raises:
        CommandError: its heap is too small.
    """
    free = int(repl.value("(gc.collect(), gc.mem_free())[1]", "import gc"))
    needed = needed_memory(image)
    if free < needed:
        raise CommandError(
            f"This {board.title} has {free // 1024} KiB of memory for programs; the monitor needs"
            f" {needed // 1024} when it is imported from a file.",
            f"Take a board with more memory, or a MicroPython with the monitor frozen in: boards/"
            f"{board.name}/README.md says how, and what to mind (make image FROZEN=1).",
        )
