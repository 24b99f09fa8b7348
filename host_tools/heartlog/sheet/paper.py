"""Draws the two sides of the patient's sheet with reportlab; lengths in points unless named."""

from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path

from reportlab.lib.colors import Color, black, white
from reportlab.lib.pagesizes import A4, LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import simpleSplit
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

from heartlog._firmware.monitor import patterns

PAGES = {"A4": A4, "Letter": LETTER}
MARGIN = 17 * mm
# Readable at arm's length without glasses for most people; the largest with which all fits.
SIZES = (15.5, 15.0, 14.5, 14.0, 13.0, 12.0)
BOX = 33 * mm
BLANK = "_" * 24
DARK = Color(0.10, 0.16, 0.24)
PALE = Color(0.93, 0.95, 0.97)


@dataclass(frozen=True)
class Details:
    """What the clinic fills in; an empty field is left as a line to write on."""

    clinic: str = ""
    telephone: str = ""
    out_of_hours: str = ""
    start: datetime | None = None
    end: datetime | None = None
    electrodes: tuple[str, ...] = ()

    def when(self, moment: datetime | None) -> str:
        """A date and time as people write it, or a line to write it on."""
        return f"{moment:%A %d %B %Y, %H:%M}" if moment else BLANK


def _style(size: float, bold: bool = False) -> ParagraphStyle:
    return ParagraphStyle(
        f"s{size}{bold}",
        fontName="Helvetica-Bold" if bold else "Helvetica",
        fontSize=size,
        leading=size * 1.28,
        textColor=black,
    )


class Side:
    """One side of the sheet, filled from the top."""

    def __init__(self, canvas: Canvas, page: tuple[float, float], size: float = SIZES[0]) -> None:
        self.canvas = canvas
        self.size = size
        self.width, self.height = page
        self.y = self.height - MARGIN
        self.inner = self.width - 2 * MARGIN

    def title(self, text: str) -> None:
        """A bar across the side with the title in it."""
        c = self.canvas
        c.setFillColor(DARK)
        c.rect(0, self.height - 24 * mm, self.width, 24 * mm, stroke=0, fill=1)
        c.setFillColor(white)
        c.setFont("Helvetica-Bold", 24)
        c.drawString(MARGIN, self.height - 16 * mm, text)
        self.y = self.height - 31 * mm

    def text(self, text: str, bold: bool = False, indent: float = 0) -> None:
        """A paragraph, bold ones larger; `text` may carry reportlab's inline marks."""
        size = self.size + (1.5 if bold else 0)
        p = Paragraph(text, _style(size, bold))
        _, h = p.wrap(self.inner - indent, self.height)
        self.y -= h
        p.drawOn(self.canvas, MARGIN + indent, self.y)
        self.y -= size * 0.42

    def point(self, text: str) -> None:
        """A paragraph behind a square mark."""
        self.canvas.setFillColor(DARK)
        self.canvas.rect(MARGIN, self.y - self.size * 0.86, 5, 5, stroke=0, fill=1)
        self.text(text, indent=5 * mm)


def _front(side: Side, d: Details) -> None:
    side.title("Your heart monitor")
    side.text("It records every heart beat, day and night, while you live as you always do.")
    side.text("Every day", bold=True)
    side.point(
        "<b>If you feel something</b> (your heart racing, stumbling or pausing, dizziness, "
        "pain): <b>press the button once.</b> The light shines and a beep confirms it. Then "
        "write the time and what you felt into your diary."
    )
    side.point(
        "<b>Washing:</b> take the monitor off its electrodes before a shower or bath; dry the "
        "skin well, then put it back on. It must not get wet."
    )
    side.point(
        "<b>Charging:</b> take the monitor off first. It never records while it is plugged in, "
        "and must never be worn while it is."
    )
    side.point(
        "<b>The beep bothers you?</b> Hold the button for three seconds, until the light "
        "flickers, and let go: the sound is off. The same again: it is on."
    )
    side.point(
        "<b>Your heart rate on a sports watch?</b> Hold the button for six seconds, until the "
        "light flashes five times, and let go. Anyone near you can read the rate then, nothing "
        "else. The same again ends it."
    )
    side.point(
        "<b>To end the test early:</b> hold the button for nine seconds, until the light flickers "
        "for long, let go, and press once more."
    )
    side.point("Itching or red skin under an electrode: move it a little and tell the clinic.")
    side.text("Your test", bold=True)
    side.text(f"From: <b>{d.when(d.start)}</b>")
    side.text(f"Until: <b>{d.when(d.end)}</b>")
    side.text("Who to call", bold=True)
    side.text(f"Clinic: <b>{d.clinic or BLANK}</b>")
    side.text(f"Telephone: <b>{d.telephone or BLANK}</b>")
    side.text(f"Evenings and weekends: <b>{d.out_of_hours or BLANK}</b>")
    c, box = side.canvas, BOX
    c.setLineWidth(2)
    c.setStrokeColor(black)
    c.rect(MARGIN, MARGIN - 4 * mm, side.inner, box, stroke=1, fill=0)
    text = Paragraph(
        "<b>Chest pain that stays, fainting, or trouble breathing: call the emergency number at "
        "once.</b> Nobody watches this monitor while you wear it. It is a tool for learning and "
        "research, not a certified medical device.",
        _style(side.size),
    )
    _, h = text.wrap(side.inner - 8 * mm, box)
    text.drawOn(c, MARGIN + 4 * mm, MARGIN - 4 * mm + (box - h) / 2)


