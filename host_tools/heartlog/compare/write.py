"""Writes a comparison as PDF or HTML."""

import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from matplotlib.figure import Figure

from heartlog.compare.figures import draw
from heartlog.compare.numbers import Comparison
from heartlog.compare.page import compose
from heartlog.errors import UsageProblem
from heartlog.report.blocks import Plot
from heartlog.report.make import PAPERS


def check_names(paths: Sequence[Path], paper: str) -> None:
    """Raise UsageProblem for what can't be written, before any work is done."""
    if paper not in PAPERS:
        raise UsageProblem(f"There is no paper {paper!r}.", "Choose a4 or letter.")
    for path in paths:
        if path.suffix.lower() not in (".pdf", ".html", ".htm"):
            raise UsageProblem(
                f"{path.name}: comparisons are PDF or HTML.", "End the name in .pdf or .html."
            )


def write(comparison: Comparison, paths: Sequence[Path], paper: str = "a4") -> None:
    """Write each path by its ending."""
    check_names(paths, paper)
    report = compose(comparison, time.time(), version("heartlog"))

    def drawn(plot: Plot, width_mm: float) -> Figure:
        return draw(comparison, plot, width_mm)

    for path in paths:
        if path.suffix.lower() == ".pdf":
            from heartlog.report.pdf import write_pdf

            write_pdf(report, drawn, path, paper)
        else:
            from heartlog.report.html import write_html

            write_html(report, drawn, path, paper)
