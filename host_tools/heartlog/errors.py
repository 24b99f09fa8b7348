"""What can go wrong, said so that a person can act on it.

Every error that reaches a person is a `CommandError`: a message that names what happened and to
what, and a hint that names the next step. The command line prints both on stderr and ends with
the error's exit code::

    raise NotFound("No session 12 in the store ~/heartlog.db.", "List them: heartlog sessions")

Libraries' own exceptions (bleak's, SQLAlchemy's, the operating system's) are turned into one by
`explain`, in one place, so that the same cause always reads the same.
"""

from __future__ import annotations

import enum
import errno
import sys


class ExitCode(enum.IntEnum):
    """What a script learns from `heartlog`'s exit status."""

    OK = 0
    ERROR = 1
    USAGE = 2
    """The command line itself was wrong."""
    NOT_FOUND = 3
    """No such monitor, session, patient or file."""
    INCOMPLETE = 4
    """Something was recorded, but not all of it: interrupted, or parts are missing."""
    STORE = 5
    """The store can't be opened, read or written."""


class CommandError(Exception):
    """An error for a person: `message` says what and to what, `hint` what to do next."""

    exit_code: int = ExitCode.ERROR

    def __init__(self, message: str, hint: str = "", exit_code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if exit_code is not None:
            self.exit_code = exit_code


class UsageProblem(CommandError):
    """The options given contradict each other, or one has no sensible value."""

    exit_code = ExitCode.USAGE


class NotFound(CommandError):
    """The thing that was named does not exist here."""

    exit_code = ExitCode.NOT_FOUND


class Incomplete(CommandError):
    """It ended before it was done; what was gathered is kept."""

    exit_code = ExitCode.INCOMPLETE


class StoreProblem(CommandError):
    """The store can't be used."""

    exit_code = ExitCode.STORE


class BluetoothProblem(CommandError):
    """Bluetooth itself is missing, off, or refused: no monitor can be reached with it."""


def explain(error: BaseException) -> CommandError | None:
    """The `CommandError` that tells a person about `error`; None if it is none of the known.

    Imports a library only if the process already uses it, so that an error costs no start-up.
    """
    if isinstance(error, CommandError):
        return error
    name = type(error).__module__.partition(".")[0]
    if name == "bleak":
        return _explain_bleak(error)
    if name == "sqlalchemy":
        return _explain_sqlalchemy(error)
    if isinstance(error, OSError):
        return _explain_os(error)
    return None


def _explain_bleak(error: BaseException) -> CommandError:
    from bleak.exc import (
        BleakBluetoothNotAvailableError,
        BleakBluetoothNotAvailableReason,
        BleakDBusError,
        BleakDeviceNotFoundError,
        BleakGATTProtocolError,
    )

    if isinstance(error, BleakBluetoothNotAvailableError):
        reason = error.reason
        reasons = BleakBluetoothNotAvailableReason
        if reason is reasons.POWERED_OFF:
            return BluetoothProblem("Bluetooth is switched off on this computer.", turn_on_hint())
        if reason in (
            reasons.DENIED_BY_USER,
            reasons.DENIED_BY_SYSTEM,
            reasons.DENIED_BY_UNKNOWN,
        ):
            return BluetoothProblem(
                "This program may not use Bluetooth: the system denied it.",
                "Allow it for your terminal in the system's privacy settings, then try again.",
            )
        return bluetooth_missing(str(error.args[0]))
    if isinstance(error, BleakDeviceNotFoundError):
        return NotFound(
            f"The monitor {error.identifier} does not answer.",
            "Is it switched on, in range, and not connected elsewhere? Look: heartlog scan",
        )
    if isinstance(error, BleakDBusError):
        return _explain_dbus(error)
    if isinstance(error, BleakGATTProtocolError):
        return CommandError(
            f"The monitor refused a request ({error.args[1]}).",
            "Switch it off and on again; if it stays so, its firmware is older than this tool.",
        )
    text = str(error) or type(error).__name__
    if text.startswith("GATT timeout"):  # Bumble's words, with the name of a protocol's request
        return CommandError(
            "The monitor is connected, but does not answer.",
            "Come closer and try again; if it stays so, switch the monitor off and on.",
        )
    return CommandError(
        f"Bluetooth failed: {text}", "Try again; if it stays so, switch Bluetooth off and on."
    )


def _explain_dbus(error: BaseException) -> CommandError:
    text = str(error)
    if "ServiceUnknown" in text or "NameHasNoOwner" in text:
        return bluetooth_missing("the Bluetooth service (bluetoothd) is not running")
    if "NotReady" in text:
        return BluetoothProblem("Bluetooth is switched off on this computer.", turn_on_hint())
    if "AccessDenied" in text or "NotPermitted" in text:
        return BluetoothProblem(
            "This user may not use Bluetooth.",
            "Add the user to the group `bluetooth`, log in again, then try again.",
        )
    return CommandError(
        f"Bluetooth failed: {text}", "Try again; if it stays so: systemctl restart bluetooth"
    )


def _explain_sqlalchemy(error: BaseException) -> CommandError:
    cause = getattr(error, "orig", None)
    text = str(cause or error).strip()
    if "disk is full" in text or "disk I/O error" in text:
        return disk_full("the store")
    if "readonly" in text:
        return StoreProblem(
            "The store may only be read, not written.",
            "Check the file's permissions, or choose another store: --store FILE",
        )
    if "locked" in text:
        return StoreProblem(
            "Another program is writing to the store.", "Wait until it is done, then try again."
        )
    if "unable to open" in text:
        return StoreProblem(
            "The store can't be opened.",
            "Check that its folder exists and may be written, or name another: --store FILE",
        )
    if "not a database" in text or "malformed" in text:
        return StoreProblem(
            f"The store is damaged or not a store ({text}).",
            "Restore it from a backup, or choose another store: --store FILE",
        )
    return StoreProblem(f"The store failed: {text}", "What was committed before is safe.")


def _explain_os(error: OSError) -> CommandError | None:
    subject = str(error.filename) if error.filename else "the file"
    # NumPy's tofile, by which wfdb writes, tells no number: "800 requested and 0 written".
    if error.errno in (errno.ENOSPC, errno.EDQUOT) or "requested and" in str(error):
        return disk_full(subject)
    if error.errno == errno.EFBIG:
        return CommandError(
            f"{subject} can't be written: a file may not become so large here.",
            "Choose another place, or raise the limit (ulimit -f).",
        )
    if error.filename is None:
        return None
    if error.errno == errno.ENOENT:
        return NotFound(f"There is no {subject}.", "Check the name, then try again.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return CommandError(
            f"{subject} can't be used: permission denied.",
            "Choose another place, or change the permissions.",
        )
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return CommandError(f"{subject} is a file, not a folder.", "Name another place.")
    if error.errno == errno.EISDIR:
        return CommandError(f"{subject} is a folder, not a file.", "Name a file in it.")
    return CommandError(f"{subject}: {error.strerror or error}.")


def disk_full(subject: str) -> CommandError:
    """The error for a full disk; `subject` is what was being written."""
    return StoreProblem(
        f"The disk is full: {subject} can't be written. What was stored before is safe,"
        " and the monitor keeps what was not stored.",
        "Make room on the disk, then run the same command again: it goes on where it stopped.",
    )


def bluetooth_missing(detail: str = "") -> BluetoothProblem:
    """The error for a computer without usable Bluetooth."""
    because = f" ({detail.rstrip('.')})" if detail else ""
    if sys.platform == "linux":
        hint = (
            "Plug in an adapter, and see that BlueZ runs (systemctl status bluetooth)."
            " To use a USB adapter without BlueZ: --backend bumble:usb:0."
            " Without any radio: make demo, or --backend virtual."
        )
    else:
        hint = "Plug in an adapter; for a USB adapter of its own: --backend bumble:usb:0."
    return BluetoothProblem(f"This computer has no Bluetooth that can be used{because}.", hint)


def turn_on_hint() -> str:
    """How Bluetooth is switched on, in the words of this operating system."""
    if sys.platform == "linux":
        return "Switch it on: bluetoothctl power on (and, if it is blocked, rfkill unblock all)."
    return "Switch it on in the system's Bluetooth settings, then try again."
