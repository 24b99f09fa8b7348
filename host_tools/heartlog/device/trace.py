"""Shows what a running monitor prints, without stopping it.

Opening the port neither interrupts nor resets a board: nothing is sent to it. (Espressif boards
with a UART bridge may reset when a port is opened: DTR and RTS are left alone here for that.)
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from heartlog.device.ports import INSTALL, explain_open
from heartlog.errors import CommandError


def lines(port: str, seconds: float) -> Iterator[tuple[float, str]]:
    """(seconds since the start, line) of what the board prints within `seconds`.

    Raises:
        CommandError: the port can't be opened, or the board went away.
    """
    try:
        import serial
    except ImportError as error:
        raise CommandError("pyserial is not installed.", INSTALL) from error
    try:
        link = serial.serial_for_url(port, do_not_open=True, exclusive=True, timeout=0.05)
        with contextlib.suppress(OSError):
            link.dtr = link.rts = False
        link.open()
    except OSError as error:
        raise explain_open(port, error) from error
    start = time.monotonic()
    held = b""
    with link:
        while time.monotonic() - start < seconds:
            try:
                held += link.read(256)
            except (OSError, TypeError) as error:
                raise CommandError(
                    f"The board on {port} went away.",
                    "Plug it in again and start the trace again.",
                ) from error
            while b"\n" in held:
                line, held = held.split(b"\n", 1)
                yield time.monotonic() - start, line.decode("utf-8", "replace").rstrip("\r")
    if held.strip():
        yield time.monotonic() - start, held.decode("utf-8", "replace").rstrip("\r")


def follow(port: str, seconds: float, file: Path | None) -> None:
    """Print the lines with their times, and write them to a file too."""
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(file.open("w", encoding="utf-8")) if file else None
        for when, line in lines(port, seconds):
            told = f"{when:10.3f}  {line}"
            print(told, flush=True)
            if target:
                print(told, file=target, flush=True)
