"""A person at a terminal, and somebody who notes all that goes through the air meanwhile.

with Typist(["heartlog", "fit"], environment) as technician:
    technician.answer("identifier", "P-1")        # waits for the words, then types
    code = technician.leave()
with Overheard(run_dir, tmp_path / "heard") as air:
    ... --backend virtual:{air.run_dir} ...
    air.said                                       # every byte that the host's radio was given
"""

import contextlib
import json
import os
import pty
import select
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Self

PATIENCE = 120.0
_ACL = 2


class Typist:
    """A program in a terminal of 80 columns; `seen`: all that it has shown."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._fd, theirs = pty.openpty()
        self._process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**environment, "COLUMNS": "80", "LINES": "24", "TERM": "xterm"},
            start_new_session=True,
        )
        os.close(theirs)
        self.seen = ""
        self._read = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._fd)

    def _more(self) -> bool:
        """What it shows next; False when it has ended."""
        if select.select([self._fd], [], [], 0.2)[0]:
            try:
                data = os.read(self._fd, 65536)
            except OSError:  # Linux's way to say that the other end is closed
                return False
            self.seen += data.decode(errors="replace")
        return True

    def first_of(self, *choices: str) -> str:
        """Which of these is shown first, behind what was waited for before."""
        end = time.monotonic() + PATIENCE
        while not (shown := [words for words in choices if words in self.seen[self._read :]]):
            assert time.monotonic() < end, f"none of {choices} in: {self.seen[-2000:]}"
            assert self._more(), f"it ended without {choices}: {self.seen[-2000:]}"
        words = min(shown, key=lambda words: self.seen.index(words, self._read))
        self._read = self.seen.index(words, self._read) + len(words)
        return words

    def wait_for(self, words: str) -> None:
        """Until the words are shown, behind those that were waited for before."""
        self.first_of(words)

    def type(self, text: str) -> None:
        """Types a line."""
        os.write(self._fd, text.encode() + b"\n")

    def answer(self, question: str, text: str) -> None:
        """Waits for the question and types a line."""
        self.wait_for(question)
        self.type(text)

    def leave(self) -> int:
        """Waits until the program has ended; its exit code."""
        end = time.monotonic() + PATIENCE
        while self._more():
            assert time.monotonic() < end, self.seen[-2000:]
        return self._process.wait(PATIENCE)


class Overheard:
    """Stands between hosts' radios and the air; `run_dir` is to be used instead of the board's.

    `said`: bytes from the hosts, `heard`: to them. Of packets that carry data, only the data, so
    that what was sent in several is found in one piece."""

    def __init__(self, board: Path, run_dir: Path) -> None:
        described = json.loads((board / "board.json").read_text())
        host, port = described["hci"].removeprefix("tcp-client:").split(":")
        self._there = (host, int(port))
        self._server = socket.create_server(("127.0.0.1", 0))
        described["hci"] = f"tcp-client:127.0.0.1:{self._server.getsockname()[1]}"
        described["clock"] = str(board / described["clock"])
        run_dir.mkdir()
        (run_dir / "board.json").write_text(json.dumps(described))
        self.run_dir = run_dir
        self.said = bytearray()
        self.heard = bytearray()
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                host, _ = self._server.accept()
                self.connections += 1
                air = socket.create_connection(self._there)
                for source, sink, log in ((host, air, self.said), (air, host, self.heard)):
                    threading.Thread(
                        target=self._pass, args=(source, sink, log), daemon=True
                    ).start()

    def _pass(self, source: socket.socket, sink: socket.socket, log: bytearray) -> None:
        rest = b""
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                rest = self._note(rest + data, log)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _note(data: bytes, log: bytearray) -> bytes:
        """Whole HCI packets (H4: Bluetooth Core 5.4, volume 4, part A) into the log."""
        while data:
            kind = data[0]
            head = {1: 4, _ACL: 5, 4: 3}[kind]
            if len(data) < head:
                break
            size = data[3] | data[4] << 8 if kind == _ACL else data[head - 1]
            if len(data) < head + size:
                break
            log += data[head : head + size] if kind == _ACL else data[: head + size]
            data = data[head + size :]
        return data
