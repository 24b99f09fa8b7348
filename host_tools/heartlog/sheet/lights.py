"""The back of the patient's sheet: every pattern of the monitor's light, drawn and in words.

All of them come from the firmware's own table (monitor/patterns.py): what it shows for as long as
something is so, and what it shows once, as an answer to the button or a sign.
"""

from itertools import groupby

from reportlab.lib.colors import black, white
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

from heartlog._firmware.monitor import patterns
from heartlog.sheet.side import BOLD, DARK, MARGIN, PALE, Details, Side, style
from heartlog.typeface.faces import markup

SHOWN_MS = 6000
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_GAP = 1.2 * mm
_BAR = 5 * mm


def flashes(
    canvas: Canvas, row: tuple[int, ...], x: float, y: float, width: float, once: bool = False
) -> None:
    """Draw six seconds of a light pattern: a filled bar while it shines."""
    canvas.setFillColor(white)
    canvas.setStrokeColor(DARK)
    canvas.setLineWidth(0.6)
    canvas.rect(x, y, width, _BAR, stroke=1, fill=1)
    canvas.setFillColor(DARK)
    t = 0
    i = 0
    while t < SHOWN_MS and not (once and i >= len(row)):
        length = row[i % len(row)]
        if i % 2 == 0:
            left = x + width * t / SHOWN_MS
            right = x + width * min(t + length, SHOWN_MS) / SHOWN_MS
            canvas.rect(left, y, max(right - left, 0.5 * mm), _BAR, stroke=0, fill=1)
        t += length
        i += 1


def in_words(row: tuple[int, ...]) -> str:
    """A light pattern that goes on, in words: how many flashes, and how long they are."""
    on = row[::2]
    if len(set(row)) == 1:
        return "flickers all the time"
    if len(on) == 1 and on[0] > row[1]:
        return "shines, with short breaks"
    return _counted(on)


def once_in_words(light: tuple[int, ...], sound: tuple[int, ...]) -> str:
    """A pattern that is shown once, and what is heard with it."""
    on = light[::2]
    beeps = len(sound) // 2
    seen = f"flickers for {NUMBERS[round(sum(light) / 1000)]} seconds"
    if len(on) < len(NUMBERS):
        seen = _counted(on)
    if not beeps:
        return seen
    return f"{seen}, {'a beep' if beeps == 1 else NUMBERS[beeps] + ' beeps'}"


def _counted(on: tuple[int, ...]) -> str:
    runs = [(kind, len(list(group))) for kind, group in groupby(_length(ms) for ms in on)]
    one = "one" if len(runs) == 1 else "a"
    parts = [f"{one if n == 1 else NUMBERS[n]} {kind}".strip() for kind, n in runs]
    return f"{' and '.join(parts)} flash{'es' if runs[-1][1] > 1 else ''}"


def _length(ms: int) -> str:
    limits = ((2500, "very long"), (800, "long"), (400, ""), (100, "short"))
    return next((word for least, word in limits if ms >= least), "quick")


def back(side: Side, d: Details) -> None:
    """Every row of both tables, downwards from the title; `side.y` is left below the last."""
    side.title("What the light tells you", 18 * mm)
    side.y += 5 * mm
    rows = [r for r in patterns.TABLE if not r[0].startswith("electrode")]
    loose = [r for r in patterns.TABLE if r[0].startswith("electrode") and not _unused(r[0], d)]
    # On paper all is well comes first; the electrodes stay in their order.
    _state(side, 0, rows[-1])
    _electrodes(side, loose, d)
    for n, row in enumerate(rows[-2::-1]):
        _state(side, n, row)
    side.y -= 1.5 * mm
    side.text("Shown once, when you pressed the button or as a sign", bold=True)
    side.y += 1.5 * mm
    cells = [
        (light, once_in_words(light, sound), meaning, True)
        for _, light, sound, meaning in patterns.ANSWERS
    ]
    _cells(side, cells)
    c = side.canvas
    c.setFillColor(black)
    c.setFont("Helvetica", 11)
    side.y -= 11
    c.drawString(MARGIN, side.y, "Each bar shows six seconds, dark while the light shines.")


