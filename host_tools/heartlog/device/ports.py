"""Finds the serial port that a board is on, and says in words why one can't be opened."""

import errno
from pathlib import Path

from heartlog.errors import CommandError, NotFound

INSTALL = 'Install what the cable needs: pip install "heartlog[cable]"'


def candidates() -> list[tuple[str, str]]:
    """(port, what it says it is) of every USB serial port; others are never a board."""
    try:
        from serial.tools.list_ports import comports
    except ImportError as error:
        raise CommandError("pyserial is not installed.", INSTALL) from error
    found = [(p.device, p.description or "") for p in comports() if p.vid is not None]
    return sorted((str(device), str(words)) for device, words in found)


def choose_port(port: str | None) -> str:
    """The port that was named, or the only one there is.

    Raises:
        NotFound: nothing is plugged in, or what was named isn't there.
        CommandError: several are, and none was named.
    """
    if port is not None:
        if "://" not in port and port.startswith("/") and not Path(port).exists():
            there = ", ".join(name for name, _ in candidates()) or "none"
            raise NotFound(
                f"There is no port {port}.",
                f"Plug the board in with a cable that carries data. Ports there are: {there}.",
            )
        return port
    found = candidates()
    if not found:
        raise NotFound(
            "No board is plugged in: there is no USB serial port.",
            "Use a cable that carries data. A new board needs MicroPython first:"
            " heartlog device micropython --help.",
        )
    if len(found) > 1:
        listed = "; ".join(f"{name} ({words})" for name, words in found)
        raise CommandError(
            f"There are {len(found)} serial ports: {listed}.", "Name one of them with --port."
        )
    return found[0][0]


def explain_open(port: str, error: Exception) -> CommandError:
    """The error for a port that did not open."""
    number = getattr(error, "errno", None)
    text = str(error)
    if number in (errno.EBUSY, errno.EAGAIN) or "lock" in text or "busy" in text:
        return CommandError(
            f"{port} is in use by another program.",
            "Close the terminal or IDE that has it open (Thonny, screen), then try again.",
        )
    if number in (errno.EACCES, errno.EPERM) or "ermission" in text:
        return CommandError(
            f"You may not use {port}.",
            "On Linux: sudo usermod -aG dialout $USER, log in again. On Windows: another program"
            " may have it open.",
        )
    if number in (errno.ENOENT, errno.ENXIO, errno.ENODEV) or "not find" in text:
        return NotFound(
            f"There is no port {port}.", "Plug the board in with a cable that carries data."
        )
    if number == errno.ENOTTY or f"({errno.ENOTTY}," in text:  # (pyserial hides the number)
        return CommandError(
            f"{port} is no serial port.", "See which there are: heartlog device ports."
        )
    return CommandError(f"{port} can't be opened: {text}.", "Unplug the board, plug it in again.")
