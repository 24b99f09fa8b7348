"""A Heartlog board that runs on this computer.

    from virtual_board import Board

    with Board(record="mitdb/208", speed=20) as board:
        board.control(do="electrode", name="LA", on=False)
        print(board.run_dir, board.control(do="status"))

`python -m virtual_board` starts one from the command line. The firmware image runs in the unix
port of MicroPython; this package starts it, prepares the patient's ECG for it, carries its radio,
and restarts it when it resets.
"""

from virtual_board.launcher import Board
from virtual_board.settings import Settings

__all__ = ["Board", "Settings"]
