"""What a report is made of, before it is PDF, HTML or lines in a terminal.

Section("3", "Rate", [Facts([("Mean", "75 /min")]), Table(["Hour", "Mean"], rows)])
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, laid out in columns of pairs."""

    rows: Sequence[tuple[str, str]]
    columns: int = 2


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `align` has a letter per column: l or r. `note` stands below in small type."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    align: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; `kind` is plain, note, warning or urgent."""

    text: str
    kind: str = "plain"


@dataclass(frozen=True, slots=True)
class Plot:
    """A figure by the name of its drawing function in `figures`; height in millimetres."""

    name: str
    height_mm: float
    caption: str
    about: int = -1
    """Which event the figure is about, for figures that come once for each."""


@dataclass(frozen=True, slots=True)
class Strip:
    """ECG on paper: `speed` in mm/s, `gain` in mm/mV, one row after the other."""

    title: str
    rows: Sequence["StripRow"]
    speed: float = 25.0
    gain: float = 10.0


@dataclass(frozen=True, slots=True)
class StripRow:
    """One row of a strip; microvolts are NaN where there is no ECG."""

    start_text: str
    rate: float
    microvolts: npt.NDArray[np.float32]
    marks: Sequence[tuple[float, str]] = field(default_factory=tuple)
    """(seconds into the row, label) of beats."""
    moment: float | None = None
    """Seconds into the row of what the strip is about."""
    seconds: float = 7.0


Block = Facts | Table | Text | Plot | Strip


@dataclass(frozen=True, slots=True)
class Section:
    """A numbered part of the report. The order of sections never changes."""

    number: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report, ready to be drawn."""

    title: str
    subtitle: str
    head: Sequence[tuple[str, str]]
    urgent: Sequence[str]
    sections: Sequence[Section]
    footer: str
    notice: str


Drawer = Callable[[Plot, float], Figure]
"""Draws a plot of a width in millimetres."""
