"""Draws a report as PDF, on A4 or Letter, with strips true to scale.

    write_pdf(report, draw, Path("report.pdf"), paper="a4")   # draw(plot, width_mm) -> Figure

The font is DejaVu Sans; letters that it lacks come from another one (`heartlog.typeface`).
"""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4, LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    Image,
    KeepTogether,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

from heartlog.report import blocks
from heartlog.report.figures import STYLE
from heartlog.report.paper_flowable import StripFlowable
from heartlog.typeface.faces import BOLD, REGULAR, markup
from heartlog.typeface.faces import width as width_of
from heartlog.whole_file import whole

PAPERS = {"a4": A4, "letter": LETTER}
MARGIN = 12 * mm
DPI = 220
INK, ACCENT, RED = (
    colors.HexColor("#1b2733"),
    colors.HexColor("#0b6e8c"),
    colors.HexColor("#b3261e"),
)
PALE, LINE = colors.HexColor("#f2f5f7"), colors.HexColor("#c3ccd3")
Progress = Callable[[str, float], None]


def _style(name: str, size: float, **more: object) -> ParagraphStyle:
    values = {"fontName": REGULAR, "fontSize": size, "leading": size * 1.32, "textColor": INK}
    return ParagraphStyle(name, **{**values, **more})


BODY = _style("body", 8.5)
SMALL = _style("small", 7.5, textColor=colors.HexColor("#48545e"))
CELL = _style("cell", 8)
CELL_RIGHT = _style("cell right", 8, alignment=2)
HEAD = _style("head", 8, fontName=BOLD)
HEAD_RIGHT = _style("head right", 8, fontName=BOLD, alignment=2)
TITLE = _style("title", 17, fontName=BOLD)
SECTION = _style("section", 11, fontName=BOLD, textColor=ACCENT, spaceBefore=9, spaceAfter=3)
WARNING = _style("warning", 8.5, textColor=RED)
STYLES = {"plain": BODY, "note": SMALL, "warning": WARNING, "urgent": WARNING}


def write_pdf(
    report: blocks.Report,
    draw: blocks.Drawer,
    path: Path,
    paper: str = "a4",
    progress: Progress | None = None,
) -> None:
    """Write the PDF; `paper` is a4 or letter."""
    size = PAPERS[paper]
    width = size[0] - 2 * MARGIN
    buffer = io.BytesIO()
    document = BaseDocTemplate(
        buffer,
        pagesize=size,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=15 * mm,
        title=f"{report.title}: {report.subtitle}",
        author="Heartlog",
        subject=report.notice,
        lang="en",
    )
    frame = Frame(MARGIN, 15 * mm, width, size[1] - MARGIN - 15 * mm, 0, 0, 0, 0, id="page")
    document.addPageTemplates(
        PageTemplate("page", [frame], onPage=lambda canvas, doc: _footer(canvas, doc, report))
    )
    story: list[Flowable] = _top(report, width)
    for number, section in enumerate(report.sections, 1):
        if progress:
            progress(section.title, number / (len(report.sections) + 1))
        story += _section(section, draw, width)
    document.build(story)
    with whole(path) as partial:
        partial.write_bytes(buffer.getvalue())


def _footer(canvas: object, document: object, report: blocks.Report) -> None:
    c, d = canvas, document
    c.saveState()  # type: ignore[attr-defined]
    c.setFont(REGULAR, 6.8)  # type: ignore[attr-defined]
    c.setFillColor(colors.HexColor("#48545e"))  # type: ignore[attr-defined]
    c.drawString(MARGIN, 8 * mm, report.footer)  # type: ignore[attr-defined]
    right = d.pagesize[0] - MARGIN  # type: ignore[attr-defined]
    c.drawRightString(right, 8 * mm, f"page {d.page}")  # type: ignore[attr-defined]
    c.restoreState()  # type: ignore[attr-defined]