def _state(side: Side, n: int, row: tuple[object, ...]) -> None:
    """One state over the whole width: the bar and its words, what it means, what to do."""
    light, meaning, action = row[1], row[4], row[5]
    assert isinstance(light, tuple)
    left = 52 * mm
    words = Paragraph(f"<b>{meaning}</b> {action}", style(side.size))
    _, h = words.wrap(side.inner - left, side.height)
    each = max(h, _BAR + 13) + 2 * _GAP
    side.y -= each
    _shade(side, n, each)
    _bar(side, light, in_words(light), MARGIN, side.y + each / 2, left - 6 * mm)
    words.drawOn(side.canvas, MARGIN + left, side.y + (each - h) / 2)


def _electrodes(side: Side, loose: list[tuple[object, ...]], d: Details) -> None:
    """What to do is the same for all of them, and is said once."""
    top, bottom = side.y, side.y
    cells = []
    for row in loose:
        light, meaning = row[1], str(row[4])
        assert isinstance(light, tuple)
        cells.append((light, in_words(light), f"<b>{_site(meaning, d)}</b>", False))
    # Measured first, for what is beneath is drawn first.
    for drawn in (False, True):
        side.y = top - _GAP
        if drawn:
            side.y = bottom
            _shade(side, 1, top - bottom)
            side.y = top - _GAP
        _cells(side, cells, drawn)
        words = Paragraph(str(loose[0][5]), style(side.size))
        _, h = words.wrap(side.inner, side.height)
        side.y -= h
        if drawn:
            words.drawOn(side.canvas, MARGIN, side.y)
        side.y -= 2 * _GAP
        bottom = side.y


def _cells(
    side: Side, cells: list[tuple[tuple[int, ...], str, str, bool]], drawn: bool = True
) -> None:
    """(light, in words, meaning, shown once) in two columns, the next one beneath."""
    half = side.inner / 2
    left = 28 * mm
    rows = (len(cells) + 1) // 2
    for n in range(rows):
        pair = [cells[i] for i in (n, n + rows) if i < len(cells)]
        texts = [
            Paragraph(
                f"{meaning}<br/><font size='{side.size - 2}'><i>{words}</i></font>",
                style(side.size - 1),
            )
            for _, words, meaning, _ in pair
        ]
        heights = [text.wrap(half - left - 3 * mm, side.height)[1] for text in texts]
        each = max(heights) + 1.4 * _GAP
        side.y -= each
        if not drawn:
            continue
        for column, (light, _, _, once) in enumerate(pair):
            x = MARGIN + column * half
            flashes(side.canvas, light, x, side.y + each / 2 - _BAR / 2, left - 4 * mm, once)
            texts[column].drawOn(side.canvas, x + left, side.y + (each - heights[column]) / 2)


def _shade(side: Side, n: int, height: float) -> None:
    if n % 2 == 0:
        side.canvas.setFillColor(PALE)
        side.canvas.rect(MARGIN - 3 * mm, side.y, side.inner + 6 * mm, height, stroke=0, fill=1)


def _bar(
    side: Side, light: tuple[int, ...], words: str, x: float, middle: float, width: float
) -> None:
    flashes(side.canvas, light, x, middle - 0.5 * mm, width)
    side.canvas.setFillColor(black)
    side.canvas.setFont("Helvetica-Oblique", max(11, side.size - 2))
    side.canvas.drawString(x, middle - 5.5 * mm, words)


def _unused(name: str, d: Details) -> bool:
    return bool(d.electrodes) and int(name.split()[1]) > len(d.electrodes)


def _site(meaning: str, d: Details) -> str:
    for n, site in enumerate(d.electrodes, 1):
        meaning = meaning.replace(f"Electrode {n} ", f"Electrode {n} ({markup(site, BOLD)}) ")
    return meaning
