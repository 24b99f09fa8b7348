"""Tells the demo's progress: a line for each step done, a bar while the ECG plays.

On a terminal the step that is under way spins and the bar moves; in a log every step is a line,
and the bar a line for each tenth.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from heartlog.cli import output


class Stage:
    """Prints on stderr; `done` lines are kept, what is under way is not."""

    def __init__(self) -> None:
        self.console = output.err()
        self.lively = self.console.is_terminal
        encoding = (self.console.encoding or "").lower()
        self._tick = "✓" if encoding.startswith("utf") else "*"

    @contextlib.contextmanager
    def step(self, doing: str) -> Iterator[list[str]]:
        """A step that takes a while; append what came of it to the list that is given."""
        result: list[str] = []
        start = time.monotonic()
        with self.console.status(doing) if self.lively else contextlib.nullcontext():
            yield result
        self.done(f"{' '.join(result) or doing}", time.monotonic() - start)

    def done(self, text: str, seconds: float | None = None) -> None:
        """A line for something that is done."""
        took = f"  {seconds:.1f} s" if seconds is not None and seconds >= 0.1 else ""
        self.console.print(
            Text.assemble((f" {self._tick} ", "bold green"), text, (took, "dim")), soft_wrap=True
        )

    def say(self, text: str) -> None:
        """A remark, between the steps."""
        if self.lively:
            self.console.print(Padding(Text(text, style="dim"), (0, 0, 0, 3)))
        else:
            self.console.print(Text(f"   {text}"), soft_wrap=True)

    @contextlib.contextmanager
    def bar(self, total: float) -> Iterator[Bar]:
        """Progress through `total` seconds of ECG."""
        if not self.lively:
            yield LogBar(self, total)
            return
        progress = Progress(
            TextColumn("  "),
            BarColumn(bar_width=28),
            TextColumn("{task.description}"),
            console=self.console,
            transient=True,
        )
        with progress:
            yield ScreenBar(progress, total)


class Bar:
    """Shows how far the ECG has played."""

    def show(self, seconds: float, text: str) -> None:
        """`seconds` of it have played; `text` says how it goes."""


class ScreenBar(Bar):
    """Moves on a terminal."""

    def __init__(self, progress: Progress, total: float) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=total)

    def show(self, seconds: float, text: str) -> None:
        self._progress.update(self._task, completed=max(0.0, seconds), description=text)


class LogBar(Bar):
    """Writes a line for each tenth."""

    def __init__(self, stage: Stage, total: float) -> None:
        self._stage, self._total = stage, total
        self._tenth = 0

    def show(self, seconds: float, text: str) -> None:
        tenth = int(10 * seconds / self._total) if self._total > 0 else 10
        if tenth > self._tenth:
            self._tenth = tenth
            self._stage.say(f"{min(100, 10 * tenth):3} %   {text}")
