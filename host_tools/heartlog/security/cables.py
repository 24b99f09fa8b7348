"""The cables that a pairing key can go through."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

from heartlog.errors import CommandError, NotFound

RESTART_SECONDS = 60.0


class VirtualCable:
    """The control socket of a virtual board, in place of USB."""

    def __init__(self, run_dir: Path) -> None:
        path = run_dir / "board.json"
        try:
            place = json.loads(path.read_text())["control"]
        except (OSError, ValueError, KeyError) as error:
            raise NotFound(
                f"No virtual monitor runs in {run_dir}.", "Start one: python -m virtual_board"
            ) from error
        host, _, port = str(place).rpartition(":")
        self._address = (host, int(port))

    def _control(self, **command: Any) -> dict[str, Any]:
        try:
            with socket.create_connection(self._address, timeout=30) as link:
                link.sendall(json.dumps(command).encode() + b"\n")
                answer: dict[str, Any] = json.loads(link.makefile().readline())
        except (OSError, ValueError) as error:
            raise CommandError(
                f"The virtual monitor at {self._address[0]}:{self._address[1]} does not answer.",
                "Is it still running? Start one: python -m virtual_board",
            ) from error
        if not answer.get("ok"):
            raise CommandError(f"The virtual monitor refused {command['do']}: {answer}.")
        return answer

    def device_id(self) -> str:
        """The board's id."""
        return str(self._control(do="status")["unique_id"])

    def write(self, path: str, data: bytes) -> None:
        """Write a file on the board's flash."""
        self._control(do="put", path=path, hex=data.hex())

    def give_journal_key(self, key: bytes) -> None:
        """Run the firmware's own function, as over the USB prompt."""
        self._until_on_air(0)  # a board that is still making its journal can't be asked
        self._control(do="vault", hex=key.hex())

    def restart(self) -> None:
        """Press its reset button, and wait until it is on the air again."""
        before = int(self._control(do="status")["boots"])
        self._control(do="reset")
        self._until_on_air(before)

    def _until_on_air(self, boots: int) -> None:
        end = time.monotonic() + RESTART_SECONDS
        while time.monotonic() < end:
            try:
                status = self._control(do="status")
                if status.get("boots", 0) > boots and status["radio"]["advertising"]:
                    return
            except CommandError:
                pass  # between two boots nothing answers
            time.sleep(0.1)
        raise CommandError(
            f"The virtual monitor was not on the air within {RESTART_SECONDS:.0f} s.",
            "Look at board.log in its run directory.",
        )


class UsbCable:
    """A board's raw REPL on a serial port."""

    def __init__(self, port: str) -> None:
        self._port = port

    def device_id(self) -> str:
        """The chip's id: its first eight bytes, filled up with zeros, as the firmware tells it."""
        from heartlog.device.repl import Repl

        with Repl(self._port) as board:
            unique = bytes(board.value("machine.unique_id()", "import machine"))
        return (unique + bytes(8))[:8].hex()

    def write(self, path: str, data: bytes) -> None:
        """Write a file and read it back."""
        from heartlog.device.repl import Repl

        with Repl(self._port) as board:
            # Some boards have littlefs beside a root of another kind.
            root = str(board.value("getattr(board,'ROOT','/')", "import board"))
            path = root.rstrip("/") + path
            board.put_safely(path, data)
            written = board.get(path)
        if written != data:
            raise CommandError(
                f"{path} on the board at {self._port} reads back differently.",
                "Try again; if it stays so, its flash is worn out.",
            )

    def give_journal_key(self, key: bytes) -> None:
        """Run the firmware's own function at the prompt."""
        from heartlog.device.repl import RemoteError, Repl

        setup = "import board\nfrom binascii import unhexlify\nfrom monitor import vault"
        with Repl(self._port) as board:
            try:
                board.value(f"vault.give(board, unhexlify('{key.hex()}'))", setup)
            except RemoteError as error:
                if "ImportError" not in error.remote:
                    raise
                raise CommandError(
                    f"The firmware on the board at {self._port} can't keep its journal sealed.",
                    "Put this version's firmware on it first: heartlog device flash.",
                ) from error

    def restart(self) -> None:
        """Start the firmware anew."""
        from heartlog.device.repl import Repl

        with Repl(self._port) as board:
            board.reset()
