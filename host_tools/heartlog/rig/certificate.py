"""The certificate of a monitor's production test, as a PDF of one page or more."""

from io import BytesIO
from pathlib import Path
from typing import Any

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from heartlog.rig.station import Outcome
from heartlog.typeface.faces import markup
from heartlog.whole_file import whole

NOTICE = (
    "Heartlog is made for learning and research. It is not a certified medical device, and this"
    " page certifies nothing but that the measurements below were made."
)


def write_certificate(outcome: Outcome, path: Path, *, rig: bool) -> None:
    """Write the PDF; `rig` is whether the rails were measured, which the page tells."""
    styles = getSampleStyleSheet()
    body = styles["BodyText"]
    # Close together, so that a monitor of two channels has one page; no heading ends a page.
    line_style = ParagraphStyle("line", parent=body, spaceBefore=0, leading=12)
    heading = ParagraphStyle("step", parent=styles["Heading3"], spaceBefore=8, keepWithNext=1)
    title = "Test certificate" if outcome.passed else "Test report: NOT PASSED"
    facts = [
        ("Serial number", outcome.serial),
        ("Microcontroller's id", outcome.unique or "not told"),
        ("Board", outcome.board),
        ("Front end", outcome.part or "not told"),
        ("Firmware", f"{outcome.version}, build {outcome.build}"),
        ("MicroPython", outcome.micropython),
        ("Tested", f"{outcome.at:%Y-%m-%d %H:%M} UTC"),
        ("Tested by", outcome.done_by or "not told"),
        ("Rails measured", "yes, by the rig" if rig else "no: no rig was used"),
    ]
    story = [
        Paragraph(f"Heartlog: {title}", styles["Title"]),
        Paragraph(NOTICE, body),
        Spacer(1, 5 * mm),
        _table([(Paragraph(_words(a), body), Paragraph(_words(b), body)) for a, b in facts]),
        Spacer(1, 5 * mm),
    ]
    for step in outcome.steps:
        end = "passed" if step.passed else "NOT PASSED"
        story.append(Paragraph(f"{_words(step.name)}: {end}", heading))
        story += [Paragraph(_words(line), line_style) for line in step.found]
    buffer = BytesIO()
    document = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        title=f"Heartlog {outcome.serial}: {title}",
        author=outcome.done_by or "heartlog bench",
        leftMargin=20 * mm,
        rightMargin=20 * mm,
        topMargin=18 * mm,
        bottomMargin=18 * mm,
    )

    def foot(canvas: Any, doc: Any) -> None:
        """Sheets that come apart still tell whose they are."""
        canvas.setFont("Helvetica", 8)
        canvas.drawString(20 * mm, 10 * mm, f"Heartlog {outcome.serial}: {title}")
        canvas.drawRightString(A4[0] - 20 * mm, 10 * mm, f"page {doc.page}")

    document.build(story, onFirstPage=foot, onLaterPages=foot)
    with whole(path) as partial:
        partial.write_bytes(buffer.getvalue())


def _words(text: str) -> str:
    return markup(text, "Helvetica")


def _table(rows: list[tuple[Paragraph, Paragraph]]) -> Table:
    table = Table(rows, colWidths=[50 * mm, 115 * mm], hAlign="LEFT")
    table.setStyle(
        TableStyle(
            [
                ("GRID", (0, 0), (-1, -1), 0.4, colors.grey),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ]
        )
    )
    return table
