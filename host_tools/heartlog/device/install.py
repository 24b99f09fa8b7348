"""Puts a firmware image on a board over its cable: checked, verified, and taken back if it fails.

    done = install(board, image, port)
    done.slot, done.kept          # kept: True, False (taken back), None (not known yet)

In this order, so that a cable pulled at any point leaves the monitor that was there: hold the
board (its monitor stops until the next reset), write the image beside the slot that runs, have the
board hash it from its own flash, put the loader in place, and only then give the image its name
and put it into `slots/state`. What arrived before the cable was pulled is not sent again.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from heartlog.device.identity import Identity, check, identify
from heartlog.device.layout import (
    NONE,
    State,
    check_file_system,
    loader_source,
    read_state,
    slot_file,
    slots_folder,
    target_slot,
    write_state,
)
from heartlog.device.memory import check_memory
from heartlog.device.repl import RemoteError, Repl, reopen
from heartlog.errors import CommandError
from heartlog.image import ImageInfo
from heartlog.image.board import Board

Say = Callable[[str], None]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Installed:
    """What an installation did.

    `sent` bytes went over the cable, `skipped` were there already. `kept` is whether the new image
    runs and confirmed itself: None when there was nothing to go back to or nobody waited.
    """

    slot: str
    sent: int
    skipped: int
    kept: bool | None
    identity: Identity


def _quiet(_words: str) -> None:
    """Say nothing."""


def _no_progress(_done: int, _total: int) -> None:
    """Show nothing."""


def image_mpy(image: ImageInfo) -> tuple[int, int]:
    """Version and sub-version of the image's compiled files, from their headers.

    Only files with machine code carry the sub-version; it must be MicroPython's own. (0, 0) for
    an image without compiled files.
    """
    versions = [(0, 0)]
    for file in image.files:
        if file.path.endswith(".mpy"):
            head = (image.folder / file.path).read_bytes()[:4]
            if len(head) < 4 or head[:1] != b"M":
                raise CommandError(f"{file.path} is no compiled file.", "Build the image again.")
            versions.append((head[1], head[2] & 3))
    return max(versions)


def frozen_in(repl: Repl) -> bool:
    """Whether the board's MicroPython finds a monitor without any slot."""
    try:
        repl.exec("import image_info")
    except RemoteError:
        return False
    return True


def hold(repl: Repl, board: Board) -> Repl:
    """Stop the monitor on a board: reset it with the loader told to start nothing, once.

    A running monitor's watchdog would bite in the middle of anything that takes longer. A monitor
    that is frozen in has no loader, and looks for the same file in the root itself.
    """
    folder = slots_folder(board)
    if repl.exists(folder + "/state"):
        repl.put(folder + "/hold", b"")
    elif frozen_in(repl):
        repl.put(board.root.rstrip("/") + "/hold", b"")
    else:
        return repl
    repl.reset()
    return reopen(repl.port)


def prepare(repl: Repl, board: Board) -> None:
    """Make the board's file system; everything on its flash is erased."""
    if not board.prepare:
        raise CommandError(f"A {board.title} makes its file system itself.", "Leave --format out.")
    repl.exec("\n".join(board.prepare), timeout=120)


def _send(repl: Repl, data: bytes, part: str, progress: Progress) -> tuple[int, int]:
    """Bring the file `part` to what the image is; returns bytes sent and bytes there already."""
    there = 0
    found = repl.hashes([part])[0]
    if found:
        there = int(repl.value(f"os.stat({part!r})[6]", "import os"))
        if hashlib.sha256(data[:there]).hexdigest() != found:
            there = 0
    done = there
    progress(done, len(data))

    def count(sent: int) -> None:
        nonlocal done
        done += sent
        progress(done, len(data))

    repl.put(part, data[there:], count, append=there > 0)
    if repl.hashes([part])[0] != hashlib.sha256(data).hexdigest():
        repl.exec(f"import os\nos.remove({part!r})")
        raise CommandError(
            "The image on the board is not what was sent.",
            "Try another cable or USB socket. If it stays so, the board's flash is worn out.",
        )
    return len(data) - there, there


_ROOM = 32 * 1024  # beside the image: the file system's own blocks, small files

_TIDY = """
import os
for p in {paths!r}:
 try:
  os.remove(p)
 except OSError:
  pass
"""


# Run by the firmware that is there; an older one has no `lending`, and the room is free.
_LEND = """
import main
main.attach({slot!r})
import board
from monitor import lending
print(lending.by_cable(board, {size}))
"""


