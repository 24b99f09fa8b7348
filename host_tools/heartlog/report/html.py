"""Draws a report as one HTML file: no script, no link, no picture outside itself.

    write_html(report, draw, Path("report.html"))    # draw(plot, width_mm) -> Figure

Strips are SVG in millimetres: printed at 100 % they are true to scale.
"""

import io
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

import matplotlib as mpl

from heartlog.report import blocks
from heartlog.report.figures import STYLE
from heartlog.report.paper import CALIBRATION_MM, LABEL_MM, lay_out
from heartlog.whole_file import whole

PLOT_WIDTH_MM = 186.0
FOOT_MM = 4.0
CSS = """
:root { color-scheme: light; }
@page { size: %s; margin: 12mm; }
body { font: 13px/1.4 system-ui, "DejaVu Sans", sans-serif; color: #1b2733; background: #fff;
  max-width: 192mm; margin: 8mm auto; padding: 0 4mm; }
h1 { font-size: 24px; margin: 0; }
h2 { font-size: 16px; color: #0b6e8c; margin: 22px 0 6px; }
dl { display: grid; grid-template-columns: repeat(2, minmax(7em, 11em) 1fr); gap: 0 10px;
  margin: 6px 0; }
dt, dd { margin: 0; padding: 3px 0; border-bottom: 1px solid #dfe5e9; }
dt { color: #48545e; }
table { border-collapse: collapse; margin: 6px 0; }
td, th { padding: 2px 10px 2px 4px; text-align: left; vertical-align: top; }
th { border-bottom: 2px solid #1b2733; }
tr:nth-child(even) td { background: #f2f5f7; }
.r { text-align: right; font-variant-numeric: tabular-nums; }
.note { color: #48545e; font-size: 12px; }
.warning { color: #b3261e; }
.urgent { border: 2px solid #b3261e; padding: 8px 12px; margin: 12px 0; }
.calm { border: 1px solid #c3ccd3; padding: 8px 12px; margin: 12px 0; }
figure { margin: 8px 0; break-inside: avoid; }
figure > svg { width: 100%%; height: auto; }
.strip { overflow-x: auto; break-inside: avoid; margin: 10px 0; }
.strip svg { display: block; }
footer { margin-top: 24px; border-top: 1px solid #c3ccd3; color: #48545e; font-size: 12px; }
@media screen and (max-width: 40em) {
  dl { grid-template-columns: minmax(7em, 11em) 1fr; }
  table { display: block; overflow-x: auto; }
}
"""
CALM = "None by the rules of the method page."


def write_html(report: blocks.Report, draw: blocks.Drawer, path: Path, paper: str = "a4") -> None:
    """Write the HTML file; `paper` sets the size when it is printed."""
    sheet = {"a4": "A4", "letter": "letter"}[paper]
    urgent = "".join(f"<p class='warning'>{escape(line)}</p>" for line in report.urgent)
    box = (
        f"<div class='urgent'><b>Urgent findings</b>{urgent}</div>"
        if urgent
        else f"<div class='calm'><b>Urgent findings</b><br>{CALM}</div>"
    )
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f"<title>{escape(report.title)}: {escape(report.subtitle)}</title>",
        f"<style>{CSS % sheet}</style></head><body>",
        f"<h1>{escape(report.title)}</h1><p>{escape(report.subtitle)}</p>",
        _facts(report.head),
        box,
        f"<p class='note'>{escape(report.notice)}</p>",
    ]
    for section in report.sections:
        parts.append(f"<section><h2>{section.number}&ensp;{escape(section.title)}</h2>")
        parts += [_block(block, draw) for block in section.blocks]
        parts.append("</section>")
    parts.append(f"<footer><p>{escape(report.footer)}</p></footer></body></html>")
    with whole(path) as partial:
        partial.write_text("\n".join(parts), encoding="utf-8")


def _facts(rows: Sequence[tuple[str, str]]) -> str:
    inner = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in rows)
    return f"<dl>{inner}</dl>"


