"""Draws the two sides of the patient's sheet with reportlab; lengths in points unless named."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from reportlab.lib.colors import black
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

from heartlog.sheet.lights import back
from heartlog.sheet.side import BLANK, BOLD, MARGIN, PAGES, SIZES, Details, Side, style
from heartlog.typeface.faces import markup
from heartlog.whole_file import whole

BOX = 33 * mm


def front(side: Side, d: Details) -> None:
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
    side.text(f"Clinic: <b>{_words(d.clinic)}</b>")
    side.text(f"Telephone: <b>{_words(d.telephone)}</b>")
    side.text(f"Evenings and weekends: <b>{_words(d.out_of_hours)}</b>")
    c, box = side.canvas, BOX
    c.setLineWidth(2)
    c.setStrokeColor(black)
    c.rect(MARGIN, MARGIN - 4 * mm, side.inner, box, stroke=1, fill=0)
    text = Paragraph(
        "<b>Chest pain that stays, fainting, or trouble breathing: call the emergency number at "
        "once.</b> Nobody watches this monitor while you wear it. It is a tool for learning and "
        "research, not a certified medical device.",
        style(side.size),
    )
    _, h = text.wrap(side.inner - 8 * mm, box)
    text.drawOn(c, MARGIN + 4 * mm, MARGIN - 4 * mm + (box - h) / 2)


def _words(text: str) -> str:
    return markup(text, BOLD) if text else BLANK


def largest(draw: Callable[[Side, Details], None], floor: float, d: Details, page: str) -> float:
    """The largest type with which all that `draw` puts onto a side ends above `floor`."""
    for size in SIZES:
        trial = Side(Canvas(BytesIO(), pagesize=PAGES[page]), PAGES[page], size)
        draw(trial, d)
        if trial.y >= floor:
            break
    return size


SIDES = ((front, MARGIN - 4 * mm + BOX), (back, MARGIN - 6 * mm))


def make_sheet(path: Path, details: Details, page: str = "A4") -> Path:
    """Write the sheet (two pages, for the two sides) to `path`; page is "A4" or "Letter"."""
    if page not in PAGES:
        raise ValueError(f"page must be one of {', '.join(PAGES)}, not {page}")
    with whole(path) as partial:
        canvas = Canvas(str(partial), pagesize=PAGES[page], invariant=1)
        canvas.setTitle("Your heart monitor")
        canvas.setAuthor("Heartlog")
        for draw, floor in SIDES:
            draw(Side(canvas, PAGES[page], largest(draw, floor, details, page)), details)
            canvas.showPage()
        canvas.save()
    return path
