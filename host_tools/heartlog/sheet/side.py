"""A side of the patient's sheet and what goes onto it; lengths in points unless named."""

from dataclasses import dataclass
from datetime import datetime

from reportlab.lib.colors import Color, black, white
from reportlab.lib.pagesizes import A4, LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

REGULAR, BOLD = "Helvetica", "Helvetica-Bold"
PAGES = {"A4": A4, "Letter": LETTER}
MARGIN = 17 * mm
# Readable at arm's length without glasses for most people; the largest with which all fits.
SIZES = (15.5, 15.0, 14.5, 14.0, 13.5, 13.0, 12.5, 12.0)
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


def style(size: float, bold: bool = False) -> ParagraphStyle:
    return ParagraphStyle(
        f"s{size}{bold}",
        fontName=BOLD if bold else REGULAR,
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

    def title(self, text: str, high: float = 24 * mm) -> None:
        """A bar across the side with the title in it."""
        c = self.canvas
        c.setFillColor(DARK)
        c.rect(0, self.height - high, self.width, high, stroke=0, fill=1)
        c.setFillColor(white)
        c.setFont(BOLD, 24)
        c.drawString(MARGIN, self.height - high / 2 - 4 * mm, text)
        self.y = self.height - high - 7 * mm

    def text(self, text: str, bold: bool = False, indent: float = 0) -> None:
        """A paragraph, bold ones larger; `text` may carry reportlab's inline marks."""
        size = self.size + (1.5 if bold else 0)
        p = Paragraph(text, style(size, bold))
        _, h = p.wrap(self.inner - indent, self.height)
        self.y -= h
        p.drawOn(self.canvas, MARGIN + indent, self.y)
        self.y -= size * 0.42

    def point(self, text: str) -> None:
        """A paragraph behind a square mark."""
        self.canvas.setFillColor(DARK)
        self.canvas.rect(MARGIN, self.y - self.size * 0.86, 5, 5, stroke=0, fill=1)
        self.text(text, indent=5 * mm)