def _room(repl: Repl, board: Board, state: State | None, data: bytes, part: str) -> None:
    """Makes sure that the image finds room, lent by the journal where that has all of it."""
    there = 0
    if repl.exists(part):
        there = int(repl.value(f"os.stat({part!r})[6]", "import os"))
    left = len(data) - there
    if _free(repl, board) >= left + _ROOM:
        return
    if board.lent and state is not None:
        lacking = _lend(repl, state.run, left)
        if lacking == 0:
            return
        if lacking is not None:
            raise CommandError(
                f"The image would need {lacking * 4} KiB of flash in which records lie that were"
                " never fetched; the monitor keeps them.",
                "Start it (reset the board), fetch its records (heartlog fetch), then try again.",
            )
    raise CommandError(
        f"The board's flash has {_free(repl, board) // 1024} KiB free; the image needs"
        f" {(left + _ROOM) // 1024} KiB.",
        "Fetch and erase the journal (heartlog erase), then try again.",
    )


def _lend(repl: Repl, slot: str, size: int) -> int | None:
    """Lets the firmware in a slot make room; blocks that are lacking, None when it can't tell."""
    try:
        return int(repl.exec(_LEND.format(slot=slot, size=size), timeout=120).split()[-1])
    except (RemoteError, IndexError, ValueError):
        return None


def _free(repl: Repl, board: Board) -> int:
    words = repl.value(f"(lambda s: (s[0], s[2], s[3]))(os.statvfs({board.root!r}))", "import os")
    size, total, free = (int(word) for word in words)
    return size * free if free <= total else 0  # littlefs counts folders twice: less than nothing


def install(
    board: Board,
    image: ImageInfo,
    port: str,
    *,
    format_flash: bool = False,
    update_key: bytes | None = None,
    wait: float = 0.0,
    say: Say = _quiet,
    progress: Progress = _no_progress,
) -> Installed:
    """Install `image` on the `board` at `port`; settings, journal and keys on it stay.

    `update_key` is the public key (32 bytes) whose owner may send updates over the air. With
    `wait` seconds the new image is watched until it has confirmed itself or was taken back.

    Raises:
        CommandError: wrong board or MicroPython, no room, cable pulled, contents that differ. The
            monitor that was on the board is as it was.
    """
    if image.board != board.name:
        raise CommandError(
            f"The image is for {image.board}, not for {board.name}.",
            f"Build the right one: make image BOARD={board.name}",
        )
    repl = Repl(port)
    try:
        identity = identify(repl)
        check(identity, board, image_mpy(image))
        say(f"{identity.machine}, MicroPython {identity.version_text}")
        if format_flash:
            say("Making the file system; this erases the board's flash")
            prepare(repl, board)
        else:
            repl = hold(repl, board)
        check_file_system(repl, board)
        check_memory(repl, board, image)
        state = read_state(repl, board)
        slot = target_slot(state, board)
        data = image.archive.read_bytes()
        target = slot_file(board, slot)
        part = target + ".part"
        say(f"Writing {len(data)} bytes to slot {slot}")
        folder = slots_folder(board)
        # In the way: the image before the running one, and an unfinished update over the air.
        paths = [target, f"{folder}/update.head", f"{folder}/update.part"]
        repl.exec(_TIDY.format(paths=paths), timeout=60)
        _room(repl, board, state, data, part)
        sent, skipped = _send(repl, data, part, progress)
        _place_loader(repl, board)
        repl.exec(f"import os\nos.rename({part!r},{target!r})")
        if update_key is not None:
            repl.put_safely(f"{folder}/update.key", update_key)
        goes_back = state is not None and board.slots == 2 and state.run != slot
        last = state.last if state is not None else NONE
        if state is not None and goes_back:
            write_state(repl, board, State(state.run, slot, 0, last))
        else:
            write_state(repl, board, State(slot, NONE, 0, NONE))
        repl.exec("import os\nif hasattr(os,'sync'): os.sync()")
        say("Verified on the board; starting it")
        repl.reset()
    finally:
        repl.close()
    kept = _watch(port, board, slot, wait, say) if wait and goes_back else None
    return Installed(slot, sent, skipped, kept, identity)


def _place_loader(repl: Repl, board: Board) -> None:
    """Put the loader where MicroPython looks for main.py: the folder it starts in."""
    here = str(repl.value("os.getcwd()", "import os")).rstrip("/")
    source = loader_source(board)
    if repl.hashes([here + "/main.py"]) != [hashlib.sha256(source).hexdigest()]:
        repl.put_safely(here + "/main.py", source)


def _watch(port: str, board: Board, slot: str, wait: float, say: Say) -> bool | None:
    """Let the new image run for `wait` seconds, then look whether it stayed."""
    say(f"Letting the new image prove itself for {wait:.0f} s")
    time.sleep(wait)
    with reopen(port) as repl:
        state = read_state(repl, board)
        # Looking interrupted the monitor: it starts again.
        repl.reset()
    if state is None or (state.run != slot and state.trial == slot):
        return None
    return state.run == slot


def crash_report(repl: Repl, board: Board) -> str:
    """The traceback of the last crash on the board, or "" when there was none."""
    try:
        return repl.get(slots_folder(board) + "/crash.txt").decode("utf-8", "replace")
    except RemoteError:
        return ""
