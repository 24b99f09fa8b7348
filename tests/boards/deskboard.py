"""A board on a desk, with a cable: MicroPython's unix port behind a pseudo-terminal.

    with DeskBoard(folder, micropython, repository) as board:
        install(board_description, image, board.port)

The port runs real MicroPython with a real littlefs on the flash model; a reset ends the process
and starts the next, as on a board. `cable.pull()` takes the cable away, `cut_power()` kills the
process, and a watchdog that nothing feeds bites from outside.
"""

import os
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType

from virtual_board.console import Console

ONBOARD = Path(__file__).parent / "onboard"
FLASH_SIZE = 848 * 1024  # a Pico W's file system


class DeskBoard:
    """One board. `boots` counts its starts, `bites` those that the watchdog forced."""

    def __init__(self, folder: Path, micropython: str, repository: Path) -> None:
        self.boots = self.bites = 0
        self.cable = Console()
        self.port = self.cable.port
        signals = folder / "signals"
        os.mkfifo(signals)
        self._wire = os.open(signals, os.O_RDONLY | os.O_NONBLOCK)
        self._command = [
            *(micropython, "-i", str(ONBOARD / "desk_boot.py")),
            *(str(folder / "flash.bin"), str(FLASH_SIZE)),
            *(str(repository / "boards" / "virtual" / "models"), "e660583883724a32"),
            str(signals),
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self._due: float | None = None
        self._stop = self._off = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "DeskBoard":
        self._thread.start()
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
        self.cable.close()
        os.close(self._wire)

    @property
    def printed(self) -> bytearray:
        """What the board has printed."""
        return self.cable.printed

    def cut_power(self) -> None:
        """Power goes; `restore_power` brings it back."""
        self._off = True
        time.sleep(0.1)
        self._kill()

    def restore_power(self) -> None:
        """Power comes back, and the board boots."""
        self._off = False

    def _kill(self) -> None:
        if self._process is not None:
            self.cable.down()
            self._process.kill()
            self._process.wait()
            self._process = None

    def _run(self) -> None:
        while not self._stop:
            if self._process is None and not self._off:
                self._due = None
                # Only a booted board can be interrupted, as USB is up only when MicroPython is.
                self.cable.down()
                self._process = subprocess.Popen(self._command, **self.cable.stdio())
                self.cable.pid = self._process.pid
                self.boots += 1
            if self._process is not None and self._process.poll() is not None:
                self._process = None
                continue
            if self._due is not None and time.monotonic() > self._due:
                self.bites += 1
                self._kill()
                continue
            self._listen()
            time.sleep(0.005)

    def _listen(self) -> None:
        """Read what `machine` says: a watchdog's time in ms when it is fed, 0 once booted."""
        try:
            fed = os.read(self._wire, 4096)
        except BlockingIOError:
            return
        for at in range(0, len(fed), 4):
            timeout = int.from_bytes(fed[at : at + 4], "little")
            if not timeout:
                self.cable.up()
            self._due = time.monotonic() + timeout / 1000 if timeout else None
