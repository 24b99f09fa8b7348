"""Whether a board has the memory to run an image out of a file.

    check_memory(repl, board, image)

What is imported from a file is copied into RAM, code and tables; where functions run from where
they lie in flash (firmware/monitor/inplace.py), the tables alone. The figures were measured on an
emulated Pico W with MicroPython 1.28, where 200 KiB are free after a reset.
"""

from heartlog.device.repl import Repl
from heartlog.errors import CommandError
from heartlog.image import ImageInfo, codemap
from heartlog.image.board import Board

# RAM for each byte of the image's files that a monitor imports; most of what it never imports
# (other front ends, the self-test, updates) is a sixth of an image.
IMPORTED = 5 / 6
RUNNING = 80 * 1024
# The same where the code stays in flash: names, tables and objects for each byte that is left;
# loader, running parts, radio, and what must be free for it all to turn.
KEPT = 1.3
RUNNING_IN_PLACE = 76 * 1024


def needed_memory(image: ImageInfo) -> int:
    """Bytes of heap that a board needs to run the image out of its file."""
    sizes = {f.path: f.size for f in image.files if f.path.endswith(".mpy")}
    if not any(f.path == codemap.NAME for f in image.files):
        return int(sum(sizes.values()) * IMPORTED) + RUNNING
    modules = codemap.read_map((image.folder / codemap.NAME).read_bytes())
    kept = sum(
        sizes[name.replace(".", "/") + ".mpy"] - sum(size for _, size in moved)
        for name, moved in modules.items()
    )
    return int(kept * KEPT) + RUNNING_IN_PLACE


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
