"""Two or more sessions side by side: numbers with differences, plots of one scale, caveats.

from heartlog.compare import compare_sessions

table = compare_sessions(store, [3, 8])
table.rows[0]         # Row("Mean rate", "/min", [72.0, 65.0])
"""

from heartlog.compare.figures import draw
from heartlog.compare.numbers import Comparison, Row, compare_sessions
from heartlog.compare.page import compose

__all__ = ["Comparison", "Row", "compare_sessions", "compose", "draw"]
