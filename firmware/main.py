"""What a board runs after a reset."""

from monitor import app

import board

app.run(board)
