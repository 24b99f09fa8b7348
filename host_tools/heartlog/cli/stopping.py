"""Ctrl-C, twice: the first asks to end in order, the second ends at once.

    with stopping(on_first, on_second): await work()

SIGTERM and SIGHUP (the terminal has gone) count as the second: what is stored stays stored.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def stopping(on_first: Callable[[], None], on_second: Callable[[], None]) -> Iterator[None]:
    """Call `on_first` at the first Ctrl-C and `on_second` at the next; must run in a loop."""
    loop = asyncio.get_running_loop()
    asked = False

    def interrupt() -> None:
        nonlocal asked
        if asked:
            on_second()
        asked = True
        on_first()

    before = {}
    for name, react in (("SIGINT", interrupt), ("SIGTERM", on_second), ("SIGHUP", on_second)):
        number = getattr(signal, name, None)
        if number is not None:
            # Not add_signal_handler: Windows' loops have none.
            before[number] = signal.signal(
                number, lambda *_, react=react: loop.call_soon_threadsafe(react)
            )
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
