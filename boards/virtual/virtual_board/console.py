"""A cable to a MicroPython process: a port that tools open as they open a board's USB serial port.

    console = Console()
    process = subprocess.Popen([...], **console.stdio())
    console.port                         # "/dev/pts/7": mpremote connect /dev/pts/7

Two pseudo-terminals with a thread between them: one is the process's own controlling terminal, so
that Ctrl-C reaches a running program, the other is what tools open. `pull()` takes the cable away.
"""

import contextlib
import fcntl
import os
import pty
import select
import signal
import termios
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any

_KEEP = 1 << 20  # bytes of what a board printed
_CTRL_C = b"\x03"
_LONGEST_WAIT = 2.0  # seconds
_POLITE_WAIT = 5.0  # seconds in which a program that sleeps or idles now and then comes to it
_SETTLE = 2.0


class Console:
    """The cable. `printed` collects what the board printed; `pid` is the process on it now.

    `ask(True)`, called in a thread of its own, asks the program on the board for a
    KeyboardInterrupt at the next moment that suits it; `ask(False)` takes that back.
    """

    def __init__(self) -> None:
        self._inner, self._inner_far = pty.openpty()
        self._outer, self._outer_far = pty.openpty()
        tty.setraw(self._outer_far)
        self.port = os.ttyname(self._outer_far)
        self.printed = bytearray()
        self._live_at: float | None = None
        self.pid: int | None = None
        self.ask: Callable[[bool], None] = _nobody_hears
        self._pulled = False
        self._pull_after: int | None = None
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._run, name="console", daemon=True)
        self._thread.start()

    def stdio(self) -> dict[str, Any]:
        """Arguments of Popen for a process on this cable; a new one may follow an old one."""
        tty.setraw(self._inner_far)
        # A process that was killed in its REPL left the terminal without interrupts. And a board
        # that is interrupted forgets nothing of what it has said or was sent: no flush.
        modes = termios.tcgetattr(self._inner_far)
        modes[3] |= termios.ISIG | termios.NOFLSH
        termios.tcsetattr(self._inner_far, termios.TCSANOW, modes)
        return {
            "stdin": self._inner_far,
            "stdout": self._inner_far,
            "stderr": self._inner_far,
            "start_new_session": True,
            "preexec_fn": _take_terminal,
        }

    def down(self) -> None:
        """A board is starting: its USB is not up yet, what tools send has to wait."""
        self._live_at = None

    def up(self) -> None:
        """It has booted: it can be reached at its prompt, or once its program really runs.

        A program that ends at once hands over to the REPL, and a Ctrl-C in between would kill the
        process; so the prompt is waited for, or two seconds.
        """
        self._live_at = time.monotonic() + _SETTLE

    def _live(self) -> bool:
        live_at = self._live_at
        if live_at is None:
            return False
        return self._at_prompt() or time.monotonic() > live_at

    def pull(self, after: int = 0) -> None:
        """Pull the cable once `after` more bytes have gone to the board."""
        self._pull_after = after

    def plug(self) -> None:
        """Put the cable back."""
        self._pull_after = None
        self._pulled = False

    def close(self) -> None:
        """Take the port away."""
        os.write(self._stop_write, b"x")
        self._thread.join()
        handles = (self._inner, self._inner_far, self._outer, self._outer_far)
        for handle in (*handles, self._stop_read, self._stop_write):
            os.close(handle)

    def _run(self) -> None:
        while True:
            sources = [self._inner, self._stop_read] + ([self._outer] if self._live() else [])
            ready, _, _ = select.select(sources, [], [], 0.02)
            if self._stop_read in ready:
                return
            if self._inner in ready:
                self._carry(self._inner, self._from_board)
            if self._outer in ready and self._live():
                self._carry(self._outer, self._to_board)

    def _carry(self, source: int, take: Callable[[bytes], None]) -> None:
        try:
            take(os.read(source, 4096))
        except OSError:
            pass  # the far end is between two processes

    def _from_board(self, data: bytes) -> None:
        self.printed += data
        del self.printed[:-_KEEP]
        if not self._pulled:
            # Nobody may be listening: what doesn't fit is lost, as on a port that nobody opened.
            _, room, _ = select.select([], [self._outer], [], 0)
            if room:
                os.write(self._outer, data)

    def _to_board(self, data: bytes) -> None:
        if self._pulled:
            return
        if self._pull_after is not None:
            data = data[: self._pull_after]
            self._pull_after -= len(data)
            self._pulled = self._pull_after == 0
        while _CTRL_C in data:
            head, _, data = data.partition(_CTRL_C)
            self._write(head)
            self._interrupt()
            if not self._live():
                return  # the board has restarted meanwhile: what was on its way is lost
        self._write(data)

    def _write(self, data: bytes) -> None:
        if data:
            os.write(self._inner, data)

    def _at_prompt(self) -> bool:
        """Whether the process reads its terminal itself: a Ctrl-C is a character to it then."""
        return not termios.tcgetattr(self._inner_far)[3] & termios.ISIG

    def _interrupt(self) -> None:
        """Interrupt, and send what follows only once the program has made way for the prompt.

        The unix port forgets what was sent before it takes its terminal, and dies of a second
        Ctrl-C that comes while it still handles the first; a board does neither. Its signal hits
        the models as well as the firmware, so it is only for a program that never gives them time.
        """
        if self._at_prompt() and not self._computing():
            os.write(self._inner, _CTRL_C)
            return
        pid = self.pid
        self.ask(True)
        made_way = self._prompted(pid, _POLITE_WAIT)
        self.ask(False)
        if made_way:
            return
        self._until_interruptible()
        if self._at_prompt():
            self._signal()  # what was typed at the prompt runs with the terminal as it is there
        else:
            os.write(self._inner, _CTRL_C)
        self._prompted(pid, _LONGEST_WAIT)  # a program may catch it and go on

    def _prompted(self, pid: int | None, patience: float) -> bool:
        """Wait for the prompt, or for the end of the process; what is printed is passed on."""
        deadline = time.monotonic() + patience
        while pid == self.pid and (not self._at_prompt() or self._computing()):
            if time.monotonic() > deadline:
                return False
            ready, _, _ = select.select([self._inner], [], [], 0.002)
            if ready:
                self._carry(self._inner, self._from_board)
        return True

    def _computing(self) -> bool:
        """Whether what was typed at the prompt still runs: only then is SIGINT handled."""
        return self.pid is not None and _catches_interrupts(self.pid)

    def _signal(self) -> None:
        if self._computing() and self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGINT)

    def _until_interruptible(self) -> None:
        """Wait while a Ctrl-C would kill the process instead of interrupting its program.

        The unix port gives SIGINT back to the system for a moment whenever a program has ended,
        before it takes its terminal; a board has no such moment.
        """
        deadline = time.monotonic() + _LONGEST_WAIT
        while self.pid is not None and time.monotonic() < deadline:
            if self._at_prompt() or _catches_interrupts(self.pid):
                return
            time.sleep(0.002)


def _catches_interrupts(pid: int) -> bool:
    """Whether a process has a handler for SIGINT (Linux: proc(5), SigCgt)."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True  # it is gone, or this system can't tell
    caught = next((line for line in status.splitlines() if line.startswith("SigCgt:")), "")
    return bool(int(caught.split()[1], 16) >> (signal.SIGINT - 1) & 1) if caught else True


def _nobody_hears(_: bool) -> None:
    """Until somebody says how to ask a program."""


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
