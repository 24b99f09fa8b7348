"""A board's raw REPL over its cable, with mpremote as the engine and errors in words.

with Repl(port) as board:
    board.exec("print(1 + 1)")
    board.put("/x.mpy", contents)
    board.hashes(["/x.mpy"])
"""

import base64
import contextlib
import io
import os
import struct
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from heartlog.device.ports import INSTALL, explain_open
from heartlog.errors import CommandError

Progress = Callable[[int], None]

_HASHES = """
import hashlib
def h(p):
 try:
  f=open(p,'rb')
 except OSError:
  return ''
 s=hashlib.sha256()
 b=bytearray(512)
 m=memoryview(b)
 n=f.readinto(b)
 while n:
  s.update(m[:n])
  n=f.readinto(b)
 f.close()
 return ''.join('%02x'%c for c in s.digest())
"""

_CHUNK = 512  # bytes of a file in one command: fits the smallest board's heap many times over
_OPEN = 1.0  # seconds for which another program may hold the port
_ANSWER = 3.0  # seconds in which a short command is answered, by a board that doesn't restart
_SAFE = 4096  # bytes of a file after which it is closed: what a pulled cable leaves of it


class RemoteError(CommandError):
    """The board's own program raised: `remote` is its traceback."""

    def __init__(self, port: str, remote: str) -> None:
        last = remote.strip().splitlines()[-1] if remote.strip() else "no message"
        super().__init__(
            f"The board on {port} answered with an error: {last}.",
            "Try again; if it stays so, unplug the board and plug it in again.",
        )
        self.remote = remote


class Unplugged(CommandError):
    """The board went away in the middle of something."""

    def __init__(self, port: str) -> None:
        super().__init__(
            f"The board on {port} stopped answering: the cable was pulled, or it was reset.",
            "Plug it in and run the same command again: what was done is kept, the rest is done,"
            " and the monitor on it is not changed until all of it is there.",
        )


