"""Starts a virtual board in a process of its own, talks to it, and always ends it."""

import atexit
import contextlib
import importlib.util
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from heartlog.errors import CommandError
from virtual_board.settings import Settings, default_image

_START_SECONDS = 60.0


class Board:
    """A running virtual board; a context manager.

    Keyword arguments are the fields of `Settings`. Without `run_dir` the board gets a temporary
    one, removed with the board, so its flash starts empty; without `image` the firmware's own
    image is built. `complaints` are what the models objected to; `events` is everything told.

    Raises:
        CommandError: it can't be started; the message says why.
    """

    def __init__(self, **chosen: Any) -> None:
        check_platform()
        self._temporary = chosen.get("run_dir") is None
        if self._temporary:
            chosen["run_dir"] = Path(tempfile.mkdtemp(prefix="heartlog-virtual-"))
        chosen["run_dir"] = Path(chosen["run_dir"]).resolve()
        self.run_dir: Path = chosen["run_dir"]
        self.events: list[dict[str, Any]] = []
        self.complaints: list[str] = []
        self.failure: CommandError | None = None
        self._process: subprocess.Popen[str] | None = None
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self.description: dict[str, Any] = {}
        try:
            if chosen.get("image") is None:
                chosen["image"] = default_image()
            chosen["image"] = Path(chosen["image"])
            self.settings = Settings(**chosen).checked()
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        self.run_dir.mkdir(parents=True, exist_ok=True)
        refuse_second(self.run_dir)
        log = self.run_dir / "board.log"
        log.touch()
        self.log_size_before = log.stat().st_size
        atexit.register(self.stop)
        with open(self.run_dir / "supervisor.log", "ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "virtual_board.service"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,  # Ctrl-C in the terminal reaches us, and we stop it
            )
        assert self._process.stdin is not None
        self._process.stdin.write(self.settings.to_json() + "\n")
        self._process.stdin.flush()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        if not self._ready.wait(_START_SECONDS):
            raise CommandError(
                f"The virtual board did not start within {_START_SECONDS:g} s.",
                f"See {self.run_dir / 'supervisor.log'}.",
            )
        if self.failure is not None:
            raise self.failure

    def _listen(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event = json.loads(line)
            if "ready" in event:
                self.description = event["ready"]
                self._ready.set()
            elif "error" in event:
                self.failure = CommandError(event["error"], event.get("hint", ""))
                self._ready.set()
            else:
                self.events.append(event)
                self.complaints += event.get("complaints", [])
                if event["event"] == "ended":
                    self.complaints.append(f"the firmware ended: {event['why']}")
        if not self._ready.is_set():
            tail = _tail(self.run_dir / "supervisor.log")
            self.failure = CommandError(
                f"The virtual board ended before it was ready: {tail}",
                f"See {self.run_dir / 'supervisor.log'}.",
            )
            self._ready.set()

    @property
    def running(self) -> bool:
        """Whether its process is alive."""
        return self._process is not None and self._process.poll() is None

    def control(self, **command: Any) -> dict[str, Any]:
        """Send one command to the control socket and return the reply.

        Raises:
            CommandError: the board refused it, or is gone.
        """
        with self._lock:
            try:
                if self._socket is None:
                    host, port = self.description["control"].rsplit(":", 1)
                    self._socket = socket.create_connection((host, int(port)), timeout=30)
                    self._socket.settimeout(None)  # its answers may take as long as they like
                    self._lines = self._socket.makefile("r")
                self._socket.sendall(json.dumps(command).encode() + b"\n")
                line = self._lines.readline()
            except (OSError, KeyError) as error:
                raise self._gone(command) from error
        if not line:
            raise self._gone(command)
        reply: dict[str, Any] = json.loads(line)
        if not reply.get("ok"):
            raise CommandError(
                f"The virtual board refused {command}: {reply.get('error')}",
                "See boards/virtual/README.md for its commands.",
            )
        return reply

    def run(self, seconds: float) -> int:
        """Let exactly `seconds` of simulated time pass, then stand still; returns the time (us).

        Everything that runs between two such calls is the same each time, at any speed, as long as
        no host is connected. `control(do="pause", on=False)` lets time go again.
        """
        return int(self.control(do="run", seconds=seconds)["now_us"])

    def _gone(self, command: dict[str, Any]) -> CommandError:
        if self.failure is not None:
            return self.failure
        return CommandError(
            f"The virtual board in {self.run_dir} is gone: {command} reached nobody.",
            f"See {self.run_dir / 'supervisor.log'} and board.log.",
        )

    def log(self) -> str:
        """What the firmware printed."""
        with contextlib.suppress(FileNotFoundError):
            return (self.run_dir / "board.log").read_text(errors="replace")
        return ""

    def stop(self) -> None:
        """End the board's processes; once is enough, more does no harm."""
        atexit.unregister(self.stop)
        if self._socket is not None:
            self._lines.close()
            self._socket.close()
            self._socket = None
        process = self._process
        if process is not None:
            if process.stdin is not None:
                with contextlib.suppress(OSError):
                    process.stdin.close()  # the supervisor ends the board and itself
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self._listener.join(5)
            if process.stdout is not None:
                process.stdout.close()
            self._process = None
        if self._temporary:
            shutil.rmtree(self.run_dir, ignore_errors=True)

    def __enter__(self) -> "Board":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and self.failure is not None and error is not self.failure:
            # Whoever used it may have met only what followed from this, such as a dead port.
            error.add_note(f"{self.failure} {self.failure.hint}")
        self.stop()


def check_platform() -> None:
    """
    Raises:
        CommandError: MicroPython's unix port is not to be had here.
    """
    if importlib.util.find_spec("micropython_run") is not None:
        return
    here = f"{platform.system()} on {platform.machine()}"
    if sys.platform == "linux" and platform.machine() == "x86_64":
        hint = 'Install it: pip install "heartlog[virtual]"'
    else:
        hint = (
            "The virtual board needs Linux on x86-64 (WSL will do); the rest of heartlog runs here"
            " and works with a real board."
        )
    raise CommandError(f"MicroPython's unix port is not installed ({here}).", hint)


def refuse_second(run_dir: Path) -> None:
    """
    Raises:
        CommandError: a board already runs in this directory.
    """
    try:
        pid = int(json.loads((run_dir / "board.json").read_text())["pid"])
        os.kill(pid, 0)
    except (OSError, ValueError, KeyError):
        return
    raise CommandError(
        f"A virtual board already runs in {run_dir} (process {pid}).",
        "Stop it, or start this one elsewhere: --run-dir DIR",
    )


def _tail(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
    return lines[-1] if lines else "it said nothing"
