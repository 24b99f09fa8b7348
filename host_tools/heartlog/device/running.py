"""Runs programs on a board with the monitor's own modules, while the monitor is stopped."""

from heartlog.device.install import frozen_in, hold
from heartlog.device.layout import read_state
from heartlog.device.repl import Repl
from heartlog.errors import CommandError
from heartlog.image.board import Board


class Bench:
    """A board whose monitor is held; `run` runs code that may import `board` and `monitor`.

    Closing it resets the board, so that the monitor starts again.
    """

    def __init__(self, board: Board, port: str) -> None:
        self.board = board
        self.repl = hold(Repl(port), board)
        try:
            state = read_state(self.repl, board)
            if state is not None:
                # The loader is the board's main.py: imported, it starts nothing.
                self.repl.exec(f"import main\nmain.attach({state.run!r})")
            elif not frozen_in(self.repl):
                raise CommandError(
                    f"There is no Heartlog firmware on the board on {port}.",
                    f"Put it on: heartlog device flash {board.name}",
                )
        except BaseException:
            self.repl.close()
            raise

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        self.repl.reset()

    def run(self, code: str, timeout: float = 30.0) -> str:
        """Run code; returns what it printed. Raises RemoteError with its traceback."""
        return self.repl.exec(code, timeout=timeout)
