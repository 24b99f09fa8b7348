"""Makes report files of a session."""

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from heartlog.analysis import AnalysisSettings
from heartlog.errors import UsageProblem
from heartlog.report.blocks import Plot
from heartlog.report.content import compose
from heartlog.report.figures import draw
from heartlog.report.gather import Material, gather
from heartlog.store import Store

Progress = Callable[[str, float], None]
PAPERS = ("a4", "letter")


def make_report(
    store: Store,
    session_id: int,
    paths: Sequence[Path],
    *,
    paper: str = "a4",
    settings: AnalysisSettings | None = None,
    generated_at: float | None = None,
    progress: Progress | None = None,
) -> Material:
    """Write the session's report to each path, PDF or HTML by its ending."""
    if paper not in PAPERS:
        raise UsageProblem(f"There is no paper {paper!r}.", "Choose a4 or letter.")
    for path in paths:
        if path.suffix.lower() not in (".pdf", ".html", ".htm"):
            raise UsageProblem(
                f"{path}: reports are PDF or HTML.", "End the name in .pdf or .html."
            )
    tell = progress or (lambda text, share: None)
    tell("reading and analysing", 0.0)
    material = gather(store, session_id, settings, generated_at)
    report = compose(store, material)

    def drawn(plot: Plot, width_mm: float) -> Figure:
        return draw(plot.name, material, width_mm, plot.height_mm, plot.about)

    for number, path in enumerate(paths):
        share = 1.0 / len(paths)

        def part(text: str, done: float, at: int = number, share: float = share) -> None:
            tell(text, share * (at + done))

        if path.suffix.lower() == ".pdf":
            from heartlog.report.pdf import write_pdf

            write_pdf(report, drawn, path, paper, part)
        else:
            from heartlog.report.html import write_html

            write_html(report, drawn, path, paper)
    tell("done", 1.0)
    return material
