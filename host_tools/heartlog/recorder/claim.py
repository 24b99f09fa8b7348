"""One recorder a monitor on this computer, so that two never write one session between them.

    claim = Claim("e66178c4a7301c2f")
    claim.take()                         # NotFound while another program has it
    claim.release()

A lock on a file in XDG_RUNTIME_DIR or the temporary folder. The kernel lets go of it when its
program ends, however it ends, so that a recorder that was killed is in nobody's way.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path
from typing import IO

from heartlog.errors import NotFound

if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        file.seek(1 << 30)  # a lock there leaves the text at the beginning to be read
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Claim:
    """The right to record the monitor with this device id; free again when it is left."""

    def __init__(self, device_id: str) -> None:
        user = getattr(os, "getuid", lambda: "user")()
        base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
        self._path = base / f"heartlog-{user}-{device_id}.lock"
        self._file: IO[bytes] | None = None

    def take(self) -> None:
        """Raises NotFound, naming the process, while another one has it."""
        while self._file is None:
            try:
                file = _open(self._path)
            except OSError:
                return  # no place for locks: the monitor itself still serves one at a time
            try:
                _lock(file)
            except OSError as error:
                file.seek(0)
                holder = file.read(20).decode(errors="replace").strip()
                file.close()
                raise NotFound(
                    "The monitor is being recorded by another program on this computer"
                    + (f" (process {holder})." if holder.isdigit() else "."),
                    "Stop that one, or wait until it is done, then try again.",
                ) from error
            if not self._is_there(file):
                file.close()  # it was removed while we waited for it: ours would be nobody's
                continue
            with contextlib.suppress(OSError):
                file.seek(0)
                file.truncate()
                file.write(str(os.getpid()).encode())
            self._file = file

    def _is_there(self, file: IO[bytes]) -> bool:
        with contextlib.suppress(OSError):
            return os.path.samestat(os.fstat(file.fileno()), os.stat(self._path))
        return False

    def release(self) -> None:
        """Lets another program have it."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
            self._file.close()
            self._file = None


def _open(path: Path) -> IO[bytes]:
    """The lock's file, never through a link that somebody laid in the temporary folder."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    return os.fdopen(os.open(path, flags, 0o600), "r+b", buffering=0)