class Repl:
    """The raw REPL on `port`; interrupts what runs there. Raises CommandErrors only."""

    def __init__(self, port: str, patience: float = 30.0) -> None:
        try:
            import serial
            from mpremote.transport import TransportError, TransportExecError
            from mpremote.transport_serial import SerialTransport
        except ImportError as error:
            raise CommandError("mpremote is not installed.", INSTALL) from error
        self.port = port
        self._transport_error: type[Exception] = TransportError
        self._exec_error: type[Exception] = TransportExecError
        deadline = time.monotonic() + _OPEN
        while True:
            try:
                # mpremote tells only that a port did not open; pyserial tells why.
                serial.serial_for_url(port, exclusive=True, timeout=1).close()
                self._link: Any = SerialTransport(port, timeout=2)
                break
            except (OSError, TransportError) as error:
                # Others look at a port that has just appeared, too, and let it go again.
                if time.monotonic() > deadline or not os.path.exists(port):
                    raise explain_open(port, error) from error
                time.sleep(0.1)
        try:
            self._enter(patience)
        except BaseException:
            self.close()
            raise

    def _enter(self, patience: float) -> None:
        deadline = time.monotonic() + patience
        while True:
            try:
                with contextlib.redirect_stdout(io.StringIO()):  # mpremote prints what it got
                    self._link.enter_raw_repl(soft_reset=False, timeout_overall=2)
                # Not an empty command: in mpremote's plain mode that is a Ctrl-D, a soft reset. It
                # falls back to that mode for good when two prompts came, as answers to two tries.
                self._link.use_raw_paste = True
                self._link.exec_raw("pass", timeout=_ANSWER)
                return
            # A board that is just starting answers in parts, which mpremote trips over: once more.
            except (OSError, TypeError, struct.error, self._transport_error) as error:
                if time.monotonic() > deadline and isinstance(error, OSError):
                    raise Unplugged(self.port) from error
                if time.monotonic() > deadline:
                    raise CommandError(
                        f"What is on {self.port} does not answer as MicroPython does.",
                        "Press the board's reset button and try again. A new board needs"
                        " MicroPython first: heartlog device micropython --help.",
                    ) from error

    def __enter__(self) -> "Repl":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the port go; the board stays where it is."""
        with contextlib.suppress(OSError, AttributeError, TypeError):
            self._link.serial.write(b"\r\x02")
        with contextlib.suppress(OSError, AttributeError, TypeError):
            self._link.close()

    @contextlib.contextmanager
    def _words(self) -> Iterator[None]:
        try:
            yield
        except self._exec_error as error:
            raise RemoteError(self.port, str(getattr(error, "error_output", error))) from error
        # TypeError and struct.error come from mpremote when bytes that it counts on are missing.
        except (OSError, TypeError, ValueError, struct.error, self._transport_error) as error:
            raise Unplugged(self.port) from error

    def exec(self, code: str, timeout: float = 20.0) -> str:
        """Run code on the board; returns what it printed. `timeout` is for silence, in seconds."""
        with self._words():
            said, raised = self._link.exec_raw(code, timeout=timeout)
            if raised:
                raise RemoteError(self.port, raised.decode("utf-8", "replace"))
        return str(said.decode("utf-8", "replace").replace("\r\n", "\n"))

    def value(self, expression: str, prepare: str = "") -> Any:
        """The value of an expression on the board, as Python literals."""
        import ast

        said = self.exec(f"{prepare}\nprint(repr({expression}))").strip()
        try:
            return ast.literal_eval(said)
        except (ValueError, SyntaxError) as error:
            raise CommandError(
                f"The board on {self.port} said {said[:60]!r}, which makes no sense here.",
                "Press its reset button and try again.",
            ) from error

    def exists(self, path: str) -> bool:
        """Whether there is such a file or folder on the board."""
        try:
            self.exec(f"import os\nos.stat({path!r})")
        except RemoteError:
            return False
        return True

    def put(
        self, path: str, contents: bytes, progress: Progress | None = None, append: bool = False
    ) -> None:
        """Write a file, or its rest; its folders are made. `progress` is told each chunk's bytes.

        A cable pulled in the middle leaves whole pieces of 4096 bytes.
        """
        parts = path.split("/")
        for depth in range(2, len(parts)):
            folder = "/".join(parts[:depth])
            self.exec(f"import os\ntry:\n os.mkdir({folder!r})\nexcept OSError:\n pass")
        # Base64 is half as long on the cable as the bytes' own notation.
        self.exec("from binascii import a2b_base64 as a")
        if not append:
            self.exec(f"open({path!r},'wb').close()")
        for piece in range(0, len(contents), _SAFE):
            self.exec(f"f=open({path!r},'ab')\nw=f.write")
            for at in range(piece, min(piece + _SAFE, len(contents)), _CHUNK):
                chunk = contents[at : min(at + _CHUNK, piece + _SAFE)]
                self.exec(f"w(a({base64.b64encode(chunk)!r}))")
                if progress:
                    progress(len(chunk))
            self.exec("f.close()")

    def put_safely(self, path: str, contents: bytes) -> None:
        """Replace a file whole or not at all: written beside it, checked, renamed."""
        import hashlib

        self.put(path + ".new", contents)
        if self.hashes([path + ".new"])[0] != hashlib.sha256(contents).hexdigest():
            raise CommandError(
                f"{path} did not arrive whole on the board on {self.port}.",
                "Try another cable or USB socket. If it stays so, the board's flash is worn out.",
            )
        self.exec(f"import os\nos.rename({path + '.new'!r},{path!r})")

    def get(self, path: str) -> bytes:
        """Read a file.

        Raises:
            RemoteError: there is no such file.
        """
        with self._words():
            self._link.exec(f"f=open({path!r},'rb')\nr=f.read")
            out = bytearray()
            while chunk := self._link.eval(f"r({_CHUNK})"):
                out += chunk
            self._link.exec("f.close()")
        return bytes(out)

    def hashes(self, paths: list[str]) -> list[str]:
        """SHA-256 of files, read back from flash by the board; "" for one that isn't there."""
        self.exec(_HASHES)
        return [str(self.value(f"h({path!r})")) for path in paths]

    def reset(self) -> None:
        """Reset the board as its button does; the REPL is gone afterwards."""
        with contextlib.suppress(Exception):
            self._link.exec_raw_no_follow("import machine\nmachine.reset()")
            time.sleep(0.2)
        self._link.close()


def reopen(port: str, patience: float = 30.0) -> Repl:
    """Open the REPL of a board that is just starting: USB vanishes for a second or two."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return Repl(port, patience=3.0)
        except CommandError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)
