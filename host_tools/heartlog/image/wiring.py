"""A board's wiring as a table in Markdown and as a drawing in SVG, from its description.

`make boards` puts both into the board's folder: the drawing as `wiring.svg`, the table between
two marks in its README. The tests fail while they are out of date.
"""

from html import escape

from heartlog.image.board import Board

_ROW = 30
_TOP = 64
_BOARD = (24, 250)
_PART = (560, 330)
_FONT = 'font-family="DejaVu Sans, Verdana, sans-serif"'
# One colour for a kind of wire; the words beside each wire say the same without colour.
_COLOURS = {"bus": "#1f5fa8", "part": "#2e7d32", "power": "#b3261e", "ground": "#333333"}


def wiring_table(board: Board) -> str:
    """The table of all wires: firmware's name, machine.Pin, place on the board, far end."""
    lines = ["| Name | Pin | On the board | Goes to |", "|---|---|---|---|"]
    lines += [f"| {p.name} | {p.pin} | {p.at} | {p.to} |" for p in board.pins]
    lines += [f"| {s.net} | - | {s.at} | {s.to} |" for s in board.supply]
    return "\n".join(lines)


def _kind(name: str, to: str) -> str:
    if name in ("GND", "AGND"):
        return "ground"
    if to.startswith("front end"):
        return "power" if "VDD" in to else "bus"
    return "part" if name not in ("5V", "VIN", "VSYS", "3V3") else "power"


def wiring_svg(board: Board) -> str:
    """A drawing: the board on the left, what it is wired to on the right, a line for each wire."""
    wires = [(p.name, f"{p.at}", p.to) for p in board.pins]
    wires += [(s.net, s.at, s.to) for s in board.supply]
    width = _PART[0] + _PART[1] + 24
    height = _TOP + _ROW * len(wires) + 24
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label="Wiring of the '
        f'{escape(board.title, quote=True)}">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for x, wide, title in (
        (*_BOARD, board.title),
        (*_PART, "ADS1292R and the parts around it"),
    ):
        out.append(
            f'<rect x="{x}" y="12" width="{wide}" height="{height - 24}" rx="10" '
            'fill="#f3f5f7" stroke="#333333" stroke-width="1.5"/>'
        )
        out.append(
            f'<text x="{x + wide / 2:g}" y="38" {_FONT} font-size="14" font-weight="bold" '
            f'text-anchor="middle" fill="#111111">{escape(title)}</text>'
        )
    for row, (name, at, to) in enumerate(wires):
        out += _wire(_TOP + _ROW * row, name, at, to)
    out.append("</svg>")
    return "\n".join(out) + "\n"


def _wire(y: int, name: str, at: str, to: str) -> list[str]:
    colour = _COLOURS[_kind(name, to)]
    left, right = _BOARD[0] + _BOARD[1], _PART[0]
    held = to.removeprefix("front end ")
    lines = _split(held, 46)
    out = [
        f'<line x1="{left}" y1="{y + 10}" x2="{right}" y2="{y + 10}" stroke="{colour}" '
        'stroke-width="2"/>',
        f'<circle cx="{left}" cy="{y + 10}" r="4" fill="{colour}"/>',
        f'<circle cx="{right}" cy="{y + 10}" r="4" fill="{colour}"/>',
        f'<text x="{left - 12}" y="{y + 14}" {_FONT} font-size="12" text-anchor="end" '
        f'fill="#111111">{escape(at)}</text>',
        f'<text x="{(left + right) / 2:g}" y="{y + 5}" {_FONT} font-size="12" '
        f'font-weight="bold" text-anchor="middle" fill="{colour}">{escape(name)}</text>',
    ]
    first = y + 14 - 6 * (len(lines) - 1)
    for number, line in enumerate(lines):
        out.append(
            f'<text x="{right + 12}" y="{first + 12 * number}" {_FONT} font-size="11" '
            f'fill="#111111">{escape(line)}</text>'
        )
    return out


def _split(text: str, most: int) -> list[str]:
    """Words of `text` in lines of at most `most` letters."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
