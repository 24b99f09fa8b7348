"""What a board runs after a reset: the monitor, unless a cable asked to hold it, once."""

import os

import board

try:
    os.remove(getattr(board, "ROOT", "/").rstrip("/") + "/hold")
    print("Heartlog: held for service. Reset the board to start the monitor.")
except OSError:
    if hasattr(board, "CODE_RAM"):
        from monitor import inplace

        inplace.bring(board)
        inplace.forget()
        del inplace
    from monitor import app

    app.run(board)
