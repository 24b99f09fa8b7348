"""One recorder a monitor on this computer, so that two never write one session between them.

    with Claim("e66178c4a7301c2f"):      # Claimed while another program holds it
        ...

A lock on a file in the user's runtime folder. The kernel lets go of it when its program ends,
however it ends, so that a recorder that was killed is in nobody's way.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Self

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
        self._device = device_id
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def take(self) -> None:
        """Raises NotFound, naming the process, while another one has it."""
        if self._file is not None:
            return
        try:
            file = _path(self._device).open("a+b")
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
        with contextlib.suppress(OSError):
            file.truncate(0)
            file.write(str(os.getpid()).encode())
            file.flush()
        self._file = file

    def release(self) -> None:
        """Lets another program have it."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _path(device_id: str) -> Path:
    """In a folder of the user's own: XDG_RUNTIME_DIR, or one in the temporary folder."""
    user = getattr(os, "getuid", lambda: "user")()
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    folder = base / f"heartlog-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"recording-{device_id}.lock"