def _block(block: blocks.Block, draw: blocks.Drawer) -> str:
    match block:
        case blocks.Facts():
            return _facts(block.rows)
        case blocks.Table():
            return _table(block)
        case blocks.Text():
            return f"<p class='{block.kind}'>{escape(block.text)}</p>"
        case blocks.Plot():
            caption = f"<figcaption class='note'>{escape(block.caption)}</figcaption>"
            return f"<figure>{_plot(block, draw)}{caption}</figure>"
        case blocks.Strip():
            scale = f"{block.speed:g} mm/s, {block.gain:g} mm/mV"
            rows = "".join(strip_svg(row, block) for row in block.rows)
            return f"<div class='strip'><b>{escape(block.title)}</b> {scale}{rows}</div>"


def _table(block: blocks.Table) -> str:
    align = block.align or "l" * len(block.header)
    classes = [" class='r'" if a == "r" else "" for a in align]
    head = "".join(f"<th{c}>{escape(t)}</th>" for t, c in zip(block.header, classes, strict=True))
    body = "".join(
        "<tr>"
        + "".join(f"<td{c}>{escape(t)}</td>" for t, c in zip(row, classes, strict=True))
        + "</tr>"
        for row in block.rows
    )
    note = f"<p class='note'>{escape(block.note)}</p>" if block.note else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"


def _plot(block: blocks.Plot, draw: blocks.Drawer) -> str:
    figure = draw(block, PLOT_WIDTH_MM)
    buffer = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="svg", dpi=150, metadata={"Date": None})
    text = buffer.getvalue()
    svg = text[text.index("<svg") :]
    # Names inside a figure must not meet those of the next one in the same page.
    tag = f"{block.name}{block.about}".replace("-", "")
    svg = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{tag}-", svg)
    return svg.replace("<svg ", f"<svg role='img' aria-label='{escape(block.caption)}' ", 1)


def strip_svg(row: blocks.StripRow, strip: blocks.Strip) -> str:
    """Return one row of ECG paper as SVG with its size in millimetres."""
    p = lay_out(row, strip)
    height = p.height + LABEL_MM + FOOT_MM

    def up(y: float) -> float:
        return round(LABEL_MM + p.height - y, 3)

    def lines(segments: Sequence[tuple[float, float, float, float]]) -> str:
        return "".join(f"M{a:g} {up(b):g}L{c:g} {up(d):g}" for a, b, c, d in segments)

    traces = "".join(
        "M" + "L".join(f"{x:g} {up(y):g}" for x, y in points) for points in [p.pulse, *p.traces]
    )
    labels = "".join(
        f"<text x='{x:.2f}' y='{LABEL_MM - 1:.2f}' text-anchor='middle'>{escape(t)}</text>"
        for x, t in p.labels
    )
    moment = (
        f"<path d='M{p.moment:g} {up(0):g}V{up(p.height):g}' stroke='#b3261e' "
        "stroke-width='.3' stroke-dasharray='1 1'/>"
        if p.moment is not None
        else ""
    )
    cut = (
        f"<text x='{p.width:g}' y='{height - 1:g}' text-anchor='end'>"
        "cut at the paper's edge</text>"
        if p.clipped
        else ""
    )
    return (
        f"<svg width='{p.width:g}mm' height='{height:g}mm' viewBox='0 0 {p.width:g} {height:g}' "
        "font-size='2.3' font-family='sans-serif' fill='none' role='img' "
        f"aria-label='ECG from {escape(row.start_text)}'>"
        f"<path d='{lines(p.minor)}' stroke='#f6d5d0' stroke-width='.1'/>"
        f"<path d='{lines(p.major)}' stroke='#e5a79e' stroke-width='.18'/>{moment}"
        f"<path d='{traces}' stroke='#10181f' stroke-width='.22' stroke-linejoin='round'/>"
        f"<g fill='#10181f'>{labels}<text x='{CALIBRATION_MM:g}' y='{height - 1:g}'>"
        f"{escape(row.start_text)}</text>{cut}</g></svg>"
    )
