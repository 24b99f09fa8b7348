"""A canvas of braille dots: two by four dots to a character.

    canvas = Canvas(columns=70, rows=8)
    canvas.line(0, 31, 139, 0)
    print("\n".join(canvas.rows_text()))

Dot (0, 0) is at the top left. Dots outside are left out. Unicode block U+2800: the eight dots of
a character are its low eight bits, in the order 1 2 3 7 down the left and 4 5 6 8 down the right.
"""

from __future__ import annotations

_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""[row][column] of a character's dot."""
_BRAILLE = " " + "".join(chr(0x2800 + c) for c in range(1, 256))
_PLAIN = "".join(" .::####"[min(7, c.bit_count())] for c in range(256))


class Canvas:
    """Dots to draw on; `width` and `height` are in dots."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self.width, self.height = columns * 2, rows * 4
        self._cells = bytearray(columns * rows)

    def clear(self) -> None:
        """Take every dot away."""
        self._cells = bytearray(len(self._cells))

    def dot(self, x: int, y: int) -> None:
        """Set one dot."""
        if 0 <= x < self.width and 0 <= y < self.height:
            self._cells[(y >> 2) * self.columns + (x >> 1)] |= _BITS[y & 3][x & 1]

    def line(self, x0: int, y0: int, x1: int, y1: int) -> None:
        """Set the dots of a straight line (Bresenham)."""
        dx, dy = abs(x1 - x0), -abs(y1 - y0)
        step_x = 1 if x0 < x1 else -1
        step_y = 1 if y0 < y1 else -1
        error = dx + dy
        while True:
            self.dot(x0, y0)
            if (x0, y0) == (x1, y1):
                return
            twice = 2 * error
            if twice >= dy:
                error += dy
                x0 += step_x
            if twice <= dx:
                error += dx
                y0 += step_y

    def column(self, x: int, top: int, bottom: int) -> None:
        """Set the dots of an upright line, both ends included."""
        for y in range(max(0, min(top, bottom)), min(self.height - 1, max(top, bottom)) + 1):
            self.dot(x, y)

    def rows_text(self, unicode: bool = True) -> list[str]:
        """The rows as strings of `columns` characters; without `unicode` as `.`, `:` and `#`."""
        # A space where no dot is: some fonts draw the empty pattern as eight rings.
        glyphs = _BRAILLE if unicode else _PLAIN
        return [
            "".join(glyphs[c] for c in self._cells[r * self.columns : (r + 1) * self.columns])
            for r in range(self.rows)
        ]