def flashes(canvas: Canvas, row: tuple[int, ...], x: float, y: float, width: float) -> None:
    """Draw six seconds of a light pattern: a filled bar while it shines."""
    shown_ms = 6000
    height = 5.5 * mm
    canvas.setFillColor(white)
    canvas.setStrokeColor(DARK)
    canvas.setLineWidth(0.6)
    canvas.rect(x, y, width, height, stroke=1, fill=1)
    canvas.setFillColor(DARK)
    t = 0
    i = 0
    while t < shown_ms:
        length = row[i % len(row)]
        if i % 2 == 0:
            left = x + width * t / shown_ms
            right = x + width * min(t + length, shown_ms) / shown_ms
            canvas.rect(left, y, max(right - left, 0.7 * mm), height, stroke=0, fill=1)
        t += length
        i += 1


def in_words(row: tuple[int, ...]) -> str:
    """A light pattern told in words: how many flashes, and how long they are."""
    on = row[::2]
    if len(set(row)) == 1:
        return "flickers all the time"
    if len(on) == 1 and on[0] > row[1]:
        return "shines, with short breaks"
    numbers = ("", "one", "two", "three", "four", "five")
    if len(set(on)) > 1:
        kinds = ["a long" if ms >= 800 else "a short" for ms in on]
        return f"{', then '.join(kinds)} flash".replace(
            "a long, then a short", "a long and a short"
        )
    length = "long" if on[0] >= 800 else "quick" if on[0] < 100 else "short"
    return f"{numbers[len(on)]} {length} {'flash' if len(on) == 1 else 'flashes'}"


def _back(side: Side, d: Details) -> None:
    side.title("What the light tells you")
    c = side.canvas
    left = 58 * mm
    rows = [r for r in patterns.TABLE if not _unused(r[0], d)]
    # On paper all is well comes first; the electrodes stay in their order.
    plain = [r for r in rows if not r[0].startswith("electrode")]
    loose = [r for r in rows if r[0].startswith("electrode")]
    rows = [plain[-1], *loose, *plain[-2::-1]]
    top = side.y + 2 * mm
    each = (top - MARGIN - 10 * mm) / len(rows)
    for n, (_, light, _, _, meaning, action) in enumerate(rows):
        y = top - (n + 1) * each
        if n % 2 == 0:
            c.setFillColor(PALE)
            c.rect(MARGIN - 3 * mm, y, side.inner + 6 * mm, each, stroke=0, fill=1)
        middle = y + each / 2
        flashes(c, light, MARGIN, middle - 0.5 * mm, left - 6 * mm)
        c.setFillColor(black)
        c.setFont("Helvetica", 12)
        c.drawString(MARGIN, middle - 6 * mm, in_words(light))
        where = _site(meaning, d)
        words = Paragraph(f"<b>{where}</b> {action}", _style(14))
        _, h = words.wrap(side.inner - left, each)
        words.drawOn(c, MARGIN + left, middle - h / 2)
    c.setFillColor(black)
    c.setFont("Helvetica", 11)
    note = "Each bar shows six seconds, dark while the light shines. " + (
        "You pressed: one long light and a beep."
    )
    for i, line in enumerate(simpleSplit(note, "Helvetica", 11, side.inner)):
        c.drawString(MARGIN, MARGIN - 2 * mm - 13 * i, line)


def _unused(name: str, d: Details) -> bool:
    return (
        bool(d.electrodes)
        and name.startswith("electrode")
        and (int(name.split()[1]) > len(d.electrodes))
    )


def _site(meaning: str, d: Details) -> str:
    for n, site in enumerate(d.electrodes, 1):
        meaning = meaning.replace(f"Electrode {n} ", f"Electrode {n} ({site}) ")
    return meaning


def _largest(details: Details, page: str) -> float:
    """The largest type with which the front's text ends above its box."""
    for size in SIZES:
        trial = Side(Canvas(BytesIO(), pagesize=PAGES[page]), PAGES[page], size)
        _front(trial, details)
        if trial.y >= MARGIN - 4 * mm + BOX:
            break
    return size


def make_sheet(path: Path, details: Details, page: str = "A4") -> Path:
    """Write the sheet (two pages, for the two sides) to `path`; page is "A4" or "Letter"."""
    if page not in PAGES:
        raise ValueError(f"page must be one of {', '.join(PAGES)}, not {page}")
    canvas = Canvas(str(path), pagesize=PAGES[page], invariant=1)
    canvas.setTitle("Your heart monitor")
    canvas.setAuthor("Heartlog")
    _front(Side(canvas, PAGES[page], _largest(details, page)), details)
    canvas.showPage()
    _back(Side(canvas, PAGES[page]), details)
    canvas.showPage()
    canvas.save()
    return path