def _words(text: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(markup(text, style.fontName), style)


def _top(report: blocks.Report, width: float) -> list[Flowable]:
    story: list[Flowable] = [
        _words(report.title, TITLE),
        Spacer(1, 2 * mm),
        _words(report.subtitle, BODY),
        Spacer(1, 2 * mm),
        _facts(blocks.Facts(report.head), width),
        Spacer(1, 3 * mm),
    ]
    lines = [Paragraph("<b>Urgent findings</b>", WARNING if report.urgent else BODY)]
    if report.urgent:
        lines += [_words(line, WARNING) for line in report.urgent]
    else:
        lines.append(Paragraph("None by the rules of the method page.", BODY))
    box = Table([[lines]], colWidths=[width])
    edge = RED if report.urgent else LINE
    box.setStyle(
        TableStyle(
            [("BOX", (0, 0), (-1, -1), 1.0, edge), ("BACKGROUND", (0, 0), (-1, -1), colors.white)]
        )
    )
    return [*story, box, Spacer(1, 2 * mm), _words(report.notice, SMALL)]


def _section(section: blocks.Section, draw: blocks.Drawer, width: float) -> list[Flowable]:
    title = Paragraph(f"{section.number}&nbsp;&nbsp;{markup(section.title, BOLD)}", SECTION)
    parts: list[list[Flowable]] = [_block(b, draw, width) for b in section.blocks]
    if not parts:
        return [title]
    # A title never stands alone at the foot of a page, nor a plot or strip without its words.
    first, kind = parts[0], section.blocks[0]
    long = isinstance(kind, blocks.Table) and len(kind.rows) > 12
    head = [CondPageBreak(45 * mm), title, *first] if long else [KeepTogether([title, *first])]
    for block, part in zip(section.blocks[1:], parts[1:], strict=True):
        together = isinstance(block, (blocks.Plot, blocks.Strip))
        head += [KeepTogether(part)] if together else part
    return head


def _block(block: blocks.Block, draw: blocks.Drawer, width: float) -> list[Flowable]:
    match block:
        case blocks.Facts():
            return [_facts(block, width), Spacer(1, 1.5 * mm)]
        case blocks.Table():
            return _table(block, width)
        case blocks.Text():
            return [_words(block.text, STYLES[block.kind]), Spacer(1, 1.2 * mm)]
        case blocks.Plot():
            return _plot(block, draw, width)
        case blocks.Strip():
            return _strip(block)


def _facts(block: blocks.Facts, width: float) -> Table:
    columns = block.columns
    pairs = [[_words(k, SMALL), _words(v, CELL)] for k, v in block.rows]
    per = -(-len(pairs) // columns)
    rows = []
    for i in range(per):
        row: list[object] = []
        for c in range(columns):
            at = c * per + i
            row += pairs[at] if at < len(pairs) else ["", ""]
        rows.append(row)
    share = width / columns
    table = Table(rows, colWidths=[share * 0.33, share * 0.67] * columns)
    table.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("TOPPADDING", (0, 0), (-1, -1), 1.1),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 1.1),
                ("LEFTPADDING", (0, 0), (-1, -1), 2),
                ("LINEBELOW", (0, 0), (-1, -1), 0.25, LINE),
            ]
        )
    )
    return table


def _table(block: blocks.Table, width: float) -> list[Flowable]:
    align = block.align or "l" * len(block.header)
    head = [
        _words(text, HEAD_RIGHT if a == "r" else HEAD)
        for text, a in zip(block.header, align, strict=True)
    ]
    body = [
        [
            _words(text, CELL_RIGHT if a == "r" else CELL)
            for text, a in zip(row, align, strict=True)
        ]
        for row in block.rows
    ]
    table = Table([head, *body], colWidths=_widths(block, width), repeatRows=1, hAlign="LEFT")
    table.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("TOPPADDING", (0, 0), (-1, -1), 1.2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 1.2),
                ("LEFTPADDING", (0, 0), (-1, -1), 3),
                ("RIGHTPADDING", (0, 0), (-1, -1), 3),
                ("LINEBELOW", (0, 0), (-1, 0), 0.7, INK),
                ("ROWBACKGROUNDS", (0, 1), (-1, -1), [colors.white, PALE]),
            ]
        )
    )
    out: list[Flowable] = [table]
    if block.note:
        out.append(_words(block.note, SMALL))
    return [*out, Spacer(1, 2 * mm)]


def _widths(block: blocks.Table, width: float) -> Sequence[float]:
    """Give each column what its longest text needs, and share the rest among long texts."""
    needs = []
    for i, title in enumerate(block.header):
        cells = [row[i] for row in block.rows]
        widest = max((width_of(t, REGULAR, 8) for t in cells), default=0.0)
        needs.append(max(widest, width_of(title, BOLD, 8)) + 9)
    if sum(needs) <= width:
        spare = width - sum(needs) if sum(needs) > 0.8 * width else 0.0
        return [n + spare / len(needs) for n in needs]
    fair = width / len(needs)
    short = sum(n for n in needs if n <= fair)
    long = sum(n for n in needs if n > fair)
    return [n if n <= fair else (width - short) * n / long for n in needs]


def _plot(block: blocks.Plot, draw: blocks.Drawer, width: float) -> list[Flowable]:
    figure = draw(block, width / mm)
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="png", dpi=DPI)
    buffer.seek(0)
    image = Image(buffer, width, block.height_mm * mm)
    caption = _words(block.caption, SMALL)
    return [image, caption, Spacer(1, 2 * mm)]


def _strip(block: blocks.Strip) -> list[Flowable]:
    scale = f"{block.speed:g} mm/s, {block.gain:g} mm/mV"
    title = Paragraph(f"<b>{markup(block.title)}</b> &nbsp; {scale}", BODY)
    rows: list[Flowable] = [StripFlowable(row, block) for row in block.rows]
    return [title, Spacer(1, 1 * mm), *rows, Spacer(1, 2.5 * mm)]
