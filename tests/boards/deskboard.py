"""A board on a desk, with a cable: MicroPython's unix port behind a pseudo-terminal.

    with DeskBoard(folder, micropython, repository) as board:
        install(board_description, image, board.port)

The port runs real MicroPython with a real littlefs on the flash model; a reset ends the process
and starts the next, as on a board. `pull()` takes the cable away, `cut_power()` kills the process.
"""

import os
import pty
import select
import subprocess
import termios
import threading
import time
import tty
from pathlib import Path
from types import TracebackType

ONBOARD = Path(__file__).parent / "onboard"
FLASH_SIZE = 848 * 1024  # a Pico W's file system


class DeskBoard:
    """One board. `boots` counts starts, `resets` those it did itself, `bites` the watchdog's."""

    def __init__(self, folder: Path, micropython: str, repository: Path) -> None:
        self.folder = folder
        self.boots = self.resets = self.bites = 0
        self.printed = bytearray()
        self._micropython = micropython
        self._models = repository / "boards" / "virtual" / "models"
        self._signals = folder / "signals"
        self._process: subprocess.Popen[bytes] | None = None
        self._due: float | None = None
        self._pulled = self._stop = self._off = self._ready = False
        self._pull_after: int | None = None
        # Two pseudo-terminals, bridged: one is the process's own terminal (its Ctrl-C must reach
        # a running program), the other the port that tools open.
        self._inner, self._inner_far = pty.openpty()
        self._outer, self._outer_far = pty.openpty()
        tty.setraw(self._outer_far)
        self.port = os.ttyname(self._outer_far)
        os.mkfifo(self._signals)
        self._wire = os.open(self._signals, os.O_RDONLY | os.O_NONBLOCK)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "DeskBoard":
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self.boots and time.monotonic() < deadline:
            time.sleep(0.01)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop = True
        self._thread.join()
        self._kill()
        for handle in (
            self._inner,
            self._inner_far,
            self._outer,
            self._outer_far,
            self._wire,
        ):
            os.close(handle)

    def _boot(self) -> None:
        arguments = [str(self.folder / "flash.bin"), str(FLASH_SIZE), str(self._models)]
        arguments += ["e660583883724a32", str(self._signals)]
        self._due = None
        self._ready = False
        # A process that was killed in its REPL left the terminal without interrupts.
        tty.setraw(self._inner_far)
        modes = termios.tcgetattr(self._inner_far)
        modes[3] |= termios.ISIG
        termios.tcsetattr(self._inner_far, termios.TCSANOW, modes)
        self._process = subprocess.Popen(
            [self._micropython, "-i", str(ONBOARD / "desk_boot.py"), *arguments],
            stdin=self._inner_far,
            stdout=self._inner_far,
            stderr=self._inner_far,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        self.boots += 1

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def cut_power(self) -> None:
        """Power goes; `restore_power` brings it back."""
        self._off = True
        time.sleep(0.05)
        self._kill()

    def restore_power(self) -> None:
        """Power comes back, and the board boots."""
        self._off = False

    def pull(self, after: int = 0) -> None:
        """Pull the cable once `after` more bytes have gone to the board."""
        self._pull_after = after

    def plug(self) -> None:
        """Put the cable back."""
        self._pull_after = None
        self._pulled = False

    def _run(self) -> None:
        while not self._stop:
            if self._process is None and not self._off:
                self._boot()
            if self._process is not None and self._process.poll() is not None:
                self.resets += 1
                self._process = None
                continue
            if self._due is not None and time.monotonic() > self._due:
                self.bites += 1
                self._kill()
                self._due = None
                continue
            self._carry()

    def _carry(self) -> None:
        sources = [self._inner, self._wire] + ([self._outer] if self._ready else [])
        ready, _, _ = select.select(sources, [], [], 0.02)
        if self._inner in ready:
            data = os.read(self._inner, 4096)
            self.printed += data
            if not self._pulled:
                os.write(self._outer, data)
        if self._outer in ready:
            data = os.read(self._outer, 4096)
            if self._pull_after is not None and not self._pulled:
                data = data[: self._pull_after]
                self._pull_after -= len(data)
                os.write(self._inner, data)
                self._pulled = self._pull_after == 0
            elif not self._pulled:
                os.write(self._inner, data)
        if self._wire in ready:
            fed = os.read(self._wire, 4096)
            if fed:
                timeout = int.from_bytes(fed[-4:], "little")
                self._ready = True
                self._due = time.monotonic() + timeout / 1000 if timeout else None
            else:
                time.sleep(0.005)


def _take_terminal() -> None:
    import fcntl

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
