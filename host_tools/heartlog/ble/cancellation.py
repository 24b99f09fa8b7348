"""A cancellation that something beneath has swallowed is not forgotten.

    heed = Heed()                   # where the work begins
    await library.request()
    heed.check()                    # raises CancelledError if this task was cancelled meanwhile

`asyncio.wait_for` of Python 3.11 returns its result, as if nothing had happened, to a task that
was cancelled in the same turn of the loop (https://github.com/python/cpython/issues/86296).
Bluetooth stacks wait for every answer with it. And what fails while a cancelled task cleans up
takes the cancellation's place. On a busy computer either makes Ctrl-C do nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator


def asked() -> bool:
    """Whether the current task has been asked to end. If it was not, a CancelledError in it comes
    from Bumble, which cancels whatever waits on a link or an adapter that has gone."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Heed:
    """Remembers how often the current task had been cancelled when this was made."""

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self._before = self._task.cancelling() if self._task is not None else 0

    @property
    def cancelled(self) -> bool:
        """Whether the task has been cancelled since."""
        return self._task is not None and self._task.cancelling() > self._before

    def check(self) -> None:
        """Raise CancelledError if it has."""
        if self.cancelled:
            raise asyncio.CancelledError


@contextlib.contextmanager
def heeding() -> Iterator[Heed]:
    """Ends with CancelledError if the task is cancelled within, whatever comes of it."""
    heed = Heed()
    try:
        yield heed
    except Exception:
        heed.check()
        raise
    heed.check()
