"""Progress of long work on stderr, gone when it is done.

with working("Report") as tell:
    make_report(..., progress=tell)      # tell("drawing", 0.4)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from heartlog.cli import output


@contextmanager
def working(title: str) -> Iterator[Callable[[str, float], None]]:
    """Show a bar while the block runs; nothing where stderr is no terminal."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    console = output.err()
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(title, total=1.0)

        def tell(text: str, share: float) -> None:
            bar.update(task, description=f"{title}: {text}", completed=share)

        yield tell
