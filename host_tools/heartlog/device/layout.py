"""The files of the two image slots, as the host sees them over the cable.

The board's side of the same is `firmware/monitor/slots.py`, which tells what each file is for.
"""

from dataclasses import dataclass

from heartlog.device.repl import RemoteError, Repl
from heartlog.errors import CommandError
from heartlog.image.board import Board
from heartlog.image.places import firmware_dir

NONE = "-"


@dataclass(frozen=True)
class State:
    """The line in `slots/state`: what runs, what is on trial or "-", its starts, the last end."""

    run: str
    trial: str
    tries: int
    last: str

    def line(self) -> bytes:
        """As it stands in the file."""
        return f"{self.run} {self.trial} {self.tries} {self.last}\n".encode()


def slots_folder(board: Board) -> str:
    """Where the slots are on the board."""
    return board.root.rstrip("/") + "/slots"


def slot_file(board: Board, slot: str) -> str:
    """The file that holds a slot's image."""
    return f"{slots_folder(board)}/{slot}.img"


def read_state(repl: Repl, board: Board) -> State | None:
    """The state, or None where there is none that can be read."""
    try:
        words = repl.get(slots_folder(board) + "/state").split()
    except RemoteError:
        return None
    if len(words) != 4 or not words[2].isdigit():
        return None
    run, trial, tries, last = (word.decode("ascii", "replace") for word in words)
    return State(run, trial, int(tries), last)


def write_state(repl: Repl, board: Board, state: State) -> None:
    """Replace the state, whole or not at all."""
    repl.put_safely(slots_folder(board) + "/state", state.line())


def target_slot(state: State | None, board: Board) -> str:
    """The slot that a new image goes into."""
    if board.slots == 1 or state is None:
        return "a"
    return "b" if state.run == "a" else "a"


def loader_source(board: Board) -> bytes:
    """The board's /main.py, with the place of its file system filled in."""
    source = (firmware_dir() / "loader.py").read_bytes()
    line, filled = b'ROOT = "/"', f'ROOT = "{board.root}"'.encode()
    if source.count(line) != 1:
        raise CommandError(
            "firmware/loader.py has no line that names its root.",
            "Restore it from the repository.",
        )
    return source.replace(line, filled)


def check_file_system(repl: Repl, board: Board) -> None:
    """Refuse a board whose file system a power cut can damage, or that lacks it.

    Raises:
        CommandError: with the option that makes the file system.
    """
    mounts = repl.value("[(type(f).__name__, p) for f, p in vfs.mount()]", "import vfs")
    kinds = {str(path): str(kind) for kind, path in mounts}
    kind = kinds.get(board.root)
    if kind == "VfsLfs2":
        return
    what = f"a {kind} file system, which a power cut can damage" if kind else "no file system"
    hint = (
        f"Make it with --format: everything on the board's flash is erased ({board.title})."
        if board.prepare
        else "Erase the board's flash and put MicroPython on it again: it formats littlefs itself."
    )
    raise CommandError(f"The board has {what} at {board.root}; littlefs is needed.", hint)
