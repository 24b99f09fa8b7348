"""A row of ECG paper in a PDF. ReportLab's unit is 1/72 inch, so a millimetre is a millimetre."""

from typing import Any

from reportlab.lib import colors
from reportlab.lib.units import mm
from reportlab.platypus import Flowable

from heartlog.report.blocks import Strip, StripRow
from heartlog.report.paper import CALIBRATION_MM, LABEL_MM, lay_out
from heartlog.typeface.faces import REGULAR

MINOR, MAJOR = colors.HexColor("#f6d5d0"), colors.HexColor("#e5a79e")
TRACE, MARK = colors.HexColor("#10181f"), colors.HexColor("#b3261e")
FOOT_MM = 3.6


class StripFlowable(Flowable):  # type: ignore[misc]
    """One row; its size follows from seconds, speed and gain, never from the page."""

    def __init__(self, row: StripRow, strip: Strip) -> None:
        super().__init__()
        self.row = row
        self.paper = lay_out(row, strip)
        self.width = self.paper.width * mm
        self.height = (self.paper.height + LABEL_MM + FOOT_MM) * mm

    def wrap(self, *_: Any) -> tuple[float, float]:
        """Return the size, whatever is available."""
        return self.width, self.height

    def draw(self) -> None:
        """Draw grid, pulse, trace, labels and times."""
        c, p = self.canv, self.paper
        c.saveState()
        c.translate(0, FOOT_MM * mm)
        for lines, colour, width in ((p.minor, MINOR, 0.25), (p.major, MAJOR, 0.45)):
            c.setStrokeColor(colour)
            c.setLineWidth(width)
            c.lines([(a * mm, b * mm, x * mm, y * mm) for a, b, x, y in lines])
        if p.moment is not None:
            c.setStrokeColor(MARK)
            c.setLineWidth(0.8)
            c.setDash(2, 2)
            c.line(p.moment * mm, 0, p.moment * mm, p.height * mm)
            c.setDash()
        c.setStrokeColor(TRACE)
        c.setLineJoin(1)
        c.setLineWidth(0.6)
        for points in [p.pulse, *p.traces]:
            path = c.beginPath()
            path.moveTo(points[0][0] * mm, points[0][1] * mm)
            for x, y in points[1:]:
                path.lineTo(x * mm, y * mm)
            c.drawPath(path)
        c.setFillColor(TRACE)
        c.setFont(REGULAR, 6.5)
        for x, text in p.labels:
            c.drawCentredString(x * mm, (p.height + 1.2) * mm, text)
        c.setFont(REGULAR, 6.5)
        c.drawString(CALIBRATION_MM * mm, -2.8 * mm, self.row.start_text)
        notes = "cut at the paper's edge" if p.clipped else ""
        c.drawRightString(self.width, -2.8 * mm, notes)
        c.restoreState()
